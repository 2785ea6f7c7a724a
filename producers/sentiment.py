"""How a text sounds: a polarity from a scorer, and the score and label made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from tidemark.settings import Settings

Scorer = Callable[[str], float]  # text to polarity, -1 (bad) to 1 (good)

POSITIVE_ABOVE = 0.6
NEGATIVE_BELOW = 0.4


class Sentiment(TypedDict):
    """The fields of `sentiment` in schemas/articles.avsc."""

    score: float
    polarity: float
    label: str


def textblob(text: str) -> float:
    """Return TextBlob's polarity; its default analyzer carries its lexicon and downloads nothing."""
    from textblob import TextBlob  # imports nltk: a second, which only news pays

    return float(TextBlob(text).sentiment.polarity)


def scorer(settings: Settings) -> Scorer:
    """Return the scorer that the settings choose."""
    return textblob


def score(text: str, scorer: Scorer = textblob) -> Sentiment:
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
