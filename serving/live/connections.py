"""How a client is told: as messages of a WebSocket, or as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.live.hub import GONE, SLOW, Client, Hub, Interest, refusal
from serving.live.messages import Chunk
from serving.problems import Problem, refuse

# What our server (serving.live.server) offers beyond ASGI: to write finished frames, and to end a connection that does
# not take what is written.
FRAMES = "tidemark.frames"
DROP = "tidemark.drop"

_GOODBYE_SECONDS = 2.0  # for a close frame, where the server has no DROP
_AGAIN_MS = 2000  # after which a browser that was cut off comes again

Check = Callable[[], Awaitable[Any]]  # raises Problem where the client may not listen any longer
Watch = Callable[[], Awaitable[Any]]  # comes back when the client has gone


async def socket(
    scope: Scope,
    receive: Receive,
    send: Send,
    hub: Hub,
    interest: Interest,
    after: str | None,
    check: Check,
    count: Check,
) -> None:
    """Accept a WebSocket and tell it what it wants until either side ends it. Raises Problem where it is not accepted.

    ``check`` is awaited with each heartbeat, ``count`` with each message of the client's, which nobody looks at.
    """
    client = hub.join("websocket", interest, after)
    extensions = scope.get("extensions", {})
    try:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})

        async def write(chunk: Chunk) -> None:
            if FRAMES in extensions:
                await send({"type": FRAMES, "frames": chunk.frames})
                return
            for message in chunk.messages:
                await send({"type": "websocket.send", "text": message.text.decode()})

        async def gone() -> None:
            while (await receive())["type"] != "websocket.disconnect":
                await count()

        await _tell(client, write, check, gone)
        if client.ending and client.ending is not GONE:
            close = {"type": "websocket.close", "code": client.ending.code, "reason": client.ending.reason}
            if client.ending is SLOW and DROP in extensions:
                await send({**close, "type": DROP})
            else:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(send(close), _GOODBYE_SECONDS)
    except OSError:  # it has gone, as ASGI has it
        pass
    finally:
        hub.leave(client)


class EventStream(Response):
    """Server-sent events, until either side ends them."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, interest: Interest, after: str | None, check: Check) -> None:
        # Proxies are not to gather what is to come at once.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._interest = interest
        self._after = after
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            client = self._hub.join("events", self._interest, self._after)
        except Problem as problem:
            await refuse(problem, scope, receive, send)
            return
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

            async def write(chunk: Chunk) -> None:
                await send({"type": "http.response.body", "body": chunk.events, "more_body": True})

            async def gone() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass

            if not scope["state"].get("head"):
                await send({"type": "http.response.body", "body": b"retry: %d\n\n" % _AGAIN_MS, "more_body": True})
                await _tell(client, write, self._check, gone)
            if client.ending is SLOW and DROP in scope.get("extensions", {}):
                scope["extensions"][DROP]()
                await gone()
            elif client.ending is not GONE:
                await send({"type": "http.response.body"})
        except OSError:
            pass
        finally:
            self._hub.leave(client)


async def _tell(client: Client, write: Callable[[Chunk], Awaitable[None]], check: Check, gone: Watch) -> None:
    """Write what there is, until the client has gone or is sent away; why, is noted in it."""

    async def watch() -> None:
        try:
            await gone()
        except Problem as problem:
            client.end(refusal(problem))
        client.end(GONE)

    watching = asyncio.create_task(watch())
    try:
        while True:
            await write(await client.next(check))
    except asyncio.CancelledError:
        if client.ending is None:  # the server cancels whatever runs
            raise
    finally:
        watching.cancel()
