"""What is simulated: the coins there are, how long and how much they are traded, and how bad the way to Kafka is."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tidemark.errors import UserError

SOURCE = "simulator"
MINUTE = 60_000
DAY = 1440 * MINUTE


@dataclass(frozen=True)
class Coin:
    """A coin against USDT: its price level, and the decimals of its price's tick."""

    symbol: str
    price: float
    decimals: int

    @property
    def pair(self) -> str:
        """Return the pair as the topics write it."""
        return f"{self.symbol}/USDT"


COINS = (
    Coin("BTC", 97_000, 2),
    Coin("ETH", 3_400, 2),
    Coin("SOL", 190, 2),
    Coin("BNB", 640, 2),
    Coin("XRP", 2.2, 4),
    Coin("ADA", 0.85, 4),
    Coin("DOGE", 0.34, 5),
    Coin("AVAX", 36, 2),
    Coin("DOT", 7.1, 3),
    Coin("LINK", 21, 2),
)


@dataclass(frozen=True)
class MarketConfig:
    """What is simulated. Rates are shares of the sound messages: ``late`` of the trades, the others of all;
    ``outages``, ``surges`` (of volume) and ``shifts`` (of the mood of news) are numbers, of which as many happen as
    there is room for.

    Equal configurations give equal bytes; another start gives the same market then, with ids of its own.
    Raises UserError for what cannot be simulated.
    """

    start_ms: int
    minutes: float = 30
    seed: int = 7
    trades_per_second: float = 4  # per pair
    coins: int = len(COINS)
    duplicates: float = 0.01
    late: float = 0.002
    malformed: float = 0.003
    outages: int = 0
    surges: int = 0
    shifts: int = 0

    def __post_init__(self) -> None:
        bounds = {
            "minutes": (1, 1440),
            "trades_per_second": (0.5, 500),
            "coins": (1, len(COINS)),
            "duplicates": (0, 0.5),
            "late": (0, 0.5),
            "malformed": (0, 0.5),
            "outages": (0, 100),
            "surges": (0, 100),
            "shifts": (0, 100),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise UserError(
                    f"A market with {name} = {getattr(self, name)} cannot be simulated: {low} to {high} can."
                )

    @property
    def traded(self) -> tuple[Coin, ...]:
        """Return the coins that are traded."""
        return COINS[: self.coins]

    @property
    def end_ms(self) -> int:
        """Return when the last trade may happen; repeated messages arrive up to 8 s later."""
        return self.start_ms + round(self.minutes * MINUTE)

    def random(self, purpose: str) -> Random:
        """Return what is drawn from for ``purpose``."""
        # One for each purpose, so that other faults leave the prices as they are; and none knows the start, so
        # that a seed stands for the same market at any time.
        return Random(f"{self.seed}/{purpose}")  # noqa: S311 - a simulation, no secret
