from __future__ import annotations

import pytest

from producers import coins
from producers.mentions import mentions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bitcoin and ETHEREUM rally", ["BTC", "ETH"]),
        ("BTC/USDT slips, $sol and ADA follow", ["ADA", "BTC", "SOL", "USDT"]),
        ("They resolve the console issue", []),
        ("sol, link, dot, near, one, uni, ada in lower case", []),
        ("SOL LINK DOT NEAR ONE", ["DOT", "LINK", "NEAR", "ONE", "SOL"]),
        ("Bitcoin Cash halves", ["BCH"]),
        ("bitcoin  cash and Bitcoin", ["BCH", "BTC"]),
        ("Ethereum Classic", ["ETC"]),
        ("Wrapped Bitcoin", ["WBTC"]),
        ("Bitcoin's price; bitcoins; Bitcoin-backed", ["BTC"]),
        ("XBT is BTC", ["BTC"]),
        ("an avalanche of dash cams in the cosmos, a stellar polygon", []),
        ("Avalanche, Cosmos and Stellar", ["ATOM", "AVAX", "XLM"]),
        ("MBTC and BTCX and ETHER_1", []),
        ("Chainlink links up with Polkadot", ["DOT", "LINK"]),
        ("Shiba Inu", ["SHIB"]),
        ("Avalanche of sales; a snow avalanche risk; Avalanche rises", ["AVAX"]),
        ("An avalanche of SOL", ["SOL"]),
        ("Ripple effects, says Ripple", ["XRP"]),
        ("Stellar results for Bitcoin miners", ["BTC"]),
        ("Stellar gains, Polygon returns", ["POL", "XLM"]),
        ("Bitcoin cash-outs rise, bitcoin cash flows shrink", ["BTC"]),
        ("ETH Zurich, US DOT, ADA compliance, sui generis", []),
        ("Sui doubles, SUI triples", ["SUI"]),
        ("NO ONE IS NEAR THE LINK", []),
        ("NO ONE BUYS $NEAR OR $link", ["LINK", "NEAR"]),
        ("BITCOIN AND XRP CRASH, NO ONE KNOWS WHY", ["BTC", "XRP"]),
        ("NO ONE KNOWS. NEAR rose.", ["NEAR"]),
        ("NEAR/USDT: 5.20 USD", ["NEAR", "USDT"]),
        ("#Bitcoin #SOL @LINK", ["BTC", "LINK", "SOL"]),
        ("ſolana, $ſol, Lıtecoin, bitcoinſ and Bitcoin", ["BTC"]),  # letters that re and lower() see differently
        ("bitcoin" + 10_000 * "-" + "cash", ["BTC"]),
        ("$", []),
        ("$BTC", ["BTC"]),
        ("", []),
        ("Биткоин BTC、ETH", ["BTC", "ETH"]),
    ],
)
def test_mentions(text: str, expected: list[str]) -> None:
    assert mentions(text) == expected


@pytest.mark.parametrize("symbol", coins.COINS)
def test_every_coin_is_found_by_name_and_symbol_and_is_nothing_else(symbol: str) -> None:
    coin = coins.COINS[symbol]
    for text in (coin.name, coin.name.upper(), symbol, f"${symbol.lower()}", *coin.aliases):
        assert mentions(f"About {text} today") == [symbol]


@pytest.mark.parametrize("phrase", coins.PHRASES)
def test_a_phrase_means_what_it_says_in_any_case(phrase: str) -> None:
    expected = [coins.PHRASES[phrase]] if coins.PHRASES[phrase] else []
    for text in (phrase, phrase.upper(), phrase.capitalize(), f"{phrase}s"):
        assert mentions(f"About {text} today") == expected


@pytest.mark.parametrize(
    ("market", "pair"),
    [
        ("BTCUSDT", "BTC/USDT"),
        ("LRCBTC", "LRC/BTC"),
        ("ETHBTC", "ETH/BTC"),
        ("BTCTUSD", "BTC/TUSD"),
        ("BNBFDUSD", "BNB/FDUSD"),
        ("1000SATSUSDT", "1000SATS/USDT"),
        ("USDTTRY", "USDT/TRY"),
        ("SHIBDOGE", "SHIB/DOGE"),
    ],
)
def test_binance_markets(market: str, pair: str) -> None:
    assert coins.pair_of_market(market) == pair


@pytest.mark.parametrize("market", ["", "USDT", "BTC", "btcusdt", "BTC/USDT", "BTC-USDT"])
def test_no_binance_market(market: str) -> None:
    with pytest.raises(ValueError, match="quote currency"):
        coins.pair_of_market(market)


@pytest.mark.parametrize(
    ("written", "pair"),
    [("XBT/USD", "BTC/USD"), ("KSM/XBT", "KSM/BTC"), ("XDG/EUR", "DOGE/EUR"), ("sol/usd", "SOL/USD")],
)
def test_kraken_pairs(written: str, pair: str) -> None:
    assert coins.pair(written) == pair


@pytest.mark.parametrize("written", ["", "BTC", "BTC/", "/USD", "BTC/USD/EUR", "BTC USD/EUR", "B\n/USD"])
def test_no_pair(written: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        coins.pair(written)
