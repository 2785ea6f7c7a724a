"""Every setting of Tidemark, typed, with its default and its unit.

Read, the later winning: the defaults below, ``tidemark.toml`` in the checkout (or the file that
``TIDEMARK_CONFIG`` names), ``.env``, the environment. A nested name is written with two underscores in the
environment: ``TIDEMARK_ALERTS__SPIKE_PCT=1.5`` is ``[alerts] spike_pct = 1.5`` in the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tidemark.durations import Duration
from tidemark.errors import UserError
from tidemark.paths import ROOT
from tidemark.schedules import Cron, Every, Schedule


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


def _pem(label: str) -> Callable[[Path], Path]:
    """Return a check that a file has something in PEM form under ``label``, such as CERTIFICATE."""

    def check(path: Path) -> Path:
        path = path.expanduser().resolve()
        try:
            if f"-----BEGIN {label}-----" not in path.read_text(encoding="utf-8", errors="replace"):
                raise ValueError(f"{path} holds no {label.lower()} in PEM form")
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror})") from None
        return path

    return check


def _at_most_a_second(value: timedelta) -> timedelta:
    if value > timedelta(seconds=1):
        raise ValueError("must be at most a second")
    return value


def _whole_minutes(value: timedelta) -> timedelta:
    if value % timedelta(minutes=1):
        raise ValueError("must be whole minutes")
    return value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Paris") from None
    return name


CertificateFile = Annotated[Path, AfterValidator(_pem("CERTIFICATE"))]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
WholeMinutes = Annotated[PositiveDuration, AfterValidator(_whole_minutes)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,32}$")]
IndicatorName = Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,40}$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}$")]
Memory = Annotated[str, Field(pattern=r"^[1-9]\d* ?[mg]$")]  # in MiB or GiB, as Flink writes it
Rate = Annotated[str, Field(pattern=r"^[1-9]\d{0,8}/(second|minute|hour|day)$")]
Port = Annotated[int, Field(ge=1, le=65535)]
ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
QuietHours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
Severity = Literal["info", "warning", "critical"]
AlertType = Literal[
    "price_change", "daily_move", "spike", "zscore", "divergence", "volume_surge", "sentiment_shift", "stale_feed"
]


class Group(BaseModel):
    """A section of the settings; a misspelt name is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


class Topics(Group):
    """Names of the Kafka topics, so that an existing cluster's topics can be used."""

    trades: TopicName = "trades"
    tickers: TopicName = "tickers"
    articles: TopicName = "articles"
    prices: TopicName = "prices"
    market_sentiment: TopicName = "market-sentiment"
    macro: TopicName = "macro"
    heartbeats: TopicName = "heartbeats"
    alerts: TopicName = "alerts"
    dead_letters: TopicName = "dead-letters"


class Kafka(Group):
    """The broker. Without ``bootstrap`` it is the one of the local stack."""

    bootstrap: str | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: CertificateFile | None = None  # unset: the authorities that the system knows
    port: Port | None = None  # of the local broker; unset: 9092, or a free one where that is taken
    partitions: Annotated[int, Field(ge=1, le=1000)] = 3
    retention: PositiveDuration = timedelta(days=7)

    @model_validator(mode="after")
    def _security_is_whole(self) -> Kafka:
        login = {"sasl_mechanism": self.sasl_mechanism, "username": self.username, "password": self.password}
        given = [name for name, value in login.items() if value]
        if self.security_protocol == "SASL_SSL" and (missing := [name for name in login if name not in given]):
            raise ValueError(f"security_protocol SASL_SSL also needs {', '.join(missing)}")
        if self.security_protocol != "SASL_SSL" and given:
            raise ValueError(f"{', '.join(given)} would go unused: set security_protocol to SASL_SSL")
        if self.security_protocol == "PLAINTEXT" and self.ca_file:
            raise ValueError("ca_file would go unused: set security_protocol to SSL or SASL_SSL")
        if self.security_protocol != "PLAINTEXT" and not self.bootstrap:
            raise ValueError(f"security_protocol {self.security_protocol} needs bootstrap: the local broker has no TLS")
        if not f"{self.username or ''}{self.password.get_secret_value() if self.password else ''}".isprintable():
            raise ValueError("username or password has a line break or another control character")
        return self


class Postgres(Group):
    """The database. Without ``host`` it is the one of the local stack, with passwords made at its first start."""

    host: str | None = None
    port: Port | None = None  # unset: 5432, or (local stack) a free one where that is taken
    database: str = "tidemark"
    migrator_password: SecretStr | None = None
    writer_password: SecretStr | None = None
    reader_password: SecretStr | None = None
    lake_password: SecretStr | None = None
    api_password: SecretStr | None = None
    # prefer: TLS where the server has it, unchecked; require: TLS; verify-full: and the certificate is checked.
    sslmode: Literal["prefer", "require", "verify-full"] = "prefer"
    ca_file: CertificateFile | None = None  # unset: the authorities that the system knows
    flush_rows: Annotated[int, Field(ge=1)] = 5000  # rows that a sink gathers before it writes
    flush_interval: PositiveDuration = timedelta(milliseconds=500)  # and the longest it holds them back

    @model_validator(mode="after")
    def _security_is_whole(self) -> Postgres:
        if self.ca_file and self.sslmode != "verify-full":
            raise ValueError("ca_file would go unused: set sslmode to verify-full")
        if self.sslmode != "prefer" and not self.host:
            raise ValueError(f"sslmode {self.sslmode} needs host: the local PostgreSQL has no TLS")
        return self


class Storage(Group):
    """How long PostgreSQL keeps rows, and when it is maintained. What is kept how is in storage.policies."""

    retention: PositiveDuration = timedelta(days=90)
    compact_after: PositiveDuration = timedelta(days=7)
    ahead: PositiveDuration = timedelta(days=7)  # for so long partitions are made before they are needed
    schedule: Schedule = Every(timedelta(days=1))  # of `tidemark maintain`
    rollup_interval: PositiveDuration = timedelta(minutes=1)


class Flink(Group):
    """The session cluster. Without ``rest`` (host:port) it is the one of the local stack."""

    rest: str | None = None
    port: Port | None = None  # of the local web UI; unset: 8081, or a free one where that is taken
    parallelism: Annotated[int, Field(ge=1, le=1024)] = 1
    slots: Annotated[int, Field(ge=1, le=1024)] = 10  # each has 24 MiB of taskmanager_memory for itself
    checkpoint_interval: PositiveDuration = timedelta(seconds=5)
    alerts_checkpoint_interval: PositiveDuration = timedelta(milliseconds=500)  # alerts are visible once committed
    jobmanager_memory: Memory = "900m"
    taskmanager_memory: Memory = "1600m"


class Watermarks(Group):
    """How far behind the newest event time of a partition its watermark stays, and when a silent one stops counting."""

    trades: PositiveDuration = timedelta(seconds=10)
    tickers: PositiveDuration = timedelta(seconds=10)
    alerts: PositiveDuration = timedelta(seconds=1)  # trades and tickers in the job alerts, which must not come late
    articles: PositiveDuration = timedelta(minutes=2)
    prices: PositiveDuration = timedelta(minutes=2)  # an aggregator updates its coins one by one
    enrich_trades: PositiveDuration = timedelta(minutes=5)  # the join waits for news that is polled every 5 min
    enrich_articles: PositiveDuration = timedelta(minutes=5)
    by_source: dict[SourceName, PositiveDuration] = {}  # of single venues and feeds, in place of those above
    # A partition without a message for this long holds nothing back any more. Not too short where messages are dense:
    # in a backlog one partition waits while another is read, and must not be taken for silent.
    idle: PositiveDuration = timedelta(seconds=60)
    articles_idle: PositiveDuration = timedelta(seconds=10)
    emit: Literal["on-periodic", "on-event"] = "on-periodic"  # on-event is for tests: exact, and 8 times slower


class Windows(Group):
    """Sizes of the windows and bounds of the joins."""

    candle: PositiveDuration = timedelta(minutes=1)
    candle_medium: PositiveDuration = timedelta(minutes=5)
    candle_large: PositiveDuration = timedelta(hours=1)
    stats: PositiveDuration = timedelta(hours=1)  # of price_stats …
    stats_slide: PositiveDuration = timedelta(minutes=5)
    ranking: PositiveDuration = timedelta(minutes=5)
    ranking_places: Annotated[int, Field(ge=1, le=10_000)] = 100  # of an aggregator's coins; the others are left out
    sentiment: PositiveDuration = timedelta(minutes=3)
    prediction: PositiveDuration = timedelta(minutes=3)
    prediction_slide: PositiveDuration = timedelta(seconds=30)
    prediction_horizon: PositiveDuration = timedelta(seconds=30)  # how far ahead of its window a prediction looks
    prediction_half_life: PositiveDuration = timedelta(minutes=1)  # age at which a trade counts half as much
    prediction_memory: Annotated[int, Field(ge=2, le=1000)] = 60  # windows before its own that a model learns from
    score: PositiveDuration = timedelta(hours=1)  # what predictions are scored over …
    score_slide: PositiveDuration = timedelta(minutes=5)
    score_long: PositiveDuration = timedelta(hours=24)  # … and over longer
    score_long_slide: PositiveDuration = timedelta(hours=1)
    news_join: PositiveDuration = timedelta(minutes=5)  # before and after the trade
    news_join_batch: PositiveDuration = timedelta(hours=24)  # … where a job runs in batch
    # What a batch run reads at least before and after its range, so that what reaches over its ends is computed whole.
    batch_margin: PositiveDuration = timedelta(hours=24)
    bar: PositiveDuration = timedelta(seconds=1)  # what spikes are measured on

    @model_validator(mode="after")
    def _one_divides_the_other(self) -> Windows:
        for long, short in (
            ("candle", "bar"),
            ("candle_medium", "candle"),
            ("candle_large", "candle_medium"),
            ("stats", "stats_slide"),
            ("stats_slide", "candle"),
            ("prediction", "prediction_slide"),
            ("prediction_slide", "bar"),
            ("prediction_horizon", "prediction_slide"),
            ("score", "score_slide"),
            ("score_long", "score_long_slide"),
            ("score_long_slide", "score_slide"),
        ):
            if getattr(self, long) % getattr(self, short):
                raise ValueError(f"windows.{long} must be a multiple of windows.{short}")
        if self.prediction > 20 * self.prediction_half_life:  # the weight of the oldest trade would be lost in rounding
            raise ValueError("windows.prediction must be at most 20 times windows.prediction_half_life")
        return self


class Macro(Group):
    """Which economic series each trade is given, and how long after its date a value is known for certain."""

    # From the midnight (UTC) that begins the date. Of DFF the value of a Friday is published on Monday afternoon in New
    # York, after a holiday on Tuesday; of the monthly series, dated the first, about the middle of the next month.
    known_after: Annotated[dict[IndicatorName, WholeMinutes], Field(min_length=1)] = {
        "DFF": timedelta(days=5),
        "T10Y2Y": timedelta(days=5),
        "CPIAUCSL": timedelta(days=50),
        "UNRATE": timedelta(days=45),
    }
    policy_rate: IndicatorName = "DFF"  # that has a column of its own

    @model_validator(mode="after")
    def _policy_rate_is_known(self) -> Macro:
        if self.policy_rate not in self.known_after:
            raise ValueError(f"policy_rate {self.policy_rate} must be one of known_after")
        return self


class Impact(Group):
    """What is measured around news: returns, volumes and volatilities before and after it."""

    horizons: Annotated[list[PositiveDuration], Field(min_length=1)] = [timedelta(minutes=n) for n in (1, 5, 15)]
    bar: PositiveDuration = timedelta(seconds=10)  # what these are made of
    estimation: WholeMinutes = timedelta(hours=1)  # before the news, whose 1-minute returns say what is usual
    min_returns: Annotated[int, Field(ge=2)] = 20  # fewer of them say nothing
    max_pause: PositiveDuration = timedelta(minutes=1)  # a longer time without a trade is a gap

    @model_validator(mode="after")
    def _bars_fit(self) -> Impact:
        second = timedelta(seconds=1)
        if self.bar % second or timedelta(minutes=1) % self.bar:
            raise ValueError("impact.bar must be whole seconds that divide a minute")
        if wrong := [horizon for horizon in self.horizons if horizon % self.bar]:
            raise ValueError(f"impact.horizons must be multiples of impact.bar, which {wrong[0]} is not")
        return self


class Alerts(Group):
    """Thresholds that hold where no rule in the database says otherwise, and what is measured against what."""

    price_change_pct: Annotated[float, Field(gt=0, le=1000)] = 0.5
    daily_move_pct: Annotated[float, Field(gt=0, le=1000)] = 5.0
    daily_move_hold: PositiveDuration = timedelta(hours=1)  # a move that falls short for less is still the same
    spike_pct: Annotated[float, Field(gt=0, le=1000)] = 1.0
    spike_lookback: PositiveDuration = timedelta(seconds=60)
    slow_spike_pct: Annotated[float, Field(gt=0, le=1000)] = 1.5
    slow_spike_lookback: PositiveDuration = timedelta(minutes=5)
    zscore_sigma: Annotated[float, Field(gt=0, le=100)] = 2.0
    zscore_critical_sigma: Annotated[float, Field(gt=0, le=100)] = 3.0
    volume_surge_ratio: Annotated[float, Field(gt=1, le=1000)] = 5.0
    divergence_pct: Annotated[float, Field(gt=0, le=1000)] = 1.0
    divergence_window: PositiveDuration = timedelta(minutes=3)  # for so long two sources must disagree
    # Quotes that are compared with prices in US dollars.
    dollars: Annotated[list[Symbol], Field(min_length=1)] = ["USD", "USDT", "USDC"]
    sentiment_shift: Annotated[float, Field(gt=0, le=1)] = 0.25  # of a score, which is from 0 to 1
    sentiment_recent: PositiveDuration = timedelta(minutes=10)
    sentiment_history: PositiveDuration = timedelta(hours=2)  # what the recent is compared with, itself included
    sentiment_articles: Annotated[int, Field(ge=1)] = 5  # in the recent, and as many before
    index_shift_points: Annotated[int, Field(ge=1, le=100)] = 20  # of the Fear & Greed index, between two days
    step: PositiveDuration = timedelta(minutes=1)  # how often all but spikes and price changes is measured
    history: PositiveDuration = timedelta(minutes=30)  # what a step's return and volume are compared with
    history_steps: Annotated[int, Field(ge=2)] = 10  # fewer say nothing
    max_duration: PositiveDuration = timedelta(minutes=10)  # an event that goes on is reported then, and once
    stale_after: PositiveDuration = timedelta(minutes=2)  # a stream without message and heartbeat is stale then
    rules_cache: PositiveDuration = timedelta(seconds=5)  # how old what the job knows of the rules may be

    @model_validator(mode="after")
    def _steps_divide(self) -> Alerts:
        for name in ("divergence_window", "sentiment_recent", "sentiment_history"):
            if getattr(self, name) % self.step:
                raise ValueError(f"alerts.{name} must be a multiple of alerts.step")
        if self.sentiment_recent >= self.sentiment_history:
            raise ValueError("alerts.sentiment_history must be longer than alerts.sentiment_recent")
        return self


class Quality(Group):
    """How feeds are watched."""

    # Venues whose trade ids are consecutive per pair, so that a missing one shows.
    sequential: Annotated[list[SourceName], Field(min_length=1)] = ["binance", "simulator"]


class Lake(Group):
    """The Iceberg tables: everything that the topics held, for as long as one likes."""

    enabled: bool = True
    warehouse: str | None = None  # folder or URI of the tables' files; unset: `lake` in data_dir
    # A commit makes a file per pair, and readers see rows once they are committed.
    checkpoint_interval: PositiveDuration = timedelta(seconds=60)
    # What older states of the tables are kept to go back to; each commit writes down all of them (some 800 bytes each).
    keep_snapshots: PositiveDuration = timedelta(days=1)
    orphans_after: PositiveDuration = timedelta(days=3)  # a file that no state knows by then is deleted
    schedule: Schedule = Every(timedelta(days=1))  # of the lake's part of `tidemark maintain`


class Limits(Group):
    """What is accepted as plausible; the bounds of single fields are in producers/schemas."""

    max_future: PositiveDuration = timedelta(hours=1)  # how far an event time may lie ahead of its arrival


class Api(Group):
    """The REST API (`tidemark api`): where it listens, who may call it how often, how old its answers may be."""

    enabled: bool = True  # as a part of the local stack
    host: str = "127.0.0.1"  # any other than a loopback address demands keys
    port: Port | None = None  # unset: 8000, or a free one where that is taken
    names: list[str] = []  # by which it is called, where it listens on loopback behind a proxy
    trusted_proxies: list[str] = []  # addresses whose X-Forwarded-For and X-Forwarded-Proto are believed
    keyless_reads: bool = True  # on loopback; writes always want a key
    jwt_secret: Annotated[SecretStr, Field(min_length=32)] | None = None  # HS256
    jwt_public_key: Annotated[Path, AfterValidator(_pem("PUBLIC KEY"))] | None = None  # RS256, ES256 or EdDSA
    jwt_issuer: str = "tidemark"
    jwt_audience: str = "tidemark"
    rate_per_address: Rate = "60000/minute"
    rate_per_key: Rate = "60000/minute"
    cors_origins: list[str] = []
    max_body: Annotated[int, Field(ge=1024)] = 16_384  # bytes
    max_query: Annotated[int, Field(ge=256)] = 2_048  # bytes
    latest_for: Annotated[PositiveDuration, AfterValidator(_at_most_a_second)] = timedelta(milliseconds=500)
    history_for: PositiveDuration = timedelta(seconds=10)  # of what ended before now; what goes on until now, a second
    redis: SecretStr | None = None  # redis://[:password@]host:port/database; unset: each process has its own cache
    connections: Annotated[int, Field(ge=1, le=200)] = 8  # to PostgreSQL, as the reader
    statement_timeout: PositiveDuration = timedelta(seconds=5)
    fresh_within: PositiveDuration = timedelta(minutes=2)  # older than this, the newest price makes it not ready

    @model_validator(mode="after")
    def _one_key_for_tokens(self) -> Api:
        if self.jwt_secret and self.jwt_public_key:
            raise ValueError("jwt_secret and jwt_public_key are two ways to check a token: set one")
        return self


class Live(Group):
    """What the API tells as it happens, from Kafka: WebSockets and server-sent events."""

    enabled: bool = True
    clients: Annotated[int, Field(ge=1)] = 1_000  # of one process
    kept: Annotated[int, Field(ge=100)] = 10_000  # messages of each stream: so far back one can go on, or be behind
    heartbeat: PositiveDuration = timedelta(seconds=3)


class Rule(Group):
    """Which alerts go to which channels. What is left out does not matter."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    types: list[AlertType] = []
    coins: list[Symbol] = []
    severity: Severity = "info"  # this severe at least
    threshold: Annotated[float, Field(ge=0)] = 0  # the change at least so many percent, either way
    channels: list[str] = []
    urgent: bool = False  # also in quiet hours


class Notify(Group):
    """Who is told of alerts (`tidemark notify`), and how often."""

    channels: dict[ChannelName, SecretStr] = {}  # addresses as Apprise has them, or file:PATH of a file with one
    rules: list[Rule] = []
    quiet_hours: QuietHours | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    rate: Rate = "20/hour"
    give_up: PositiveDuration = timedelta(hours=1)  # so long a failing channel is tried
    timeout: PositiveDuration = timedelta(seconds=10)

    @model_validator(mode="after")
    def _rules_make_sense(self) -> Notify:
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"there are two rules {twice[0]}")
        for rule in self.rules:
            if unknown := [name for name in rule.channels if name not in self.channels]:
                raise ValueError(f"rule {rule.name} names the channel {unknown[0]}, which notify.channels has not")
        return self


class Stream(Group):
    """A venue's WebSocket. ``max_age``: how old a connection grows before another takes over, without a gap."""

    ws_url: str
    pairs: list[str]
    max_age: PositiveDuration = timedelta(hours=23)


class Answers(Group):
    """Limits on what a server answers: how long it may take, and how much it may send."""

    timeout: PositiveDuration = timedelta(seconds=20)
    max_bytes: Annotated[int, Field(ge=1024)] = 5_000_000


class Poll(Answers):
    """A source that is asked on a schedule."""

    schedule: Schedule


class Binance(Stream, Answers):
    """Binance spot trades, public WebSocket streams and, for trades that were missed, REST (no key)."""

    ws_url: str = "wss://stream.binance.com:9443"
    rest_url: str = "https://api.binance.com"
    pairs: list[str] = ["BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT"]


class Kraken(Stream):
    """Kraken ticker and trades, public WebSocket v2 (no key)."""

    ws_url: str = "wss://ws.kraken.com/v2"
    pairs: list[str] = ["BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "ADA/USD"]


class CoinGecko(Poll):
    """Prices of coins (symbols known to producers/coins.toml); the key is optional."""

    url: str = "https://api.coingecko.com/api/v3"
    api_key: SecretStr | None = None
    schedule: Schedule = Every(timedelta(seconds=60))
    coins: list[str] = [
        *("BTC", "ETH", "USDT", "XRP", "BNB", "SOL", "USDC", "DOGE", "ADA", "TRX"),
        *("LINK", "AVAX", "XLM", "SUI", "BCH", "LTC", "DOT", "UNI", "NEAR", "ATOM"),
    ]
    history: PositiveDuration = timedelta(days=7)  # what `tidemark backfill coingecko` fetches, hourly


class CoinMarketCap(Poll):
    """Prices of the largest coins; needs a key."""

    url: str = "https://pro-api.coinmarketcap.com"
    api_key: SecretStr | None = None
    schedule: Schedule = Every(timedelta(minutes=2))
    top: Annotated[int, Field(ge=1, le=5000)] = 20


class Rss(Poll):
    """News feeds, by the name of their website."""

    feeds: dict[str, str] = {
        "CoinDesk": "https://www.coindesk.com/arc/outboundfeeds/rss/",
        "Cointelegraph": "https://cointelegraph.com/rss",
        "Decrypt": "https://decrypt.co/feed",
        "CryptoSlate": "https://cryptoslate.com/feed/",
        "Bitcoin Magazine": "https://bitcoinmagazine.com/.rss/full/",
    }
    schedule: Schedule = Every(timedelta(minutes=5))


class NewsApi(Poll):
    """Articles of newsapi.org that match a query; needs a key."""

    url: str = "https://newsapi.org/v2/everything"
    api_key: SecretStr | None = None
    query: str = "bitcoin"
    schedule: Schedule = Every(timedelta(hours=1))


class Fred(Poll):
    """Economic series of the Federal Reserve Bank of St. Louis: as CSV, or with a key through its API."""

    csv_url: str = "https://fred.stlouisfed.org/graph/fredgraph.csv"
    api_url: str = "https://api.stlouisfed.org/fred/series/observations"
    api_key: SecretStr | None = None
    series: dict[str, str] = {"DFF": "daily", "T10Y2Y": "daily", "CPIAUCSL": "monthly", "UNRATE": "monthly"}
    schedule: Schedule = Cron("0 6 * * *")


class FearGreed(Poll):
    """The Fear & Greed index of alternative.me (no key)."""

    url: str = "https://api.alternative.me/fng/"
    schedule: Schedule = Every(timedelta(minutes=5))


class Sentiment(Group):
    """How the tone of news is scored (producers/sentiment.py)."""

    scorer: Literal["textblob", "vader"] = "vader"


class Producers(Group):
    """What all producers share."""

    retries: Annotated[int, Field(ge=0, le=20)] = 3  # of a failed poll: after 2, 4, 8 … seconds, with jitter
    breaker_failures: Annotated[int, Field(ge=1)] = 5  # one after the other, and a source is left alone …
    breaker_pause: PositiveDuration = timedelta(seconds=60)  # … for so long
    heartbeat: PositiveDuration = timedelta(seconds=5)  # how often a stream that is well says so
    # A source that sends only rubbish is stopped: so many bad frames in a row, or such a share of the last 1,000.
    rubbish_run: Annotated[int, Field(ge=1)] = 100
    rubbish_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    backfill_max: Annotated[int, Field(ge=0)] = 50_000  # trades of one gap that are fetched at once
    metrics_port: Port | None = None  # on loopback, for Prometheus; unset: no metrics
    reconnect_max: PositiveDuration = timedelta(seconds=60)  # longest pause between two tries to connect
    silence: PositiveDuration = timedelta(seconds=60)  # a stream silent for this long is opened anew
    send_timeout: PositiveDuration = timedelta(minutes=2)  # after which an unsent message is reported as lost


class Settings(BaseSettings):
    """All settings; build it with :func:`load`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDEMARK_",
        env_nested_delimiter="__",
        env_file=ROOT / ".env",
        extra="ignore",
        validate_default=True,
    )

    data_dir: Path = ROOT / ".tidemark"  # everything that the local stack keeps
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    topics: Topics = Topics()
    kafka: Kafka = Kafka()
    postgres: Postgres = Postgres()
    storage: Storage = Storage()
    flink: Flink = Flink()
    watermarks: Watermarks = Watermarks()
    windows: Windows = Windows()
    macro: Macro = Macro()
    impact: Impact = Impact()
    alerts: Alerts = Alerts()
    limits: Limits = Limits()
    lake: Lake = Lake()
    quality: Quality = Quality()
    # Sources: each has a module of its name in producers/sources.
    binance: Binance = Binance()
    kraken: Kraken = Kraken()
    bitstamp: Stream = Stream(ws_url="wss://ws.bitstamp.net", pairs=["BTC/USD", "ETH/USD", "XRP/USD"])
    coingecko: CoinGecko = CoinGecko()
    coinmarketcap: CoinMarketCap = CoinMarketCap()
    rss: Rss = Rss()
    newsapi: NewsApi = NewsApi()
    fred: Fred = Fred()
    fear_greed: FearGreed = FearGreed()
    sentiment: Sentiment = Sentiment()
    producers: Producers = Producers()
    api: Api = Api()
    live: Live = Live()
    notify: Notify = Notify()

    @field_validator("*", mode="before")
    @classmethod
    def _keep_others(cls, value: Any, info: ValidationInfo) -> Any:
        """Let one value of a group whose defaults are given above leave the others of them as they are."""
        default = cls.model_fields[info.field_name or ""].default
        return {**vars(default), **value} if isinstance(value, dict) and isinstance(default, Group) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the TOML file below the environment."""
        toml = TomlConfigSettingsSource(settings_cls, _config_file())
        return init_settings, env_settings, dotenv_settings, toml


def _config_file() -> Path:
    return Path(os.environ.get("TIDEMARK_CONFIG", ROOT / "tidemark.toml"))


def load(**overrides: Any) -> Settings:
    """Read the settings; ``overrides`` win over every source.

    Raises UserError naming each setting that is wrong and what was expected.
    """
    known = {*Settings.model_fields}
    for name in os.environ:
        if name.startswith("TIDEMARK_") and name != "TIDEMARK_CONFIG":
            group = name.removeprefix("TIDEMARK_").split("__")[0].lower()
            if group not in known:
                raise UserError(f"{name} is not a setting.", f"Known first words: {', '.join(sorted(known))}.")
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UserError(f"A setting is wrong: {wrong}.", "See the settings table in the README.") from None
    except ValueError as error:  # not TOML
        raise UserError(f"{_config_file()} could not be read: {error}.") from None
    settings.data_dir = settings.data_dir.expanduser().resolve()
    return settings


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return load()
