"""What went wrong, as JSON: application/problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "Not with this key",
    404: "There is no such thing",
    405: "Not that way",
    409: "It contradicts what is there",
    413: "The body is too long",
    414: "The address is too long",
    421: "Not under this name",
    422: "A value is wrong",
    429: "Too many requests",
    500: "Something broke here",
    503: "Not now",
}
_MOST_ERRORS = 10


class ErrorOfAValue(BaseModel):
    """One wrong value: where it was, its name, and what was wrong with it."""

    place: str = Field(examples=["query"])
    name: str = Field(examples=["periode"])
    message: str = Field(examples=["Input should be '1h', '24h', '7d' or '30d'"])


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(
        description="A stable name of the kind of problem", examples=["urn:tidemark:problem:unknown-coin"]
    )
    title: str = Field(examples=[_TITLES[404]])
    status: int = Field(examples=[404])
    detail: str = Field(description="What was wrong, in one sentence", examples=["There is no coin 'bitcion'."])
    hint: str | None = Field(default=None, description="What to do", examples=["Did you mean BTC?"])
    errors: list[ErrorOfAValue] | None = Field(default=None, description="Each value that is wrong")
    request_id: str | None = Field(default=None, description="By which the log knows this request")


class Problem(Exception):  # noqa: N818 - as RFC 9457 calls it
    """Ends a request with a problem: ``kind`` is its stable name, ``detail`` one sentence, ``hint`` what to do."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        hint: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})
        self.errors = errors

    def response(self, request_id: str | None = None) -> Response:
        """Return it as an answer."""
        body: dict[str, Any] = {
            "type": f"urn:tidemark:problem:{self.kind}",
            "title": _TITLES.get(self.status, "The request was not answered"),
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
            "errors": self.errors,
            "request_id": request_id,
        }
        return Response(
            orjson.dumps({name: value for name, value in body.items() if value is not None}),
            self.status,
            {"Cache-Control": "no-store", **self.headers},
            MEDIA_TYPE,
        )


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or one for a WebSocket, with a problem."""
    response = problem.response(scope.get("state", {}).get("request_id"))
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)  # which Starlette sends as the extension wants it
        return
    await receive()  # websocket.connect
    await send({"type": "websocket.close", "code": 1008, "reason": problem.detail[:120]})


def busy(detail: str, hint: str) -> Problem:
    """Return the problem of a request that may well be answered later."""
    return Problem(503, "not-now", detail, hint, headers={"Retry-After": "1"})


def register(app: FastAPI) -> None:
    """Let every error of ``app`` be answered with a problem."""

    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, RequestValidationError):
            problem = wrong_values(error.errors())
        elif isinstance(error, HTTPException):
            problem = _of_http(request, error)
        else:
            problem = of_error(error)
        return problem.response(getattr(request.state, "request_id", None))

    for kind in (Problem, RequestValidationError, HTTPException, psycopg.Error):
        app.add_exception_handler(kind, answer)


def of_error(error: Exception) -> Problem:
    """Return the problem of any error. One that nobody thought of is logged, and the caller told nothing of it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, psycopg.errors.QueryCanceled):
        return busy("The query took too long and was given up.", "Choose a shorter range or a coarser resolution.")
    if isinstance(error, psycopg.OperationalError):
        log.warning("PostgreSQL does not answer", error=type(error).__name__)
        return busy("The database does not answer.", "Try again in a moment.")
    log.error("request failed", exc_info=error)
    return Problem(500, "unexpected", "The request failed for a reason that is not yours.", "The log has the reason.")


def wrong_values(found: Sequence[Any]) -> Problem:
    """Return the problem of values that pydantic has found wrong; where each was comes first in its ``loc``."""
    errors = []
    for one in found[:_MOST_ERRORS]:
        place, *path = [str(part) for part in one["loc"]]
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "there is no such parameter" if place == "query" else "there is no such field"
            if path == ["page"]:
                message += "; the next page is where `next` of this one leads"
        errors.append({"place": place, "name": ".".join(path), "message": message})
    first = errors[0]
    return Problem(422, "wrong-value", f"{first['name'] or first['place']}: {first['message']}", errors=errors)


def _of_http(request: Request, error: HTTPException) -> Problem:
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return Problem(404, "unknown-path", "There is nothing at this address.", "/docs lists all that there is.")
    if error.status_code == 405:
        detail = f"{request.method} is not possible here."
        return Problem(405, "unknown-method", detail, f"Possible: {headers.get('allow', 'GET')}.", headers=headers)
    if error.status_code == 400:
        return Problem(400, "unreadable", "The body is no JSON that could be read.")
    return Problem(error.status_code, "refused", str(error.detail), headers=headers)
