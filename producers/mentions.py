"""Which coins a text speaks of, by name ("Bitcoin" in any case) and by symbol ("BTC", "$btc")."""

from __future__ import annotations

import re

from producers.coins import COINS


def _words(name: str) -> str:
    return r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]", name))


def _alternatives() -> tuple[str, dict[str, str]]:
    """Return the alternatives of one pattern, longest first, and the symbol of each match in lower case."""
    patterns: list[tuple[int, str]] = []
    meaning: dict[str, str] = {}
    for coin in COINS.values():
        for text in (coin.symbol, coin.name, *coin.aliases):
            meaning[" ".join(re.split(r"[\s-]", text)).lower()] = coin.symbol
            if text.isupper() and text.isalnum():  # a symbol: an ordinary word unless in capitals or after $
                pattern = rf"{text}|(?<=\$)(?i:{text})"
            elif coin.capitalised:
                pattern = f"{_words(text)}|{_words(text.upper())}"
            else:
                pattern = rf"(?i:{_words(text)}s?)"
            patterns.append((len(text), pattern))
    # Longest first, so that "Bitcoin Cash" is read before "Bitcoin" and is not both.
    patterns.sort(key=lambda item: -item[0])
    return "|".join(pattern for _, pattern in patterns), meaning


_PATTERN, _MEANING = _alternatives()
_MENTION = re.compile(rf"(?<!\w)(?:{_PATTERN})(?!\w)")


def mentions(text: str) -> list[str]:
    """Return the symbols of the coins that ``text`` mentions, sorted, each once."""
    return sorted({_symbol(match[0]) for match in _MENTION.finditer(text)})


def _symbol(found: str) -> str:
    name = " ".join(re.split(r"[\s-]+", found)).lower()
    return _MEANING[name] if name in _MEANING else _MEANING[name.removesuffix("s")]
