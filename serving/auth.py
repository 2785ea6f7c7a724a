"""Who calls: API keys, tokens (JWT), or nobody in particular on this machine; and what each may do."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import jwt

from serving.database import Database
from serving.problems import Problem
from tidemark.settings import Api

SCOPES = ("read", "write", "admin")  # each includes those before it
_KEY = re.compile(r"tdm_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_BELIEVED = 1.0  # seconds that a key is believed before it is looked up again: so soon a revoked one is refused
_REMEMBERED = 1000  # keys
_LEEWAY = timedelta(seconds=10)  # between the clocks of who signs tokens and ours
_ALGORITHMS = {"secret": ["HS256"], "public": ["RS256", "ES256", "EdDSA"]}  # never both: one's key is no secret


@dataclass(frozen=True)
class Caller:
    """Who calls, as the log and the limits know them, and what they may do."""

    name: str  # key:ID, jwt:SUBJECT, or empty
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Return whether ``scope`` is among what they may do."""
        return scope in self.scopes


NOBODY = Caller("", frozenset())
NEIGHBOUR = Caller("", frozenset({"read"}))  # a program on this machine


def with_lesser(scopes: Mapping[str, Any] | list[str] | tuple[str, ...]) -> frozenset[str]:
    """Return ``scopes`` with those that they include, and without what is none."""
    highest = max((SCOPES.index(scope) for scope in scopes if scope in SCOPES), default=-1)
    return frozenset(SCOPES[: highest + 1])


def new_key() -> tuple[str, str]:
    """Return the id of a new key, and the key itself: 256 random bits, which nobody can guess from their hash."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(8))
    return key_id, f"tdm_{key_id}_{secrets.token_urlsafe(32)}"


def hashed(key: str) -> bytes:
    """Return what is kept of a key. It is too random to be guessed, so that no slow hash is needed."""
    return hashlib.sha256(key.encode()).digest()


@lru_cache(maxsize=4096)
def is_loopback(address: str | None) -> bool:
    """Return whether an address, or `localhost`, is this machine's own."""
    if address == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def address_of(scope: Mapping[str, Any]) -> str | None:
    """Return the address that a request came from, as ASGI has it."""
    client = scope.get("client")
    return client[0] if client else None


class Auth:
    """Tells callers by what they bring along."""

    def __init__(self, api: Api, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._database = database
        self._clock = clock
        self._keys: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._verifying: tuple[Any, list[str]] | None = None
        if api.jwt_secret:
            self._verifying = (api.jwt_secret.get_secret_value(), _ALGORITHMS["secret"])
        elif api.jwt_public_key:
            self._verifying = (api.jwt_public_key.read_text(encoding="utf-8"), _ALGORITHMS["public"])

    async def caller(self, headers: Mapping[bytes, bytes], address: str | None) -> Caller:
        """Return who calls. Raises Problem (401) for a key or token that does not hold."""
        token = _token(headers)
        if token is None:
            return NEIGHBOUR if self._is_neighbour(headers, address) else NOBODY
        match = _KEY.fullmatch(token)
        if match:
            return await self._of_key(match[1], token)
        return self._of_jwt(token)

    def _is_neighbour(self, headers: Mapping[bytes, bytes], address: str | None) -> bool:
        """Return whether it is a program on this machine, and not a proxy there that speaks for anybody."""
        here = self._api.keyless_reads and is_loopback(self._api.host) and is_loopback(address)
        return here and not any(name in headers for name in (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via"))

    async def _of_key(self, key_id: str, key: str) -> Caller:
        hash_ = hashed(key)
        now = self._clock()
        known = self._keys.get(hash_)
        if known and now - known[0] < _BELIEVED:
            return known[1]
        rows = await self._database.fetch_own("api_key", key_id=key_id)
        if not rows or not hmac.compare_digest(bytes(rows[0]["hash"]), hash_):
            self._keys.pop(hash_, None)
            raise refused("This key is not known, or does not hold any more.")
        caller = Caller(f"key:{key_id}", with_lesser(rows[0]["scopes"]))
        self._keys[hash_] = (now, caller)
        if len(self._keys) > _REMEMBERED:
            self._keys.popitem(last=False)
        return caller

    def _of_jwt(self, token: str) -> Caller:
        if self._verifying is None:
            raise refused("This is not a key, and tokens are not set up here.")
        key, algorithms = self._verifying
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                issuer=self._api.jwt_issuer,
                audience=self._api.jwt_audience,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise refused("This token has expired.") from None
        except jwt.PyJWTError:
            raise refused("This token does not hold.") from None
        return Caller(f"jwt:{str(claims['sub'])[:100]}", with_lesser(str(claims.get("scope", "")).split()))


def refused(detail: str) -> Problem:
    """Return the problem of who brings nothing, or nothing that holds."""
    return Problem(
        401,
        "unknown-caller",
        detail,
        "Send `Authorization: Bearer KEY`; `tidemark api keys create` makes a key.",
        headers={"WWW-Authenticate": 'Bearer realm="tidemark"'},
    )


def _token(headers: Mapping[bytes, bytes]) -> str | None:
    key = headers.get(b"x-api-key")
    if key is not None:
        return key.decode("latin-1").strip()
    given = headers.get(b"authorization")
    if given is None:
        return None
    scheme, _, token = given.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise refused("Only `Authorization: Bearer …` is understood.")
    return token.strip()
