"""Logs: one line an event on stderr, readable on a terminal and JSON elsewhere. Secrets are never passed to
them.
"""

from __future__ import annotations

import logging
import sys
import time

import structlog

from tidemark.settings import Settings


def configure(settings: Settings) -> None:
    """Set up structlog, and the standard library's logging for libraries, at ``settings.log_level``."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if sys.stderr.isatty():
        ending: list[structlog.typing.Processor] = [structlog.dev.ConsoleRenderer()]
    else:
        ending = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_SparseKafka())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *ending,
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("kafka", "websocket", "urllib3"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


class _SparseKafka(logging.Filter):
    """Lets one line of kafka-python pass per half minute: a broker that is away is worth one, not ten a second."""

    _EVERY = 30.0  # seconds

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("kafka") or record.levelno < logging.WARNING:
            return True
        record.exc_info = None
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._EVERY
        return True
