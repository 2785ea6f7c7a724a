"""What a path demands of its caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request

from serving.auth import Caller, refused
from serving.problems import Problem


def demand(caller: Caller, scope: str) -> None:
    """Raise Problem where a caller may not do ``scope``: 401 for nobody in particular, 403 for a key."""
    if caller.may(scope):
        return
    if not caller.name:
        raise refused("This needs a key.")
    has = ", ".join(sorted(caller.scopes)) or "none"
    raise Problem(403, "not-allowed", f"This needs a key with the scope {scope}.", f"This one has: {has}.")


def allowed(scope: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that lets through only callers who may do more than read: ``scope``."""

    async def check(request: Request) -> None:
        demand(request.state.caller, scope)

    return check
