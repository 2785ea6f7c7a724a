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
    from tidemark.settings import Settings

console = Console(highlight=False)


def notify(
    *, test: Annotated[bool, typer.Option("--test", help="Send a test message to each channel, and end.")] = False
) -> None:
    """Send alerts by the rules of the settings to Slack, e-mail, Telegram, webhooks … until stopped."""
    if test:
        from tidemark import logs

        config = settings()
        logs.configure(config)
        _test(_channels(config))
    else:
        serve(settings())


def serve(config: Settings) -> None:
    """Notify as ``config.notify`` says, until a signal ends it.

    Raises UserError where there is nobody to notify or nothing to notify of, and where PostgreSQL or Kafka is away.
    """
    from producers.runloop import stop_on_signals
    from serving.notify import notifier
    from tidemark import logs

    logs.configure(config)
    made = _channels(config)
    if not config.notify.rules:
        raise UserError("There is no rule that says what to notify of.", "docs/notifications.md shows some.")
    for channel in made:
        console.print(f"Channel {channel.name}: {channel.kind}", markup=False)
    notifier.run(config, made, stop_on_signals())


def _channels(config: Settings) -> list[Channel]:
    from serving.notify import channels

    made = channels.make(config.notify)
    if not made:
        raise UserError(
            "There is no channel to notify.", 'Set one, such as TIDEMARK_NOTIFY__CHANNELS=\'{"desk": "slack://…"}\'.'
        )
    return made


def _test(made: Iterable[Channel]) -> None:
    from serving.notify.rules import Text

    text = Text("Tidemark: a test", "This channel works: alerts will come here.", "info")
    failed = []
    for channel in made:
        outcome = channel.post(text)
        console.print(f"{channel.name} ({channel.kind}): {outcome}", markup=False)
        failed += [] if outcome == "sent" else [channel.name]
    if failed:
        raise UserError(
            f"The message did not go out to {', '.join(failed)}.", "See to the address, and to the network."
        )
