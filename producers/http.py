"""Asking a server, politely: conditional GET, limits of time and size, and keys that no error shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import requests
from pydantic import SecretStr

from producers.message import PollError
from tidemark.errors import UserError
from tidemark.settings import Answers

_CHUNK = 65536
_VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


class Http:
    """One address that is asked again and again. ``key`` is the name and the value of what carries the API key, in a
    header, or with ``key_in_query`` in the query.
    """

    def __init__(
        self,
        url: str,
        limits: Answers,
        query: Mapping[str, str] | None = None,
        key: tuple[str, SecretStr] | None = None,
        *,
        key_in_query: bool = False,
    ) -> None:
        self._url = url
        self._limits = limits
        self._query = dict(query or {})
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "tidemark"
        self._secret = key[1].get_secret_value() if key else ""
        if key and key_in_query:
            self._query[key[0]] = self._secret
        elif key:
            self._session.headers[key[0]] = self._secret
        self._validators: dict[str, str] = {}
        self._new_validators: dict[str, str] = {}

    def get(self, query: Mapping[str, str] | None = None) -> bytes | None:
        """Return the body of the answer, or None where it is the one that was accepted before; ``query`` adds to the
        usual one.

        Raises PollError where there is none in time, it is too long, or the server refuses.
        """
        deadline = time.monotonic() + self._limits.timeout.total_seconds()
        try:
            with self._session.get(
                self._url,
                params={**self._query, **(query or {})},
                headers=self._validators,
                timeout=self._limits.timeout.total_seconds(),
                stream=True,
            ) as response:
                if response.status_code == requests.codes.not_modified:
                    return None
                if not response.ok:
                    # FRED refuses an unknown key with 400.
                    doubted = response.status_code in (401, 403) or (response.status_code == 400 and self._secret)
                    refused = " (is the key right?)" if doubted else ""
                    wait = retry_after(response.headers.get("Retry-After"))
                    raise PollError(f"HTTP {response.status_code}{refused}", wait)
                body = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    body += chunk
                    if len(body) > self._limits.max_bytes:
                        raise PollError(f"longer than {self._limits.max_bytes} bytes (setting max_bytes)")
                    if time.monotonic() > deadline:
                        raise PollError("took longer than the setting timeout")
        except requests.RequestException as error:
            reason = f"{type(error).__name__}: {error}"
            raise PollError(reason.replace(self._secret, "…") if self._secret else reason) from None
        self._new_validators = {ask: response.headers[n] for n, ask in _VALIDATORS.items() if n in response.headers}
        return bytes(body)

    def accept(self) -> None:
        """Note that the last answer could be read: until it changes, a server that knows how need not send it again."""
        self._validators = self._new_validators


def retry_after(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (it holds seconds or an HTTP date), or None."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())


def required_key(source: str, key: SecretStr | None, where: str) -> SecretStr:
    """Return ``key``. Raises UserError where it is not set, naming ``where`` one gets it."""
    if not key:
        raise UserError(
            f"{source} needs an API key.", f"Set TIDEMARK_{source.upper()}__API_KEY; {where} gives one free of charge."
        )
    return key
