"""`tidemark notify`: tells people of alerts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from tidemark.errors import UserError
from tidemark.settings import settings

if TYPE_CHECKING:
    from serving.notify.channels import Channel

console = Console(highlight=False)


def notify(
    *, test: Annotated[bool, typer.Option("--test", help="Send a test message to each channel, and end.")] = False
) -> None:
    """Send alerts by the rules of the settings to Slack, e-mail, Telegram, webhooks … until stopped."""
    from producers.runloop import stop_on_signals
    from serving.notify import channels, notifier
    from tidemark import logs

    config = settings()
    logs.configure(config)
    made = channels.make(config.notify)
    if not made:
        raise UserError(
            "There is no channel to notify.", 'Set one, such as TIDEMARK_NOTIFY__CHANNELS=\'{"desk": "slack://…"}\'.'
        )
    if test:
        _test(made)
        return
    if not config.notify.rules:
        raise UserError("There is no rule that says what to notify of.", "docs/notifications.md shows some.")
    for channel in made:
        console.print(f"Channel {channel.name}: {channel.kind}", markup=False)
    notifier.run(config, made, stop_on_signals())


def _test(made: Iterable[Channel]) -> None:
    from serving.notify.rules import Text

    text = Text("Tidemark: a test", "This channel works: alerts will come here.", "info")
    failed = []
    for channel in made:
        sent = channel.post(text)
        console.print(f"{channel.name} ({channel.kind}): {'sent' if sent else 'failed'}", markup=False)
        failed += [] if sent else [channel.name]
    if failed:
        raise UserError(
            f"The message did not go out to {', '.join(failed)}.", "See to the address, and to the network."
        )
