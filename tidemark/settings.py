"""Every setting of Tidemark, typed, with its default and its unit.

Read, the later winning: the defaults below, ``tidemark.toml`` in the checkout (or the file that
``TIDEMARK_CONFIG`` names), ``.env``, the environment. A nested name is written with two underscores in the
environment: ``TIDEMARK_ALERTS__SPIKE_PCT=1.5`` is ``[alerts] spike_pct = 1.5`` in the file.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
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


def _pem(path: Path) -> Path:
    path = path.expanduser().resolve()
    try:
        if "-----BEGIN CERTIFICATE-----" not in path.read_text(encoding="utf-8", errors="replace"):
            raise ValueError(f"{path} holds no certificate in PEM form")
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    return path


PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,32}$")]
Memory = Annotated[str, Field(pattern=r"^[1-9]\d* ?[mg]$")]  # in MiB or GiB, as Flink writes it
Port = Annotated[int, Field(ge=1, le=65535)]


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
    ca_file: Annotated[Path, AfterValidator(_pem)] | None = None  # unset: the authorities that the system knows
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
    flush_rows: Annotated[int, Field(ge=1)] = 5000  # rows that a sink gathers before it writes
    flush_interval: PositiveDuration = timedelta(milliseconds=500)  # and the longest it holds them back


class Flink(Group):
    """The session cluster. Without ``rest`` (host:port) it is the one of the local stack."""

    rest: str | None = None
    port: Port | None = None  # of the local web UI; unset: 8081, or a free one where that is taken
    parallelism: Annotated[int, Field(ge=1, le=1024)] = 1
    slots: Annotated[int, Field(ge=1, le=1024)] = 12
    checkpoint_interval: PositiveDuration = timedelta(seconds=5)
    alerts_checkpoint_interval: PositiveDuration = timedelta(seconds=2)  # alerts are visible once committed
    jobmanager_memory: Memory = "900m"
    taskmanager_memory: Memory = "1600m"


class Watermarks(Group):
    """How far behind the newest event time of a partition its watermark stays, and when a silent one stops counting."""

    trades: PositiveDuration = timedelta(seconds=10)
    tickers: PositiveDuration = timedelta(seconds=10)
    articles: PositiveDuration = timedelta(minutes=2)
    prices: PositiveDuration = timedelta(minutes=2)  # an aggregator updates its coins one by one
    enrich_trades: PositiveDuration = timedelta(minutes=5)  # the join waits for news that is polled every 5 min
    enrich_articles: PositiveDuration = timedelta(minutes=5)
    # A partition without a message for this long holds nothing back any more. Not too short where messages are dense:
    # in a backlog one partition waits while another is read, and must not be taken for silent.
    idle: PositiveDuration = timedelta(seconds=60)
    articles_idle: PositiveDuration = timedelta(seconds=10)
    emit: Literal["on-periodic", "on-event"] = "on-periodic"  # on-event is for tests: exact, and 8 times slower


class Windows(Group):
    """Sizes of the windows and bounds of the joins."""

    candle: PositiveDuration = timedelta(minutes=1)
    sentiment: PositiveDuration = timedelta(minutes=3)
    prediction: PositiveDuration = timedelta(minutes=3)
    prediction_slide: PositiveDuration = timedelta(seconds=30)
    news_join: PositiveDuration = timedelta(minutes=5)  # before and after the trade
    news_join_batch: PositiveDuration = timedelta(hours=24)  # … where a job runs in batch
    # What a batch run reads before and after its range, so that what reaches over its ends is computed whole.
    batch_margin: PositiveDuration = timedelta(hours=24)
    bar: PositiveDuration = timedelta(seconds=1)  # what spikes are measured on

    @model_validator(mode="after")
    def _slide_divides(self) -> Windows:
        if self.prediction % self.prediction_slide:
            raise ValueError("windows.prediction must be a multiple of windows.prediction_slide")
        return self


class Alerts(Group):
    """Thresholds, in percent, and the time a move is measured over."""

    price_change_pct: Annotated[float, Field(gt=0, le=100)] = 0.5
    spike_pct: Annotated[float, Field(gt=0, le=100)] = 1.0
    spike_lookback: PositiveDuration = timedelta(seconds=60)
    spike_max_duration: PositiveDuration = timedelta(minutes=10)  # a longer move is cut there
    stale_after: PositiveDuration = timedelta(minutes=2)  # a stream without message and heartbeat is stale then


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
    keep_snapshots: PositiveDuration = timedelta(days=7)  # what older states of the tables are kept to go back to


class Limits(Group):
    """What is accepted as plausible; the bounds of single fields are in producers/schemas."""

    max_future: PositiveDuration = timedelta(hours=1)  # how far an event time may lie ahead of its arrival


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
    flink: Flink = Flink()
    watermarks: Watermarks = Watermarks()
    windows: Windows = Windows()
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
