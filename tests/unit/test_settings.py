from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tidemark.errors import UserError
from tidemark.settings import Settings, load


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the settings file is looked for; it is not there yet."""
    file = tmp_path / "tidemark.toml"
    monkeypatch.setenv("TIDEMARK_CONFIG", str(file))
    return file


def test_without_anything_the_defaults_hold(toml: Path) -> None:
    settings = load()
    assert settings.topics.dead_letters == "dead-letters"
    assert settings.windows.sentiment == timedelta(minutes=3)
    assert settings.alerts.price_change_pct == 0.5
    assert settings.data_dir.is_absolute()


def test_the_file_wins_over_defaults_the_environment_over_the_file_arguments_over_all(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml.write_text('[alerts]\nspike_pct = 2.0\nprice_change_pct = 2.5\nspike_lookback = "2m"\n')
    assert load().alerts.spike_pct == 2.0
    monkeypatch.setenv("TIDEMARK_ALERTS__SPIKE_PCT", "3")
    monkeypatch.setenv("TIDEMARK_WINDOWS__CANDLE", "5m")
    settings = load(alerts={"price_change_pct": 4})
    assert settings.alerts.spike_pct == 3
    assert settings.alerts.spike_lookback == timedelta(minutes=2)
    assert settings.alerts.price_change_pct == 4
    assert settings.windows.candle == timedelta(minutes=5)


def test_lists_come_from_the_environment_as_json(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_KRAKEN__PAIRS", '["BTC/EUR"]')
    assert load().kraken.pairs == ["BTC/EUR"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alerts.spike_pct", "0"),
        ("alerts.spike_pct", "many"),
        ("windows.candle", "5"),
        ("windows.candle", "0s"),
        ("kafka.partitions", "0"),
        ("topics.trades", "a topic"),
        ("watermarks.emit", "never"),
        ("flink.port", "70000"),
        ("log_level", "loud"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    toml: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TIDEMARK_{name.upper().replace('.', '__')}", value)
    with pytest.raises(UserError, match=name) as caught:
        load()
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_all_wrong_settings_are_named_at_once(toml: Path) -> None:
    toml.write_text('[alerts]\nspike_pct = -1\n[windows]\ncandle = "soon"\n')
    with pytest.raises(UserError, match=r"alerts\.spike_pct.*windows\.candle|windows\.candle.*alerts\.spike_pct"):
        load()


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ({"prediction": "3m", "prediction_slide": "50s"}, "prediction must be a multiple of windows.prediction_slide"),
        ({"prediction_horizon": "45s"}, "prediction_horizon must be a multiple of windows.prediction_slide"),
        ({"candle": "2m"}, "candle_medium must be a multiple of windows.candle"),
        ({"candle_large": "12m"}, "candle_large must be a multiple of windows.candle_medium"),
        ({"stats": "7m"}, "stats must be a multiple of windows.stats_slide"),
        ({"score_long_slide": "7m"}, "score_long must be a multiple of windows.score_long_slide"),
        ({"prediction_half_life": "5s"}, "prediction must be at most 20 times windows.prediction_half_life"),
    ],
)
def test_windows_must_fit_into_each_other(toml: Path, windows: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"windows.{message}")):
        load(windows=windows)


def test_a_misspelt_name_is_an_error(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text("[alerts]\nspike_percent = 2\n")
    with pytest.raises(UserError, match=r"alerts\.spike_percent"):
        load()
    toml.unlink()
    monkeypatch.setenv("TIDEMARK_ALLERTS__SPIKE_PCT", "2")
    with pytest.raises(UserError, match="TIDEMARK_ALLERTS__SPIKE_PCT is not a setting") as caught:
        load()
    assert "alerts" in caught.value.hint


def test_a_file_that_is_not_toml_is_named(toml: Path) -> None:
    toml.write_text("alerts: {}")
    with pytest.raises(UserError, match=r"tidemark\.toml could not be read"):
        load()


def test_passwords_are_not_shown(toml: Path) -> None:
    settings = load(postgres={"writer_password": "hunter2"})
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_the_home_folder_can_be_written_short(toml: Path) -> None:
    assert load(data_dir="~/tide").data_dir == Path.home() / "tide"


def test_every_default_can_be_given_again(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load()
    again = Settings(**settings.model_dump())
    assert again.model_dump() == settings.model_dump()


def test_one_value_of_a_source_leaves_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_BITSTAMP__WS_URL", "ws://127.0.0.1:9")
    assert load().bitstamp == load(bitstamp={"ws_url": "ws://127.0.0.1:9"}).bitstamp
    assert load().bitstamp.pairs == ["BTC/USD", "ETH/USD", "XRP/USD"]


def test_a_table_of_feeds_replaces_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_RSS__FEEDS", '{"News": "http://127.0.0.1:9/feed"}')
    assert load().rss.feeds == {"News": "http://127.0.0.1:9/feed"}
