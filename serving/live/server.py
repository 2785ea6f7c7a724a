"""The server (uvicorn) with what live clients need: frames that are made once, and an end for who does not read."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from serving.live.connections import DROP, FRAMES

_LONGEST_MESSAGE = 4_096  # bytes of what a client may send


def live_options() -> dict[str, Any]:
    """Return the options of uvicorn that live clients need."""
    # Compressing would make bytes of each client's own, and cost more than all else.
    return {"http": Http, "ws": WebSockets, "ws_max_size": _LONGEST_MESSAGE, "ws_per_message_deflate": False}


class Http(HttpToolsProtocol):
    """HTTP whose requests can be cut off."""

    def on_message_begin(self) -> None:
        """Offer DROP: a function that ends the connection, whatever is still to be written."""
        super().on_message_begin()
        extensions: dict[str, Any] = {**(self.scope.get("extensions") or {}), DROP: self.transport.abort}
        self.scope["extensions"] = extensions


class WebSockets(WebSocketsSansIOProtocol):
    """WebSockets that take finished frames, and can be closed though their client does not read."""

    async def run_asgi(self) -> None:
        """Offer FRAMES and DROP."""
        self.scope["extensions"] |= {FRAMES: {}, DROP: {}}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """Send what the app says."""
        if message["type"] == FRAMES:
            await self.writable.wait()
            if self.disconnected or self.close_sent or self.transport.is_closing():
                raise ClientDisconnected
            self.transport.write(message["frames"])
        elif message["type"] == DROP:
            if not self.transport.is_closing() and not self.close_sent:
                self.conn.send_close(message["code"], message["reason"])
                self.transport.write(b"".join(self.conn.data_to_send()))
                self.close_sent = True
                # Time to read what was written before, and to answer.
                self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
        else:
            await super().send(message)


class Server(uvicorn.Server):
    """Sends live clients away before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, send_away: Callable[[], None]) -> None:
        super().__init__(config)
        self._send_away = send_away

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._send_away()
        await super().shutdown(sockets)
