"""Headlines and summaries for the simulated market: of the tone of real ones, and about nobody real."""

from __future__ import annotations

import re
from random import Random
from typing import Literal

from producers.coins import COINS

Mood = Literal["good", "bad", "plain"]

# Website and host; `.example` belongs to nobody (RFC 2606).
WEBSITES = (
    ("Ledger Courier", "ledger-courier.example"),
    ("Block Gazette", "block-gazette.example"),
    ("The Daily Hash", "daily-hash.example"),
)

# Title and summary; {coin} is the coin's name, {symbol} its symbol. The words set the polarity.
_TEXTS: dict[Mood, tuple[tuple[str, str], ...]] = {
    "good": (
        (
            "{coin} surges as a great quarter beats expectations",
            "Analysts call the results excellent and expect strong demand for {coin} through the year.",
        ),
        (
            "Fund adds {coin} in impressive vote of confidence",
            "The purchase is the best news for {symbol} holders in months, and traders are happy to follow.",
        ),
        (
            "{coin} upgrade goes live, developers celebrate perfect launch",
            "Fees fell at once and the first blocks were excellent, the team behind {coin} said.",
        ),
        (
            "Regulator clears {coin} product, markets delighted",
            "A wonderful outcome for {symbol}: the approval came weeks early and without conditions.",
        ),
        (
            "Payments group picks {coin} for settlement",
            "The choice is an impressive win for {symbol} and a superb start into the season.",
        ),
    ),
    "bad": (
        (
            "{coin} tumbles after terrible outage halts transfers",
            "Operators spoke of the worst disruption so far, and {symbol} holders were left angry.",
        ),
        (
            "Exploit drains {coin} bridge in horrible weekend for users",
            "The attack exposed awful safeguards, and withdrawals of {symbol} stay suspended.",
        ),
        (
            "Lawsuit hits {coin} as investors call disclosures disgusting",
            "The claims are nasty for the project: {symbol} trading was described as a horrible mess.",
        ),
        (
            "Exchange drops {coin} after disappointing review",
            "The verdict on {symbol} was bad throughout: terrible liquidity and poor security.",
        ),
        (
            "Large holder dumps {coin}, calling the roadmap pathetic",
            "The sale came at the worst moment for {symbol}, with sentiment already awful.",
        ),
    ),
    "plain": (
        (
            "{coin} developers schedule the next call for Thursday",
            "The agenda covers testing, documentation and the calendar of {symbol} releases.",
        ),
        (
            "What changed in {coin} this week",
            "A summary of proposals, releases and meetings around {symbol}, and of what comes up on Monday.",
        ),
        (
            "{coin} conference moves to Lisbon",
            "Organisers of the {symbol} gathering published the programme and the list of speakers.",
        ),
        (
            "Survey counts {coin} wallets by country",
            "Researchers counted addresses holding {symbol} and compared them with the year before.",
        ),
        (
            "{coin} and {other} explained: how fees are set",
            "An introduction to blocks, validators and fees, with {symbol} as the example.",
        ),
    ),
}


def write(rng: Random, symbol: str, mood: Mood, others: list[str]) -> tuple[str, str]:
    """Return title and summary of an article about a coin; a plain one may mention one of ``others`` too."""
    title, summary = rng.choice(_TEXTS[mood])
    other = rng.choice([COINS[name].name for name in others if name != symbol] or [COINS[symbol].name])
    words = {"coin": COINS[symbol].name, "symbol": symbol, "other": other}
    return title.format(**words), summary.format(**words)


def slug(title: str) -> str:
    """Return ``title`` as a part of a URL."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
