import time
import pytest
from tests.unit.test_contract import TRADE
@pytest.mark.stack
def test_x(case):
    t=time.time()
    w = case(); print("world", time.time()-t); t=time.time()
    trades=[{**TRADE, "trade_id": str(i), "event_time": TRADE["event_time"]+i*100} for i in range(20000)]
    w.put("trades", trades); print("put", time.time()-t); t=time.time()
    for j in ("ingest","analytics","alerts","enrich"):
        w.run(j); print(j, time.time()-t); t=time.time()
    print(len(w.rows("trade_data")), len(w.rows("candles")), len(w.topic("dead_letters")), len(w.rows("enriched_trades"))); print(time.time()-t)
    w.run("ingest","analytics","alerts","enrich"); print("4", time.time()-t); t=time.time()
