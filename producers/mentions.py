"""Which coins a text speaks of, by name ("Bitcoin" in any case) and by symbol ("BTC", "$btc")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from producers.coins import COINS, PHRASES


def _words(name: str) -> str:
    return r"[\s-]{1,3}".join(re.escape(word) for word in re.split(r"[\s-]", name))


def _alternatives() -> tuple[str, dict[str, str]]:
    """Return the alternatives of one pattern, longest first, and the symbol of each match in lower case."""
    # Only ASCII is matched in any case: to Unicode, "ſ" is a form of "s", and lower() does not know it.
    patterns: list[tuple[int, str]] = []
    meaning: dict[str, str] = {}
    for coin in COINS.values():
        for text in (coin.symbol, coin.name, *coin.aliases):
            meaning[_plain(text)] = coin.symbol
            if text.isupper() and text.isalnum():  # a symbol: an ordinary word unless in capitals or after $
                pattern = rf"{text}|(?<=\$)(?ai:{text})"
            elif coin.capitalised:
                pattern = f"{_words(text)}|{_words(text.upper())}"
            else:
                pattern = rf"(?ai:{_words(text)}s?)"
            patterns.append((len(text), pattern))
    for phrase, symbol in PHRASES.items():
        meaning[_plain(phrase)] = symbol
        patterns.append((len(phrase), rf"(?ai:{_words(phrase)}s?)"))
    # Longest first, so that "Bitcoin Cash" is read before "Bitcoin" and is not both.
    patterns.sort(key=lambda item: -item[0])
    return "|".join(pattern for _, pattern in patterns), meaning


def _plain(found: str) -> str:
    return " ".join(re.split(r"[\s-]+", found)).lower()


_PATTERN, _MEANING = _alternatives()
_MENTION = re.compile(rf"(?<!\w)(?:{_PATTERN})(?!\w)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")


def mentions(text: str) -> list[str]:
    """Return the symbols of the coins that ``text`` mentions, sorted, each once."""
    return sorted({symbol for sentence in _SENTENCE_END.split(text) for symbol in _of_sentence(sentence)} - {""})


def _of_sentence(sentence: str) -> Iterator[str]:
    # "NEAR" says nothing where every word is in capitals; a list of symbols or a price is no such sentence.
    others = _MENTION.sub("", sentence)
    shouted = others.isupper() and len(_WORD.findall(others)) > 1
    for match in _MENTION.finditer(sentence):
        symbol = _symbol(match[0])
        after_dollar = sentence[match.start() - 1 : match.start()] == "$"
        if not (shouted and match[0] == symbol and COINS[symbol].word and not after_dollar):
            yield symbol


def _symbol(found: str) -> str:
    name = _plain(found)
    return _MEANING[name] if name in _MEANING else _MEANING[name.removesuffix("s")]
