"""Legal limits by jurisdiction and kind of unit, with their citations. Data: laws.toml. Customers only read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from alerts.models import Condition, Metric
from sensors.jurisdictions import Jurisdiction as Chosen
from sensors.models import UnitKind

DEFAULT: Final = Chosen.US_FOOD_CODE.value

# FDA Food Code 2022, 3-501.19(B): food that was out of temperature for 4 hours is discarded. So no exception may keep
# quiet for longer about a limit that the law sets.
LONGEST_DELAY_S: Final = 4 * 3600


class Jurisdiction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose law it is; where it says nothing of a kind of unit, `otherwise` does."""

    key: str
    name: str
    otherwise: str


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One legal limit. °C and seconds."""

    jurisdiction: str
    kinds: list[UnitKind]
    metric: Literal["temperature", "product_temperature"]
    condition: Literal["above", "below"]
    citation: str
    status: Literal["verified", "unverified"]
    threshold: float | None = None
    within_s: int | None = None
    url: str = ""
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is law on that day; both days of its validity are inside."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day <= self.valid_to)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jurisdiction: list[Jurisdiction]
    limit: list[Limit]


_READ: Final = msgspec.toml.decode(Path(__file__).with_name("laws.toml").read_bytes(), type=_File)
_ALL: Final = {jurisdiction.key: jurisdiction for jurisdiction in _READ.jurisdiction}

LIMITS: Final = _READ.limit
# What a site may choose (sensors/jurisdictions.py); the last one falls back to nothing and is nobody's law.
JURISDICTIONS: Final = {key: one.name for key, one in _ALL.items() if one.otherwise}


class Terms(NamedTuple):
    """A rule as far as the law is concerned. °C and seconds."""

    metric: str
    condition: str
    threshold: float | None
    delay_s: int


def limits(*, kind: str, jurisdiction: str, on: date) -> list[Limit]:
    """The legal limits of a kind of unit on a day. An empty or unknown jurisdiction is the FDA's."""
    key = jurisdiction if jurisdiction in _ALL else DEFAULT
    while key:
        found = [one for one in LIMITS if one.jurisdiction == key and kind in one.kinds and one.holds_on(on)]
        if found:
            return found
        key = _ALL[key].otherwise
    return []


def beyond(terms: Terms, legal: Iterable[Limit]) -> Limit | None:
    """The legal limit that the rule lets pass in silence, or None. Only for rules on temperatures.

    The estimate of the product follows the air, so a limit on either binds rules on both. Where the law has several
    (a curve of cooling), a rule keeps one of them.
    """
    if not _measures_warmth(terms):
        return None
    numbers = [one for one in legal if one.condition == terms.condition and one.threshold is not None]
    return None if any(_keeps(terms, one) for one in numbers) else next(iter(numbers), None)


def keeps(terms: Terms, limit: Limit) -> bool:
    """Whether a rule on a temperature watches for the limit: at the limit or inside it, and within the law's time."""
    return _measures_warmth(terms) and terms.condition == limit.condition and _keeps(terms, limit)


def loosened(*, own: Terms, changed: Terms, legal: Iterable[Limit]) -> Limit | None:
    """The first legal limit that a change takes a rule past, or None.

    A rule that kept a limit must go on keeping it. One that stands beyond it on purpose (far off, for long: others keep
    the limit) may not go further. None may wait longer than LONGEST_DELAY_S, or than it did, where there is a limit.
    """
    if not _measures_warmth(own):
        return None
    for one in legal:
        if one.condition != own.condition or one.threshold is None:
            continue
        if changed.delay_s > max(own.delay_s, LONGEST_DELAY_S):
            return one
        if _keeps(own, one):
            if not _keeps(changed, one):
                return one
        elif _further(changed.threshold, own.threshold, condition=own.condition):
            return one
    return None


def _measures_warmth(terms: Terms) -> bool:
    return terms.metric in (Metric.TEMPERATURE, Metric.PRODUCT_TEMPERATURE) and terms.condition in (
        Condition.ABOVE,
        Condition.BELOW,
    )


def _keeps(terms: Terms, limit: Limit) -> bool:
    if limit.threshold is None:
        return True
    in_time = limit.within_s is None or terms.delay_s <= limit.within_s
    return in_time and not _further(terms.threshold, limit.threshold, condition=limit.condition)


def _further(threshold: float | None, than: float | None, *, condition: str) -> bool:
    if threshold is None or than is None:
        return False
    return threshold > than if condition == Condition.ABOVE else threshold < than
