from __future__ import annotations

import pytest

from producers import sentiment


@pytest.mark.parametrize(
    ("polarity", "score", "label"),
    [
        (-1.0, 0.0, "negative"),
        (-0.2000001, 0.39999995, "negative"),
        (-0.2, 0.4, "neutral"),
        (0.0, 0.5, "neutral"),
        (0.2, 0.6, "neutral"),
        (0.2000001, 0.60000005, "positive"),
        (1.0, 1.0, "positive"),
    ],
)
def test_score_and_label_of_a_polarity(polarity: float, score: float, label: str) -> None:
    assert sentiment.score("any", lambda _: polarity) == {
        "score": pytest.approx(score),
        "polarity": polarity,
        "label": label,
    }


def test_a_scorer_beyond_its_range_is_bounded() -> None:
    assert sentiment.score("any", lambda _: 1.0000000002)["polarity"] == 1.0


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Bitcoin has a great, excellent day: best gains ever", "positive"),
        ("A terrible crash: the worst and most awful week", "negative"),
        ("The exchange lists a token on Tuesday", "neutral"),
        ("", "neutral"),
    ],
)
def test_textblob_reads_the_mood_without_any_download(text: str, label: str) -> None:
    assert sentiment.score(text)["label"] == label
