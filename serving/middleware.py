"""What every request goes through before a route sees it, and every answer before it is sent."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import MutableMapping

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access import demand
from serving.audit import Audit
from serving.auth import Auth, address_of, is_loopback
from serving.limits import Limits
from serving.metrics import Metrics
from serving.problems import Problem, of_error, refuse
from tidemark.settings import Api

log = structlog.get_logger(__name__)

# Pages run and show only what this process serves; `data:` for the small pictures in style sheets.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_ONLY_TLS = (b"strict-transport-security", b"max-age=31536000")
_MOST_PATH = 1024  # bytes
# What takes a key to read, from where one is needed. The rest is the same for everybody: whether it is well, and pages.
_PROTECTED = ("/api/", "/ws/", "/metrics")
_UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:]+)(:\d{1,5})?", re.IGNORECASE)


class Envelope:
    """The outermost: a name for each request, security headers, metrics, one line of log, and no bare error."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, logs_all: bool) -> None:
        """``logs_all``: reads that went well are logged too."""
        self._app = app
        self._metrics = metrics
        self._logs_all = logs_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # answered as GET; the server leaves the body out
            scope = {**scope, "method": "GET", "state": {**scope.get("state", {}), "head": True}}
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status, seconds = 0, 0.0

        async def finish(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status = message["status"]
                seconds = time.perf_counter() - began  # what is live is not over for hours
                more = [*_HEADERS, (b"x-request-id", request_id.encode())]
                if scope["scheme"] == "https":
                    more.append(_ONLY_TLS)
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            await self._app(scope, receive, finish)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the reason
            problem = of_error(error)
            if status == 0:
                await problem.response(request_id)(scope, receive, finish)
        finally:
            route = scope.get("route")
            path = getattr(route, "path_format", "other")
            self._metrics.answered(scope["method"] if status != 405 else "other", path, status, seconds)
            if self._logs_all or status >= 500 or scope["method"] in _UNSAFE:
                _note(scope, status, seconds)


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Log a request; never its query or its headers, since what is in them is the caller's own."""
    caller = scope["state"].get("caller")
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(seconds * 1000, 1),
        caller=caller.name if caller else "",
        address=address_of(scope),
        request_id=scope["state"]["request_id"],
    )


class Guard:
    """Refuses what is too long, too often, under a wrong name, or by nobody knows whom."""

    def __init__(self, app: ASGIApp, api: Api, auth: Auth, limits: Limits, metrics: Metrics, audit: Audit) -> None:
        self._app = app
        self._api = api
        self._auth = auth
        self._limits = limits
        self._metrics = metrics
        self._audit = audit
        self._names = {"localhost", "127.0.0.1", "[::1]", api.host.lower(), *map(str.lower, api.names)}
        self._names_matter = is_loopback(api.host) or bool(api.names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        state = scope.setdefault("state", {})
        try:
            self._check(scope, headers)
            await self._limits.address(address_of(scope))
            if scope["path"].startswith(_PROTECTED):
                state["caller"] = caller = await self._auth.caller(headers, address_of(scope))
                if caller.name:
                    await self._limits.key(caller.name)
                demand(caller, "read")
            if scope["type"] == "http" and scope["method"] in _UNSAFE:
                body = await self._body(headers, receive)
                await self._write(scope, body, receive, send)
                return
        except Problem as problem:
            self._metrics.refused.labels(problem.kind).inc()
            await refuse(problem, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: MutableMapping[bytes, bytes]) -> None:
        most = self._api.max_query
        if len(scope["query_string"]) > most or len(scope.get("raw_path") or b"") > _MOST_PATH:
            raise Problem(414, "too-long", f"The query has more than {most:,} bytes, or the path {_MOST_PATH:,}.")
        host = _HOST.fullmatch(headers.get(b"host", b"").decode("latin-1"))
        name = host["name"].lower() if host else ""
        # A page elsewhere whose name was made to lead to this machine would be let in as a program on it.
        if self._names_matter and name not in self._names:
            raise Problem(421, "wrong-host", "This is not a name of this server.", "The setting api.names adds names.")
        if scope["type"] == "websocket" and b"origin" in headers:
            origin = headers[b"origin"].decode("latin-1")
            own = origin.partition("://")[2].lower() == headers.get(b"host", b"").decode("latin-1").lower()
            if not own and origin not in self._api.cors_origins:
                raise Problem(403, "wrong-origin", "Pages of other sites may not connect here.")

    async def _body(self, headers: MutableMapping[bytes, bytes], receive: Receive) -> bytes:
        """Return the whole body. Raises Problem as soon as it is longer than allowed."""
        most = self._api.max_body
        problem = Problem(413, "too-long", f"The body has more than {most:,} bytes.", headers={"Connection": "close"})
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > most:
            raise problem
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return body
            part: bytes = message.get("body", b"")
            body += part
            if len(body) > most:
                raise problem
            if not message.get("more_body", False):
                return body

    async def _write(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Pass a write on with its body; note it where it is refused. One that is done is noted by whoever does it."""
        given = False
        status = 0

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._app(scope, again, watch)
        caller = scope["state"].get("caller")
        if status >= 400 and caller and caller.name:
            await self._audit.refused(scope, status)
