"""How well the scorers label headlines, and how well mentions are found: `python -m benchmarks.sentiment`.

The headlines are those of tests/data/headlines.jsonl, written and labelled by hand. Lexicon and coins were tuned on the
half `dev` only; what counts is the half `test`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from rich.console import Console
from rich.table import Table

from producers import sentiment
from producers.mentions import mentions
from tidemark.paths import ROOT

HEADLINES = ROOT / "tests" / "data" / "headlines.jsonl"
LABELS = ("positive", "neutral", "negative")
SPLITS = ("dev", "test")
_RESAMPLES = 10_000


@dataclass(frozen=True)
class Headline:
    """A headline as a feed would bring it, and what a reader makes of it: its label and the symbols it mentions."""

    split: str
    label: str
    mentions: list[str]
    title: str
    summary: str

    @property
    def text(self) -> str:
        """Return what sources score: title and summary."""
        return f"{self.title}. {self.summary}"


def headlines(split: str) -> list[Headline]:
    """Return the headlines of a split: `dev` or `test`."""
    lines = HEADLINES.read_text(encoding="utf-8").splitlines()
    return [headline for headline in (Headline(**json.loads(line)) for line in lines) if headline.split == split]


@dataclass(frozen=True)
class Labelled:
    """What a scorer made of some headlines: pairs of true and given label, and the time it took, in ms per headline."""

    pairs: list[tuple[str, str]]
    ms: float

    @property
    def right(self) -> list[bool]:
        """Return for each headline whether its label is right."""
        return [true == given for true, given in self.pairs]

    @property
    def accuracy(self) -> float:
        """Return the share of right labels."""
        return sum(self.right) / len(self.pairs)

    @property
    def macro_f1(self) -> float:
        """Return the mean over the labels of F1 = 2 hits / (true + given)."""
        hits = Counter(true for true, given in self.pairs if true == given)
        seen = Counter(label for pair in self.pairs for label in pair)
        return sum(2 * hits[label] / seen[label] for label in LABELS) / len(LABELS)


def labelled(scorer: sentiment.Scorer, given: list[Headline]) -> Labelled:
    """Let a scorer label headlines."""
    sentiment.score("", scorer)  # its import is not what is measured
    began = time.perf_counter()
    pairs = [(headline.label, sentiment.score(headline.text, scorer)["label"]) for headline in given]
    return Labelled(pairs, (time.perf_counter() - began) * 1000 / len(given))


def interval(sample: list[int], statistic: Callable[[list[int]], float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a statistic of ``sample`` (percentiles, resampled with a fixed seed)."""
    rng = Random(1)
    values = sorted(statistic(rng.choices(sample, k=len(sample))) for _ in range(_RESAMPLES))
    return values[round(0.025 * _RESAMPLES)], values[round(0.975 * _RESAMPLES) - 1]


@dataclass(frozen=True)
class Mentions:
    """What was found of the coins that headlines mention: hits, and per false or missed one its symbol and headline."""

    hits: int
    false: list[tuple[str, str]]
    missed: list[tuple[str, str]]

    @property
    def precision(self) -> float:
        """Return the share of the found ones that are right."""
        return self.hits / (self.hits + len(self.false))

    @property
    def recall(self) -> float:
        """Return the share of the right ones that are found."""
        return self.hits / (self.hits + len(self.missed))


def mentioned(given: list[Headline]) -> Mentions:
    """Find the mentions of headlines."""
    pairs = [(headline, set(headline.mentions), set(mentions(headline.text))) for headline in given]
    return Mentions(
        hits=sum(len(true & found) for _, true, found in pairs),
        false=[(symbol, headline.title) for headline, true, found in pairs for symbol in sorted(found - true)],
        missed=[(symbol, headline.title) for headline, true, found in pairs for symbol in sorted(true - found)],
    )


def main() -> None:
    """Print how good scorers and mentions are, on both halves."""
    console = Console()
    console.print("In brackets: 95 % bootstrap intervals.")
    for split in SPLITS:
        given = headlines(split)
        results = {name: labelled(scorer, given) for name, scorer in sentiment.SCORERS.items()}
        console.print(_scores(split, results), *(_confusion(name, result) for name, result in results.items()))
        first, second = results
        wins = [a - b for a, b in zip(results[second].right, results[first].right, strict=True)]
        low, high = interval(wins, lambda sample: sum(sample) / len(sample))
        console.print(
            f"{second} is right more often than {first} by {sum(wins) / len(wins):+.2f} ({low:+.2f} … {high:+.2f})\n"
        )
    for split in SPLITS:
        found = mentioned(headlines(split))
        console.print(f"mentions, {split}: precision {found.precision:.3f}, recall {found.recall:.3f}")
        for kind, wrong in (("false", found.false), ("missed", found.missed)):
            for symbol, title in wrong:
                console.print(f"  {kind} {symbol}: {title}", markup=False)


def _scores(split: str, results: dict[str, Labelled]) -> Table:
    table = Table(f"{split}", "headlines", "accuracy", "macro F1", "ms a headline")
    for name, result in results.items():
        numbers = (f"{result.accuracy:.3f}", f"{result.macro_f1:.3f}", f"{result.ms:.2f}")
        table.add_row(name, str(len(result.pairs)), *numbers)
    return table


def _confusion(name: str, result: Labelled) -> Table:
    table = Table(f"{name}: true", *(f"given {label}" for label in LABELS))
    counts = Counter(result.pairs)
    for true in LABELS:
        table.add_row(true, *(str(counts[true, given]) for given in LABELS))
    return table


if __name__ == "__main__":
    main()
