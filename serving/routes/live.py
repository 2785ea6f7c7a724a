"""What happens right now, as it happens."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, Request
from pydantic import Field, field_validator
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from serving.auth import address_of
from serving.coins import optional_pair
from serving.live import connections
from serving.live.connections import EventStream
from serving.live.hub import Hub, Interest
from serving.live.messages import STREAMS
from serving.pages import Words
from serving.problems import Problem, ProblemDetails, refuse
from serving.routes import PREFIX
from serving.routes.words import PairWord, documented, parsed, read
from serving.services import Services, of

router = APIRouter(prefix=PREFIX, tags=["live"])

_EXAMPLE = """retry: 2000

event: snapshot
id: 1f0c9a2b-4021
data: {"alerts":[]}

event: heartbeat
id: 1f0c9a2b-4021
data: {"time":1767268800000,"kafka":"ok"}
"""


class LiveWords(Words):
    """What a client wants to be told."""

    topics: Annotated[
        str,
        Field(max_length=64, description=f"Some of {', '.join(STREAMS)}, with commas.", examples=["trades,alerts"]),
    ] = ",".join(STREAMS)
    pair: Annotated[PairWord, Field(description="Trades and tickers only of this pair: BTC/USD or BTC-USD.")] = None

    @field_validator("topics")
    @classmethod
    def _known(cls, text: str) -> str:
        wanted = text.split(",")
        if wrong := [name for name in wanted if name not in STREAMS]:
            raise ValueError(f"there is no topic {wrong[0]!r}; there are {', '.join(STREAMS)}")
        return ",".join(name for name in STREAMS if name in wanted)


class SocketWords(Words):
    """What a WebSocket's client wants to be told."""

    pair: PairWord = None
    after: Annotated[str | None, Field(max_length=64)] = None


@router.get(
    "/live",
    summary="What happens, as it happens",
    openapi_extra=documented(LiveWords),
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events: first a snapshot, then each message as the topic has it (times in ms"
            " since the epoch), and a heartbeat every few seconds",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        404: {"model": ProblemDetails, "description": "This process serves nothing live"},
    },
)
async def live(request: Request, words: Annotated[LiveWords, Depends(read(LiveWords))]) -> Response:
    """Trades, tickers, alerts and articles, straight from Kafka, as server-sent events: `trade`, `ticker`, `alert`,
    `article`, with a `snapshot` at first. Who sends `Last-Event-ID`, as browsers do when they come again, is told what
    came since, or a snapshot where that is too long ago. Who reads too slowly is cut off.
    """
    services = of(request)
    interest = Interest(tuple(words.topics.split(",")), optional_pair(words.pair))
    return EventStream(_hub(services), interest, request.headers.get("last-event-id"), _check(request))


class _Socket:
    """A WebSocket that tells one stream, as an ASGI app: it writes more than Starlette's own lets through."""

    def __init__(self, stream: str) -> None:
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client."""
        connection = HTTPConnection(scope)
        try:
            words = parsed(SocketWords, connection)
            interest = Interest((self._stream,), optional_pair(words.pair))
            hub, check, count = _hub(of(connection)), _check(connection), _count(connection)
            await connections.socket(scope, receive, send, hub, interest, words.after, check, count)
        except Problem as problem:
            await refuse(problem, scope, receive, send)


sockets = [
    WebSocketRoute("/ws/raw-ticker", _Socket("tickers")),
    WebSocketRoute("/ws/trades", _Socket("trades")),
    WebSocketRoute("/ws/alerts", _Socket("alerts")),
]


def _hub(services: Services) -> Hub:
    if services.live is None:
        raise Problem(404, "no-live", "This process serves nothing live.", "The setting live.enabled decides that.")
    return services.live.hub


def _check(connection: HTTPConnection) -> connections.Check:
    """Return what says whether who has begun to listen still may."""
    services = of(connection)
    headers = dict(connection.scope["headers"])
    address = address_of(connection.scope)

    async def check() -> None:
        with suppress(psycopg.Error):  # while keys cannot be looked up, those who were let in may stay
            await services.auth.caller(headers, address)

    return check


def _count(connection: HTTPConnection) -> connections.Check:
    """Return what counts a message of a client's as a request from its address."""
    services = of(connection)
    address = address_of(connection.scope)
    return lambda: services.limits.address(address)
