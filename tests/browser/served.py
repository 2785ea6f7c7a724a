"""Runs the real API, but for one part: what it passes on live is not read from Kafka but from a file.

That Kafka is read is shown elsewhere; here the stream has to say what a test wants, when it wants it.

    TIDEMARK_… python -m tests.browser.served PORT FILE
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import cast

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from serving.app import create_app
from serving.live.hub import Hub
from serving.live.messages import STREAMS, Item
from serving.live.reader import Reader
from tidemark.settings import load

DOWN = "down"  # a file of this name beside the other: there is no stream
_LOOK = 0.05  # seconds
_STREAM_OF = {kind: stream for stream, kind in STREAMS.items()}


class _FileReader:
    """Tells the hub each line of a file, `alert {…}`, as the reader of Kafka does with messages."""

    def __init__(self, said: Path, hub: Hub) -> None:
        self._said = said
        self._hub = hub
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._following:
            self._following.cancel()

    async def _follow(self) -> None:
        at = 0
        self._hub.set_state("ok")
        while True:
            text = self._said.read_text(encoding="utf-8")
            while (end := text.find("\n", at)) >= 0:
                kind, _, data = text[at:end].partition(" ")
                at = end + 1
                await self._hub.publish([Item(_STREAM_OF[kind], json.loads(data))])
            if is_down(self._said):
                self._hub.close()
            await asyncio.sleep(_LOOK)


def is_down(said: Path) -> bool:
    """Return whether there is to be no stream."""
    return (said.parent / DOWN).exists()


def main() -> None:
    """Serve until a signal comes."""
    port, said = int(sys.argv[1]), Path(sys.argv[2])
    app = create_app(load(), kafka_check=lambda: None)
    live = app.state.services.live
    live._reader = cast("Reader", _FileReader(said, live.hub))

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/api/v1/live" and is_down(said):
            await PlainTextResponse("down", 503)(scope, receive, send)
        else:
            await app(scope, receive, send)

    uvicorn.run(serve, host="127.0.0.1", port=port, access_log=False, log_config=None, server_header=False)


if __name__ == "__main__":
    main()
