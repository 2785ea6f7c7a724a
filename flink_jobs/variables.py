"""The variables that SQL files may use: an allow-list, each a typed setting or a bound of a topic's contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from connectors import options
from producers import contract
from tidemark import endpoints
from tidemark.durations import format_duration
from tidemark.settings import Settings

# The topics whose every message ends in a table or among the dead letters, by their names in settings.topics.
INPUTS = ("trades", "tickers", "articles", "prices", "market_sentiment", "macro")
_LATEST_TIME = 4_102_444_800_000  # 2100-01-01: an ingest time beyond it is no epoch in milliseconds
# Longer than between two watermarks (pipeline.auto-watermark-interval), and else short: a heartbeat moves time on where
# nothing else does, and must not hold the trades back until the next one comes.
_HEARTBEATS_IDLE = timedelta(milliseconds=200)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST = _EPOCH
_LAST = datetime.fromtimestamp(_LATEST_TIME / 1000, timezone.utc)


@dataclass(frozen=True)
class Batch:
    """A run over history: from where it reads, and the range of event time [since, until) that it writes.

    None is for an end that is open.
    """

    source: Literal["lake", "kafka"] = "lake"
    since: datetime | None = None
    until: datetime | None = None


def consumer_group(job: str, *, text: bool = False) -> str:
    """Return the consumer group of a job. Topics that it also reads as text have two readers: each has its offsets."""
    return f"tidemark-{job}-text" if text else f"tidemark-{job}"


def variables(
    settings: Settings,
    job: str,
    *,
    bounded: bool = False,
    role: endpoints.Role = "writer",
    batch: Batch | None = None,
) -> dict[str, str]:
    """Return every variable as the SQL text it stands for.

    ``job`` names the consumer group and the Kafka transactions, and chooses watermark delays that differ by job;
    ``bounded`` makes sources end at what the topics hold now, as does ``batch``, the run over history that this is.
    """
    bounded = bounded or batch is not None
    group = consumer_group(job)
    watermarks, windows, alerts = settings.watermarks, settings.windows, settings.alerts
    macro, impact = settings.macro, settings.impact
    waits_for_news = job in ("enrich", "lake")
    # The join waits for news as long as its own delays say, whatever the source.
    trades = {"enrich": watermarks.enrich_trades, "alerts": watermarks.alerts}.get(job, watermarks.trades)
    tickers = watermarks.alerts if job == "alerts" else watermarks.tickers
    articles = watermarks.enrich_articles if waits_for_news else watermarks.articles
    by_source = {name: max(delay, trades) if waits_for_news else delay for name, delay in watermarks.by_source.items()}
    topics = settings.topics
    return {
        # where things are
        "KAFKA_JSON_SOURCE": _options(options.kafka_json_source(settings, group, bounded, watermarks.idle)),
        "KAFKA_NEWS_SOURCE": _options(options.kafka_json_source(settings, group, bounded, watermarks.articles_idle)),
        "KAFKA_HEARTBEATS": _options(options.kafka_json_source(settings, group, bounded, _HEARTBEATS_IDLE)),
        "KAFKA_TEXT_SOURCE": _options(options.kafka_text_source(settings, consumer_group(job, text=True), bounded)),
        "KAFKA_JSON_TABLE": _options(options.kafka_json_table(settings, group, bounded)),
        "POSTGRES": _options(options.postgres(settings, endpoints.postgres(settings, role), group)),
        "LAKE": _options(_lake(settings, job, role, batch)),
        "TOPIC_TRADES": _text(topics.trades),
        "TOPIC_TICKERS": _text(topics.tickers),
        "TOPIC_ARTICLES": _text(topics.articles),
        "TOPIC_PRICES": _text(topics.prices),
        "TOPIC_MARKET_SENTIMENT": _text(topics.market_sentiment),
        "TOPIC_MACRO": _text(topics.macro),
        "TOPIC_HEARTBEATS": _text(topics.heartbeats),
        "TOPIC_ALERTS": _text(topics.alerts),
        "TOPIC_DEAD_LETTERS": _text(topics.dead_letters),
        "INPUT_TOPICS": _text(";".join(getattr(topics, topic) for topic in INPUTS)),
        # Unique per job, sink and topic: two sinks with one prefix fence each other off for ever.
        "TRANSACTIONS_ALERTS": _text(f"{group}-{topics.alerts}"),
        "TRANSACTIONS_DEAD_LETTERS": _text(f"{group}-{topics.dead_letters}"),
        "KAFKA_RETENTION_MS": _text(f"{round(settings.kafka.retention / timedelta(milliseconds=1))} ms"),
        "ALERTS_CHECKPOINT_INTERVAL": _text(format_duration(settings.flink.alerts_checkpoint_interval)),
        "LAKE_CHECKPOINT_INTERVAL": _text(format_duration(settings.lake.checkpoint_interval)),
        # event time
        "TRADES_WATERMARK": _delay(trades, by_source),
        "TICKERS_WATERMARK": _delay(tickers, by_source),
        "ARTICLES_WATERMARK": _delay(articles, by_source),
        "PRICES_WATERMARK": _delay(watermarks.prices, by_source),
        "MAX_FUTURE": _interval(settings.limits.max_future),
        "EARLIEST_EVENT_TIME": str(contract.bound("trades", "event_time", "minimum")),
        "MACRO_EVENT_TIME_MINIMUM": str(contract.bound("macro", "event_time", "minimum")),
        "LATEST_TIME": str(_LATEST_TIME),
        **_range(settings, batch),
        # economic series
        "MACRO_KNOWN_AFTER_MS": _macro_known_after(macro.known_after),
        "MACRO_INDICATORS": ", ".join(map(_text, sorted(macro.known_after))),
        "POLICY_RATE": _text(macro.policy_rate),
        # what news did
        "IMPACT_BAR": _interval(impact.bar),
        "IMPACT_HORIZONS": ", ".join(str(_seconds(horizon)) for horizon in sorted(set(impact.horizons))),
        # As far as the longest horizon, and at least to the last full minute before the news.
        "IMPACT_REACH": _interval(max(*impact.horizons, timedelta(minutes=1) + impact.bar)),
        "IMPACT_ESTIMATION": _interval(impact.estimation),
        "IMPACT_MIN_RETURNS": str(impact.min_returns),
        "IMPACT_MAX_PAUSE_MS": str(_millis(impact.max_pause)),
        # feeds
        "SEQUENTIAL_SOURCES": ", ".join(map(_text, settings.quality.sequential)),
        # windows and thresholds
        "BAR_SIZE": _interval(windows.bar),
        "CANDLE_SIZE": _interval(windows.candle),
        "CANDLE_NAME": _text(format_duration(windows.candle)),
        "CANDLE_MEDIUM_SIZE": _interval(windows.candle_medium),
        "CANDLE_MEDIUM_NAME": _text(format_duration(windows.candle_medium)),
        "CANDLE_LARGE_SIZE": _interval(windows.candle_large),
        "CANDLE_LARGE_NAME": _text(format_duration(windows.candle_large)),
        "STATS_SIZE": _interval(windows.stats),
        "STATS_SLIDE": _interval(windows.stats_slide),
        "RANKING_SIZE": _interval(windows.ranking),
        "RANKING_PLACES": str(windows.ranking_places),
        "SENTIMENT_SIZE": _interval(windows.sentiment),
        "PREDICTION_SIZE": _interval(windows.prediction),
        "PREDICTION_SLIDE": _interval(windows.prediction_slide),
        "PREDICTION_HORIZON": _interval(windows.prediction_horizon),
        "PREDICTION_STEPS": str(windows.prediction_horizon // windows.prediction_slide),
        "PREDICTION_HALF_LIFE": _number(windows.prediction_half_life.total_seconds()),
        "PREDICTION_MEMORY": str(windows.prediction_memory),
        "SCORE_SIZE": _interval(windows.score),
        "SCORE_NAME": _text(format_duration(windows.score)),
        "SCORE_SLIDE": _interval(windows.score_slide),
        "SCORE_LONG_SIZE": _interval(windows.score_long),
        "SCORE_LONG_NAME": _text(format_duration(windows.score_long)),
        "SCORE_LONG_SLIDE": _interval(windows.score_long_slide),
        "NEWS_JOIN": _interval(windows.news_join_batch if batch else windows.news_join),
        "PRICE_CHANGE_PCT": _number(alerts.price_change_pct),
        "DAILY_MOVE_PCT": _number(alerts.daily_move_pct),
        "DAILY_MOVE_HOLD": _interval(alerts.daily_move_hold),
        "SPIKE_PCT": _number(alerts.spike_pct),
        "SPIKE_LOOKBACK": _interval(alerts.spike_lookback),
        "SLOW_SPIKE_PCT": _number(alerts.slow_spike_pct),
        "SLOW_SPIKE_LOOKBACK": _interval(alerts.slow_spike_lookback),
        "SLOW_SPIKE_LOOKBACK_NAME": _text(format_duration(alerts.slow_spike_lookback)),
        "ZSCORE_SIGMA": _number(alerts.zscore_sigma),
        "ZSCORE_CRITICAL_SIGMA": _number(alerts.zscore_critical_sigma),
        "VOLUME_SURGE_RATIO": _number(alerts.volume_surge_ratio),
        "DIVERGENCE_PCT": _number(alerts.divergence_pct),
        "DIVERGENCE_WINDOW": _interval(alerts.divergence_window),
        "DIVERGENCE_WINDOW_NAME": _text(format_duration(alerts.divergence_window)),
        "DOLLARS": ", ".join(map(_text, alerts.dollars)),
        "SENTIMENT_SHIFT": _number(alerts.sentiment_shift),
        "SENTIMENT_RECENT": _interval(alerts.sentiment_recent),
        "SENTIMENT_HISTORY": _interval(alerts.sentiment_history),
        "SENTIMENT_ARTICLES": str(alerts.sentiment_articles),
        "INDEX_SHIFT_POINTS": str(alerts.index_shift_points),
        "ALERT_STEP": _interval(alerts.step),
        "ALERT_HISTORY": _interval(alerts.history),
        "ALERT_HISTORY_STEPS": str(alerts.history_steps),
        "ALERT_MAX_DURATION": _interval(alerts.max_duration),
        "ALERT_RULES_CACHE": _text(format_duration(alerts.rules_cache)),
        "STALE_AFTER": _interval(alerts.stale_after),
        "STALE_AFTER_SECONDS": _number(alerts.stale_after.total_seconds()),
        # the contract's bounds
        **_forms("trades", "source", "symbol", "pair", "trade_id"),
        **_forms("tickers", "source", "symbol", "pair"),
        **_forms("articles", "id", "url", "source"),
        **_forms("prices", "crypto_id", "symbol", "source"),
        **_forms("market_sentiment", "source", "classification"),
        **_forms("macro", "indicator", "date", "frequency"),
        **_maxima("trades", "price", "quantity"),
        **_maxima("tickers", "last", "bid", "ask", "volume_24h", "change_pct"),
        **_bounds("prices", "price_usd", "market_cap", "volume_24h", "change_1h", "change_24h", "change_7d"),
        **_bounds("prices", "ath", "atl", "circulating_supply"),
        **_bounds("market_sentiment", "value"),
        **_bounds("macro", "value"),
        **{f"{topic}_plain_form".upper(): _text(plain_form(topic)) for topic in INPUTS if topic != "articles"},
    }


def _lake(settings: Settings, job: str, role: endpoints.Role, batch: Batch | None) -> dict[str, str]:
    """Return the catalog's options for what reads or writes the lake; others get by without its password."""
    reads = role == "reader" or (batch is not None and batch.source == "lake")
    if not settings.lake.enabled or not (reads or job == "lake"):
        return {"type": "generic_in_memory"}
    return options.lake(settings, endpoints.postgres(settings, "lake" if job == "lake" else "reader"))


def _range(settings: Settings, batch: Batch | None) -> dict[str, str]:
    """Return what is read, which is more than what is written: windows and joins reach over the ends of a range."""
    since, until = (batch.since, batch.until) if batch else (None, None)
    margin = _margin(settings)
    read = _moment(since - margin if since else _FIRST), _moment(until + margin if until else _LAST)
    return {
        "READ_FROM": read[0],
        "READ_TO": read[1],
        "READ_RANGE": f"rowtime >= {read[0]} AND rowtime < {read[1]}" if since or until else "TRUE",
        "WRITE_FROM": _timestamp(since or _FIRST),
        "WRITE_TO": _timestamp(until or _LAST),
    }


def _margin(settings: Settings) -> timedelta:
    """Return what is read before and after a range: no less than the longest windows and joins reach over its ends."""
    windows, impact = settings.windows, settings.impact
    # A prediction's interval is made of the errors of windows before it, and each of them of slopes before that.
    learnt = windows.prediction + 2 * windows.prediction_memory * windows.prediction_slide
    learnt += 4 * windows.prediction_horizon
    return max(
        windows.batch_margin,
        windows.news_join_batch,
        timedelta(days=1),  # volume_daily
        windows.candle_large,
        windows.ranking,
        windows.stats + windows.candle,
        max(windows.score, windows.score_long) + learnt,
        impact.estimation + 2 * max(impact.horizons),
    )


def _moment(time: datetime) -> str:
    return f"TO_TIMESTAMP_LTZ({(time - _EPOCH) // timedelta(milliseconds=1)}, 3)"


def _timestamp(time: datetime) -> str:
    return f"TIMESTAMP '{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S.%f}'"


def plain_form(topic: str) -> str:
    """Return a regular expression (Java's) that only acceptable messages match, as our own producers write them.

    It is sufficient, not necessary: fields in the schema's order, numbers without exponent and well inside their
    bounds. Only an event time too far in the future may still be wrong with a message of this form.
    """
    fields = ",".join(f'"{name}":{_plain_value(topic, name)}' for name in contract.fields(topic))
    return rf"^\{{{fields}\}}\z"


def _plain_value(topic: str, name: str) -> str:
    field = contract.field(topic, name)
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    if "string" in kinds:
        # Without a form of its own: ASCII, without what JSON writes with a backslash.
        form = f'"{_body(field["pattern"])}"' if "pattern" in field else r'"[ !#-\[\]-~]*"'
    elif "long" in kinds:
        form = "1[3-9][0-9]{11}"  # milliseconds between 2011 and 2033
        if field["minimum"] < 0:
            form = "(?:0|-?[1-9][0-9]{0,11}|1[0-9]{12})"  # … between 1938 and 2033
    else:
        form = _plain_number(field, "" if "int" in kinds else r"(?:\.[0-9]{1,17})?")
    return f"(?:{form}|null)" if "null" in kinds else form


def _plain_number(field: dict[str, Any], fraction: str) -> str:
    low = field.get("minimum", 0)
    # Every number of so many digits is within the bounds.
    digits = len(str(int(min(field["maximum"], -low) if low < 0 else field["maximum"]))) - 1
    number = rf"(?:0|[1-9][0-9]{{0,{digits - 1}}}){fraction}"  # JSON allows no leading zeros
    if "exclusiveMinimum" in field:
        return rf"(?![0.]+[,}}]){number}"
    return f"-?{number}" if low < 0 else number


def _body(pattern: str) -> str:
    return pattern.removeprefix("^").removesuffix("$")


def _forms(topic: str, *names: str) -> dict[str, str]:
    # \z and not $: in Java the latter also matches before a newline at the end.
    return {
        f"{topic}_{name}_form".upper(): _text(rf"^{_body(contract.bound(topic, name, 'pattern'))}\z") for name in names
    }


def _maxima(topic: str, *names: str) -> dict[str, str]:
    return {f"{topic}_{name}_maximum".upper(): _number(contract.bound(topic, name, "maximum")) for name in names}


def _bounds(topic: str, *names: str) -> dict[str, str]:
    return {
        f"{topic}_{name}_{bound}".upper(): _number(field[bound])
        for name in names
        for field in [contract.field(topic, name)]
        for bound in ("minimum", "exclusiveMinimum", "maximum")
        if bound in field
    }


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _number(value: Any) -> str:
    # With an exponent it is a double; 0.5 alone would be a decimal, and drag the arithmetic into decimals.
    return f"{float(value)!r}E0" if "e" not in repr(float(value)) else repr(float(value))


def _options(pairs: dict[str, str]) -> str:
    return ",\n    ".join(f"{_text(name)} = {_text(value)}" for name, value in pairs.items())


def _delay(usual: timedelta, by_source: dict[str, timedelta]) -> str:
    """Return the delay of a watermark: an interval, or one that depends on the column ``source``."""
    if not by_source:
        return _interval(usual)
    cases = " ".join(f"WHEN {_text(name)} THEN {_interval(delay)}" for name, delay in sorted(by_source.items()))
    return f"CASE source {cases} ELSE {_interval(usual)} END"


def _macro_known_after(delays: dict[str, timedelta]) -> str:
    cases = " ".join(f"WHEN {_text(name)} THEN CAST({_millis(delay)} AS BIGINT)" for name, delay in delays.items())
    return f"CASE `indicator` {cases} END"


def _millis(value: timedelta) -> int:
    return round(value / timedelta(milliseconds=1))


def _seconds(value: timedelta) -> int:
    return round(value / timedelta(seconds=1))


def _interval(value: timedelta) -> str:
    """Return the SQL interval: whole days, hours, minutes or seconds, else seconds with a fraction.

    Flink takes at most three digits in front: what has more is written with all units.
    """
    millis = _millis(value)
    for unit, size in (("DAY", 86_400_000), ("HOUR", 3_600_000), ("MINUTE", 60_000), ("SECOND", 1_000)):
        digits = str(millis // size)
        if millis % size == 0 and len(digits) <= 3:
            precision = f"({len(digits)})" if len(digits) > 2 else ""
            return f"INTERVAL '{digits}' {unit}{precision}"
    seconds, fraction = divmod(millis, 1_000)
    if seconds < 1_000:
        return f"INTERVAL '{seconds}.{fraction:03}' SECOND({max(2, len(str(seconds)))}, 3)"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"INTERVAL '{days} {hours:02}:{minutes:02}:{seconds:02}.{fraction:03}' DAY(3) TO SECOND(3)"
