"""Which of the rules that hold a unit watch it: the most specific ones win. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, Generic, NamedTuple, Protocol, TypeVar


class Rank(IntEnum):
    """How specific a rule's scope is. A kind of unit says more about a unit than where it stands."""

    ORGANIZATION = 0
    SITE = 1
    AREA = 2
    UNIT_KIND = 3
    UNIT = 4


class Ranked(Protocol):
    """What choosing needs to know of a rule."""

    @property
    def metric(self) -> str: ...
    @property
    def condition(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def is_ceiling(self) -> bool: ...
    @property
    def is_default(self) -> bool: ...
    @property
    def rank(self) -> int: ...


R = TypeVar("R", bound=Ranked)


class Choice(NamedTuple, Generic[R]):
    """A rule that holds the unit, whether it watches it, and why, in a sentence for the person."""

    rule: R
    in_force: bool
    reason: str


_WHOSE: Final = {
    Rank.ORGANIZATION: "the whole organization",
    Rank.SITE: "its site",
    Rank.AREA: "its area",
    Rank.UNIT_KIND: "its kind of unit",
    Rank.UNIT: "this unit",
}
CEILING: Final = "In force: a hard limit, which no other rule replaces."
_IN_FORCE: Final[dict[int, str]] = {
    rank: f"In force: the most specific rule, made for {whose}." for rank, whose in _WHOSE.items()
}
_REPLACED: Final[dict[int, str]] = {
    rank: f"Not in force: replaced by a rule made for {whose}." for rank, whose in _WHOSE.items()
}


def rank(*, site: object = None, area: object = None, unit: object = None, unit_kind: object = None) -> Rank:
    """How specific the scope is that these columns of a rule say; none of them: the whole organization."""
    if unit:
        return Rank.UNIT
    if unit_kind:
        return Rank.UNIT_KIND
    if area:
        return Rank.AREA
    return Rank.SITE if site else Rank.ORGANIZATION


def choose(rules: Iterable[R]) -> list[Choice[R]]:
    """Of the enabled rules whose scope holds one unit, which watch it; in the order given.

    Rules of the same metric, condition and severity compete: those of the highest rank watch, all of them. A default
    of the kind of unit never replaces a rule that somebody made, however wide: who makes a rule for a site expects to
    hear of it. A hard ceiling always watches, and never replaces another rule. The caller leaves out what doesn't
    concern the unit: disabled rules, and the default ones where the unit does without them.
    """
    rules = list(rules)
    made = _highest(rule for rule in rules if not rule.is_default)
    all_of_them = _highest(rules)
    return [_judge(rule, all_of_them if rule.is_default else made) for rule in rules]


_Competition = tuple[str, str, str]


def _competition(rule: Ranked) -> _Competition:
    return rule.metric, rule.condition, rule.severity


def _highest(rules: Iterable[Ranked]) -> dict[_Competition, int]:
    highest: dict[_Competition, int] = {}
    for rule in rules:
        if not rule.is_ceiling:
            highest[_competition(rule)] = max(highest.get(_competition(rule), Rank.ORGANIZATION), rule.rank)
    return highest


def _judge(rule: R, highest: Mapping[_Competition, int]) -> Choice[R]:
    if rule.is_ceiling:
        return Choice(rule, True, CEILING)
    winner = highest[_competition(rule)]
    if rule.rank == winner:
        return Choice(rule, True, _IN_FORCE[winner])
    return Choice(rule, False, _REPLACED[winner])
