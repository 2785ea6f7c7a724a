"""Where messages go, through Apprise. What an address has in it is secret: only its channel's name is ever said."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Literal

import apprise
import structlog
from apprise import AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode
from apprise.plugins import NotifyBase

from serving.notify.rules import Text
from tidemark.errors import UserError
from tidemark.settings import Notify

log = structlog.get_logger(__name__)

_FILE = "file:"
_KINDS = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}
_STATUS = re.compile(r"error=(\d{3})")
# What Apprise notes of an exception that came when the message was out already: the channel may have taken it.
_MAYBE_TAKEN = re.compile(r"read timed out|without response|connection reset", re.IGNORECASE)
_TALKATIVE = ("apprise", "urllib3", "requests", "smtplib")  # their lines may have addresses in them


Outcome = Literal["sent", "failed", "unknown"]  # unknown: it went out, and nobody said whether it arrived


class Channel:
    """One address."""

    def __init__(self, name: str, service: NotifyBase) -> None:
        self.name = name
        self.kind = str(service.service_name)
        self._service = service

    def post(self, text: Text) -> Outcome:
        """Send a message; return whether the channel took it."""
        try:
            with _reasons() as reasons:
                sent = bool(
                    self._service.notify(
                        title=text.title,
                        body=text.body,
                        notify_type=_KINDS.get(text.severity, NotifyType.INFO),
                        body_format=NotifyFormat.TEXT,
                    )
                )
        except Exception as error:  # noqa: BLE001 - Apprise has over a hundred kinds of channels
            log.warning("a channel failed", channel=self.name, kind=self.kind, error=type(error).__name__)
            return "failed"
        if sent:
            return "sent"
        outcome: Outcome = "unknown" if reasons.maybe_taken else "failed"
        log.warning(
            "a channel did not take a message",
            channel=self.name,
            kind=self.kind,
            status=reasons.status,
            outcome=outcome,
        )
        return outcome


def make(notify: Notify) -> list[Channel]:
    """Return the channels that the settings name. Raises UserError for an address that is none, without saying it."""
    for name in _TALKATIVE:
        logging.getLogger(name).propagate = False
    logging.getLogger("apprise").setLevel(logging.DEBUG)  # why a connection broke off is only said there
    asset = AppriseAsset(
        app_id="Tidemark",
        app_desc="Tidemark",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        storage_mode=PersistentStoreMode.MEMORY,
    )
    seconds = notify.timeout / timedelta(seconds=1)
    found = []
    for name, address in notify.channels.items():
        text = address.get_secret_value()
        if text.startswith(_FILE):
            text = _read(name, Path(text.removeprefix(_FILE)))
        service = apprise.Apprise.instantiate(text, asset=asset, suppress_exceptions=True)
        if not isinstance(service, NotifyBase):
            raise UserError(
                f"The address of the channel {name} is none that Apprise understands.",
                "docs/notifications.md has examples; it is not repeated here, as there are secrets in it.",
            )
        service.socket_connect_timeout = service.socket_read_timeout = seconds
        found.append(Channel(name, service))
    return found


def _read(name: str, path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The file with the address of the channel {name} cannot be read: {error}.") from None


class _reasons(logging.Handler):  # noqa: N801 - it is used as a function
    """Notes with which status a server refused, or that it never answered, of all that Apprise logs: no secrets."""

    def __init__(self) -> None:
        super().__init__()
        self.status: str | None = None
        self.maybe_taken = False
        self._thread = threading.get_ident()

    def __enter__(self) -> _reasons:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread:
            return
        if match := _STATUS.search(record.getMessage()):
            self.status = match[1]
        self.maybe_taken |= bool(_MAYBE_TAKEN.search(record.getMessage()))
