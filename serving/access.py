"""What a path demands of its caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request

from serving.auth import Caller, refused
from serving.problems import Problem


def allowed(scope: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that lets through only callers who may do ``scope``. Raises Problem: 401 or 403."""

    async def check(request: Request) -> None:
        caller: Caller = request.state.caller
        if caller.may(scope):
            return
        if not caller.name:
            raise refused("This needs a key.")
        raise Problem(
            403,
            "not-allowed",
            f"This needs a key with the scope {scope}.",
            f"This one has: {', '.join(caller.scopes)}.",
        )

    return check
