"""`tidemark notify` with a real broker, PostgreSQL, web server and mail server: who is told what, and how often."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from kafka.errors import KafkaError

from serving.notify import channels, notifier
from stack import ports
from tests.serving.conftest import Broker
from tests.serving.test_live import Desk, alert
from tests.world import wait_for
from tidemark import kafka_clients
from tidemark.errors import UserError
from tidemark.paths import ROOT
from tidemark.settings import load

SECRET = "hunter2SECRETtoken"
LONG = 30
NOON = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)


class Inbox:
    """A web server and a mail server that keep what comes."""

    def __init__(self, stack: ExitStack) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.mails: list[Any] = []
        self.answers: dict[str, list[int]] = {}  # by path: statuses that come before 200
        self.hanging: set[str] = set()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.requests.append((self.path, json.loads(body)))
                if self.path in inbox.hanging:
                    time.sleep(LONG)
                first = inbox.answers.get(self.path, [])
                with contextlib.suppress(OSError):  # who has waited too long has gone
                    self.send_response(first.pop(0) if first else 200)
                    self.end_headers()
                    self.wfile.write(b'{"ok": true, "result": {"message_id": 1}}' if "/bot" in self.path else b"ok")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        stack.callback(self._server.server_close)
        stack.callback(self._server.shutdown)
        self.http = f"127.0.0.1:{self._server.server_address[1]}"

        class Mailbox:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
                inbox.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
                return "250 OK"

        mail = Controller(Mailbox(), hostname="127.0.0.1", port=ports.any_free())
        mail.start()
        stack.callback(mail.stop)
        self.smtp = f"127.0.0.1:{mail.port}"

    def said(self, path: str) -> list[str]:
        """Return the texts that came to a path, those that were refused included."""
        return [body["message"] for where, body in list(self.requests) if where == path]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with ExitStack() as stack:
        yield Inbox(stack)


class Notified(Desk):
    """A notifier with topics and a database of its own."""

    def __init__(self, broker: Broker, stack: ExitStack, **notify: Any) -> None:
        super().__init__(broker, stack, notify=notify)
        self.time = NOON
        self.group = stack.enter_context(pytest.MonkeyPatch.context())
        self.group.setattr(notifier, "GROUP", self.settings.topics.alerts)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it in a thread."""
        stop = threading.Event()
        failed: list[BaseException] = []

        def work() -> None:
            try:
                notifier.run(self.settings, channels.make(self.settings.notify), stop, lambda: self.time)
            except BaseException as error:  # noqa: BLE001 - it is for the test to see
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            wait_for(lambda: failed or self.is_placed(), "the consumer's place", 60)
            yield
        finally:
            stop.set()
            thread.join(60)
        assert not failed, failed
        assert not thread.is_alive()

    def is_placed(self) -> bool:
        """Return whether the group has a place on the topic, so that it will be told of what comes now."""
        with kafka_clients.admin(self.settings) as client:
            try:
                found = client.list_group_offsets({notifier.GROUP: None})
            except KafkaError:  # a new broker has to make the topic of offsets first
                return False
        return len(found[notifier.GROUP]) == self.settings.kafka.partitions

    def states(self) -> Counter[str]:
        """Return how many notifications are in each state."""
        rows = self.api.database.run("SELECT state, count(*) FROM serving.notifications GROUP BY state")
        return Counter(dict(rows))


@pytest.fixture
def notified(broker: Broker) -> Iterator[Callable[..., Notified]]:
    with ExitStack() as stack:
        yield lambda **notify: Notified(broker, stack, **notify)


def hook(inbox: Inbox, name: str) -> str:
    return f"json://{inbox.http}/{name}"


def test_each_alert_goes_where_the_rules_say_on_every_kind_of_channel(
    notified: Callable[..., Notified], inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{inbox.http}/services")
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://{inbox.http}/bot")
    slack = f"slack://T1JJ3T3L2/A1BRTD4JD/{'T' * 24}/#desk"
    telegram = f"tgram://123456789:{'a' * 35}/12315544/"
    mail = f"mailto://{inbox.smtp}/?from=tidemark@example.com&to=desk@example.com&mode=insecure"
    made = notified(
        channels={"hook": hook(inbox, "hook"), "mail": mail, "slack": slack, "telegram": telegram},
        rules=[
            {"name": "all"},
            {"name": "big", "threshold": 5, "channels": ["hook"]},
            {"name": "ether", "coins": ["ETH"], "channels": ["mail"]},
            {"name": "volumes", "types": ["volume_surge"], "channels": ["hook"]},
        ],
    )
    nasty = "BTC <script>alert(1)</script> <!channel> *bold* [a](http://evil.example) & up"
    with made.running():
        made.put("alerts", [alert(1, nasty), b"rubbish", {**alert(2), "change_pct": -7.5, "severity": "critical"}])
        wait_for(lambda: made.states()["sent"] == 9, "everything to be sent", LONG)
    assert len(inbox.said("/hook")) == 3
    assert len(inbox.mails) == 2
    first = next(one for one in inbox.mails if "-7.50" not in one["subject"])
    assert first["subject"] == "Warning: spike BTC/USDT +1.50 %"
    assert first["to"] == "desk@example.com"
    assert "BTC ‹script›" in first.get_body(("plain", "html")).get_content()
    slacks = [body for path, body in inbox.requests if path.startswith("/services")]
    telegrams = [body for path, body in inbox.requests if path.endswith("/sendMessage")]
    assert len(telegrams) == 2
    texts = [json.dumps(slacks, ensure_ascii=False), json.dumps(telegrams, ensure_ascii=False)]
    assert all("‹script›alert(1)‹/script› ‹!channel›" in text for text in texts)
    for text in (*texts, *map(str, inbox.mails), *inbox.said("/hook")):
        assert "<script" not in text
        assert "<!channel" not in text


def test_each_is_sent_once_whatever_is_restarted_or_comes_again(
    notified: Callable[..., Notified], inbox: Inbox
) -> None:
    made = notified(channels={"hook": hook(inbox, "hook")}, rules=[{"name": "all"}])
    made.put("alerts", [alert(0)])  # before it was ever started: of no interest
    with made.running():
        made.put("alerts", [{**alert(number), "detail": f"alert {number}"} for number in (1, 2, 1)])
        wait_for(lambda: made.states()["sent"] == 2, "two to be sent", LONG)
    made.put("alerts", [{**alert(number), "detail": f"alert {number}"} for number in (2, 3, 1)])
    with made.running():  # what came meanwhile is sent
        wait_for(lambda: made.states()["sent"] == 3, "the third", LONG)
    made.group.setattr(notifier, "GROUP", f"{made.settings.topics.alerts}.forgotten")
    with made.running():
        made.put("alerts", [{**alert(number), "detail": f"alert {number}"} for number in (1, 2, 3, 4)])
        wait_for(lambda: made.states()["sent"] == 4, "the fourth", LONG)
    assert sorted(text.splitlines()[0] for text in inbox.said("/hook")) == [f"alert {n}" for n in (1, 2, 3, 4)]


def test_a_channel_that_fails_is_tried_again_and_holds_up_no_other(
    notified: Callable[..., Notified], inbox: Inbox
) -> None:
    inbox.answers["/bad"] = [500, 503]
    inbox.answers["/gone"] = [410] * 1000
    inbox.hanging.add("/stuck")
    names = ("bad", "gone", "stuck", "good")
    made = notified(
        channels={name: hook(inbox, name) for name in names}, rules=[{"name": "all"}], give_up="6s", timeout="2s"
    )
    with made.running():
        began = time.monotonic()
        made.put("alerts", [alert(1)])
        wait_for(lambda: inbox.said("/good"), "the good one", LONG)
        made.put("alerts", [alert(2)])
        wait_for(lambda: len(inbox.said("/good")) == 2, "the good one again", LONG)
        assert len(inbox.said("/bad")) < 3
        assert time.monotonic() - began < 10
        wait_for(lambda: len(inbox.said("/bad")) == 4, "the bad one", LONG)
        wait_for(lambda: made.states()["failed"] >= 1, "one to be given up", LONG)
        wait_for(lambda: made.states()["unknown"] == 2, "the answers that never come", LONG)
    told = made.api.database.run("SELECT channel, state, max(attempts) FROM serving.notifications GROUP BY 1, 2")
    assert ("good", "sent", 1) in told
    assert ("bad", "sent", 3) in told
    assert {state for channel, state, _ in told if channel == "gone"} <= {"failed", "waiting"}
    # It took both and did not say so: whether they arrived is not known, and so they do not come twice.
    assert ("stuck", "unknown", 1) in told
    assert len(inbox.said("/stuck")) == 2


def test_quiet_hours_hold_back_all_but_what_is_urgent_and_a_digest_follows(
    notified: Callable[..., Notified], inbox: Inbox
) -> None:
    made = notified(
        channels={"hook": hook(inbox, "hook")},
        rules=[
            {"name": "usual", "severity": "info", "coins": ["BTC"]},
            {"name": "night", "severity": "critical", "urgent": True, "coins": ["ETH"]},
        ],
        quiet_hours="22:00-07:00",
        rate="3/hour",
    )
    made.time = NOON + timedelta(hours=11)
    with made.running():
        made.put("alerts", [{**alert(n), "detail": f"alert {n}"} for n in range(10)])
        made.put("alerts", [{**alert(50), "symbol": "ETH", "severity": "critical", "detail": "urgent"}])
        wait_for(lambda: inbox.said("/hook"), "the urgent one", LONG)
        wait_for(lambda: made.states() == {"waiting": 10, "sent": 1}, "the others to wait", LONG)
        made.time = NOON + timedelta(hours=19)
        wait_for(lambda: made.states() == {"sent": 11}, "the morning", LONG)
        urgent, digest = inbox.said("/hook")
        assert urgent.startswith("urgent")
        assert [f"alert {n}" in digest for n in range(10)] == [True] * 10
        # Two of three messages are used up: one more goes, and what follows waits for its turn.
        made.put("alerts", [alert(60)])
        wait_for(lambda: made.states() == {"sent": 12}, "the third message", LONG)
        made.put("alerts", [alert(61), alert(62)])
        wait_for(lambda: made.states() == {"sent": 12, "waiting": 2}, "two to wait", LONG)
        made.api.database.run("UPDATE serving.notifications SET sent_at = sent_at - interval '1 hour'")
        wait_for(lambda: made.states() == {"sent": 14}, "the next hour", LONG)
    assert len(inbox.said("/hook")) in (4, 5)


def environment(made: Notified, **more: str) -> dict[str, str]:
    settings = made.settings
    given = {
        "DATA_DIR": str(settings.data_dir),
        "POSTGRES__DATABASE": settings.postgres.database,
        **{f"TOPICS__{key.upper()}": name for key, name in settings.topics.model_dump().items()},
        "LOG_LEVEL": "debug",
        **more,
    }
    return {**os.environ, **{f"TIDEMARK_{key}": text for key, text in given.items()}}


@contextmanager
def process(made: Notified, said: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command."""
    with said.open("a") as out:
        command = [sys.executable, "-m", "stack.cli", "notify"]
        running = subprocess.Popen(command, cwd=ROOT, env=environment(made, **more), stdout=out, stderr=out)
    try:
        yield running
    finally:
        running.kill()
        running.wait(30)


def test_one_that_is_killed_while_it_sends_does_not_send_that_again(
    notified: Callable[..., Notified], inbox: Inbox, tmp_path: Path
) -> None:
    made, said = notified(), tmp_path / "said"
    given = {
        "NOTIFY__CHANNELS": json.dumps({"hook": f"json://user:{SECRET}@{inbox.http}/hook"}),
        "NOTIFY__RULES": json.dumps([{"name": "all"}]),
        "NOTIFY__TIMEOUT": "20s",
    }
    inbox.hanging.add("/hook")
    with process(made, said, **given) as first:
        wait_for(lambda: "alerts are followed" in said.read_text(), "it to follow", 60)
        made.put("alerts", [{**alert(1), "detail": "the first"}])
        wait_for(lambda: inbox.said("/hook"), "the first", LONG)
        first.kill()
    inbox.hanging.clear()
    made.put("alerts", [{**alert(1), "detail": "the first"}, {**alert(2), "detail": "the second"}])
    with process(made, said, **given) as second:
        wait_for(lambda: len(inbox.said("/hook")) == 2, "the second", 60)
        wait_for(lambda: made.states() == {"unknown": 1, "sent": 1}, "the end", LONG)
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    assert [text.splitlines()[0] for text in inbox.said("/hook")] == ["the first", "the second"]
    log = said.read_text()
    assert "not known whether" in log
    assert SECRET not in log


def test_a_test_message_goes_to_each_channel_and_no_secret_is_said(
    notified: Callable[..., Notified], inbox: Inbox, tmp_path: Path
) -> None:
    made = notified()
    (tmp_path / "address").write_text(f"{hook(inbox, SECRET)}\n")
    inbox.answers["/refuses/hunter2SECRETtoken"] = [403] * 10

    def run(**addresses: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stack.cli", "notify", "--test"],
            cwd=ROOT,
            env=environment(made, NOTIFY__CHANNELS=json.dumps(addresses)),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    done = run(kept=f"file:{tmp_path / 'address'}", refuses=hook(inbox, f"refuses/{SECRET}"),
               nobody=f"jsons://{SECRET}@127.0.0.1:1/{SECRET}")  # fmt: skip
    assert done.returncode == 1
    assert "kept (JSON): sent" in done.stdout
    assert "did not go out to refuses, nobody" in done.stderr
    assert "403" in done.stderr
    assert inbox.said(f"/{SECRET}") == ["This channel works: alerts will come here."]
    wrong = run(desk=f"nonsense://{SECRET}")
    assert (wrong.returncode, "channel desk" in wrong.stderr) == (1, True)
    none = run()
    assert (none.returncode, "There is no channel" in none.stderr) == (1, True)
    for one in (done, wrong, none):
        assert SECRET not in one.stdout + one.stderr
        assert "Traceback" not in one.stderr


def test_an_address_that_cannot_be_read_is_named_by_its_channel(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="channel desk cannot be read"):
        channels.make(load(notify={"channels": {"desk": f"file:{tmp_path / 'nothing'}"}}).notify)
    assert load().notify.channels == {}
