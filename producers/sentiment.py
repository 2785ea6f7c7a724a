"""How a text sounds: a polarity from a scorer, and the score and label made of it.

The setting `sentiment.scorer` chooses one of two scorers. Both carry their lexicons and download nothing; they are
imported when first used, which only news pays for. `make bench-sentiment` measures how well they do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from tidemark.settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Scorer = Callable[[str], float]  # text to polarity, -1 (bad) to 1 (good)

POSITIVE_ABOVE = 0.6
NEGATIVE_BELOW = 0.4

# An article's tone is in its beginning, and VADER's time is quadratic in a text with many a "but".
_LONGEST = 5_000  # characters

_LEXICON = Path(__file__).parent / "lexicon.toml"


class Sentiment(TypedDict):
    """The fields of `sentiment` in schemas/articles.avsc."""

    score: float
    polarity: float
    label: str


def textblob(text: str) -> float:
    """Return TextBlob's polarity: the mean over the adjectives and adverbs that its lexicon knows."""
    from textblob import TextBlob

    return float(TextBlob(text).sentiment.polarity)


def vader(text: str) -> float:
    """Return VADER's compound score, with the words and phrases of the market in lexicon.toml.

    VADER: Hutto and Gilbert, ICWSM 2014.
    """
    analyzer, phrases = _vader()
    # VADER looks up single words only.
    joined = phrases.sub(lambda found: _one_word(found[0]), text[:_LONGEST])
    return float(analyzer.polarity_scores(joined)["compound"])


SCORERS: dict[str, Scorer] = {"textblob": textblob, "vader": vader}


def scorer(settings: Settings) -> Scorer:
    """Return the scorer that the settings choose."""
    return SCORERS[settings.sentiment.scorer]


def score(text: str, scorer: Scorer) -> Sentiment:
    """Return polarity, score = (polarity + 1) / 2, and the label: above 0.6 positive, below 0.4 negative."""
    polarity = max(-1.0, min(1.0, scorer(text)))
    value = (polarity + 1) / 2
    return {"score": value, "polarity": polarity, "label": label(value)}


def label(value: float) -> str:
    """Return the label of a score 0..1."""
    if value > POSITIVE_ABOVE:
        return "positive"
    if value < NEGATIVE_BELOW:
        return "negative"
    return "neutral"


def lexicon() -> dict[str, float]:
    """Return the valence of each word and phrase in lexicon.toml, as it is written there."""
    return {word: float(group["valence"]) for group in groups() for word in group["words"]}


def groups() -> list[dict[str, Any]]:
    """Return the groups of lexicon.toml: `words` of one `valence`."""
    found: list[dict[str, Any]] = tomllib.loads(_LEXICON.read_text(encoding="utf-8"))["valences"]
    return found


@lru_cache(maxsize=1)
def _vader() -> tuple[Any, re.Pattern[str]]:
    """Return the analyzer, and the pattern of the phrases that it must see as one word."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    valences = lexicon()
    analyzer.lexicon.update({_one_word(text): valence for text, valence in valences.items()})
    phrases = sorted((text for text in valences if _one_word(text) != text), key=len, reverse=True)
    either = "|".join(r"[\s-]+".join(map(re.escape, re.split(r"[\s-]", phrase))) for phrase in phrases)
    return analyzer, re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


def _one_word(phrase: str) -> str:
    return re.sub(r"[\s-]+", "_", phrase)
