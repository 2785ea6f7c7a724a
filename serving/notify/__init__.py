"""Tells people of alerts: Slack, e-mail, Telegram, webhooks and whatever else Apprise knows."""
