"""One module per source, of the name it has in the settings; what each must offer is at :func:`make`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from producers.source import Parser, Source
from tidemark.errors import UserError
from tidemark.settings import Poll, Settings, Stream


def _named(kind: type) -> tuple[str, ...]:
    return tuple(name for name, field in Settings.model_fields.items() if isinstance(field.default, kind))


STREAMS = _named(Stream)
POLLS = _named(Poll)
NAMES = (*STREAMS, *POLLS)


def make(name: str, settings: Settings, pairs: list[str] | None = None) -> list[Source]:
    """Return what ``name`` consists of: its module's ``sources(settings)``. A stream takes ``pairs`` instead of those
    in the settings where given.

    Raises UserError for an unknown name, and where a key is missing.
    """
    module = _module(name)
    if pairs is not None and name in STREAMS:
        group = getattr(settings, name).model_copy(update={"pairs": pairs})
        settings = settings.model_copy(update={name: group})
    found: list[Source] = module.sources(settings)
    return found


def parser(name: str, settings: Settings) -> Parser:
    """Return a fresh parser of what the source ``name`` (such as ``kraken``, or ``rss:CoinDesk``) sends.

    It comes from the module's ``parser(part, settings)``, ``part`` being what follows the colon. Raises UserError for
    an unknown name.
    """
    source, _, part = name.partition(":")
    found: Parser = _module(source).parser(part, settings)
    return found


def _module(name: str) -> Any:
    if name not in NAMES:
        raise UserError(f"{name!r} is not a source.", f"Sources: {', '.join(NAMES)}.")
    return import_module(f"{__name__}.{name}")
