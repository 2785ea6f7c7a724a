"""Runs the real API, but for one path: what its live stream says is what is written into a file.

That the real stream says what is in Kafka is shown elsewhere; here it has to say what a test wants, when it wants it.

    TIDEMARK_… python -m tests.browser.served PORT FILE
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from serving.app import create_app
from tidemark.settings import load

DOWN = "down"  # a file of this name beside the other: there is no stream
_LOOK = 0.05  # seconds
_HEARTBEAT = 5.0


def main() -> None:
    """Serve until a signal comes."""
    port, said = int(sys.argv[1]), Path(sys.argv[2])
    app = create_app(load(), kafka_check=lambda: None)
    app.router.routes.insert(0, Route("/api/v1/live", _stand_in(said)))
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_config=None, server_header=False)


def _stand_in(said: Path) -> Callable[[Request], Awaitable[Response]]:
    async def events(request: Request) -> AsyncIterator[str]:
        given = request.headers.get("last-event-id")
        at = len(said.read_text()) if given is None else int(given)
        if given is None:
            empty: dict[str, list[object]] = {"trades": [], "tickers": [], "alerts": [], "articles": []}
            yield f"event: snapshot\nid: {at}\ndata: {json.dumps(empty)}\n\n"
        beat = time.monotonic()
        while not (said.parent / DOWN).exists():
            text = said.read_text()
            while (end := text.find("\n", at)) >= 0:
                kind, _, data = text[at:end].partition(" ")
                at = end + 1
                yield f"event: {kind}\nid: {at}\ndata: {data}\n\n"
            if time.monotonic() - beat > _HEARTBEAT:
                beat = time.monotonic()
                yield f'event: heartbeat\ndata: {{"time": {int(time.time() * 1000)}}}\n\n'
            await asyncio.sleep(_LOOK)

    async def live(request: Request) -> Response:
        if (said.parent / DOWN).exists():
            return PlainTextResponse("down", 503)
        return StreamingResponse(events(request), media_type="text/event-stream")

    return live


if __name__ == "__main__":
    main()
