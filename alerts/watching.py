"""Which rules watch which units, kept in memory, and how far a value may go before any of them needs to be asked.

Note [Envelopes]. Of nearly all readings one thing need be known: no rule that watches the unit would call them a
breach. The envelope of a unit is the narrowest of its rules' limits, so a reading inside it starts nothing; and where
nothing is remembered (no `RuleState` is active) it ends nothing either. Only the others are evaluated, one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from math import inf
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

from alerts.evaluation import Terms
from alerts.models import Condition, Metric, Severity

# What evaluation judges so far; each is also the column of the sensor that holds the newest value.
METRICS: Final = (Metric.TEMPERATURE.value, Metric.HUMIDITY.value, Metric.BATTERY.value, Metric.SIGNAL.value)
CONDITIONS: Final = (Condition.ABOVE.value, Condition.BELOW.value)
# Stored values per unit of a threshold: temperature and humidity are kept in hundredths.
SCALES: Final = (100, 100, 1, 1)
# Hundredths times a float aren't exact. The envelope may be a little too narrow, never too wide.
_SLACK: Final = 1e-6

# One low and one high limit for each of METRICS, in stored values.
Envelope = tuple[float, ...]
UNWATCHED: Final[Envelope] = (-inf, inf) * len(METRICS)

# The kinds of rows that are remembered here, as the change log calls them.
ENTITIES: Final = ("alert_rule", "unit")


class Place(NamedTuple):
    """A unit as the scope of a rule sees it."""

    unit_id: UUID
    organization_id: UUID
    site_id: UUID
    area_id: UUID
    kind: str
    default_rules: bool


class Watch(NamedTuple):
    """A rule in force, as far as judging needs it."""

    rule_id: UUID
    metric: str
    terms: Terms
    is_default: bool
    is_critical: bool


_IN_FORCE: Final = """
SELECT organization_id, site_id, area_id, unit_id, unit_kind, id, metric, is_default, severity,
       condition, threshold, delay_s, hysteresis, clear_delay_s
FROM alerts_alertrule
WHERE organization_id = ANY (%s::uuid[]) AND enabled AND deleted_at IS NULL
  AND metric = ANY (%s::text[]) AND condition = ANY (%s::text[])
ORDER BY id
"""

_PLACES: Final = """
SELECT id, organization_id, site_id, area_id, kind, default_rules FROM sensors_unit
WHERE id = ANY (%s::uuid[]) AND deleted_at IS NULL
"""


class Rulebook:
    """Rules and units of the organizations that report to one writer. Not shared between threads.

    Note [Caches] in organizations/staleness.py: somebody must `forget` what changed.
    """

    def __init__(self) -> None:
        self._rules: dict[UUID, dict[object, list[Watch]]] = {}  # by organization, then by scope
        self._places: dict[UUID, Place | None] = {}  # None: deleted
        self._watches: dict[UUID, list[Watch]] = {}
        self._envelopes: dict[UUID, Envelope] = {}
        self._units: dict[UUID, set[UUID]] = defaultdict(set)  # organization -> what is known of it above

    def forget(self, organizations: Collection[UUID]) -> None:
        """Their rules or units changed."""
        for organization_id in organizations:
            self._rules.pop(organization_id, None)
            for unit_id in self._units.pop(organization_id, ()):
                self._places.pop(unit_id, None)
                self._watches.pop(unit_id, None)
                self._envelopes.pop(unit_id, None)

    def learn(self, units: dict[UUID, UUID]) -> None:
        """Look up what isn't known of these units (unit -> organization). Call inside a transaction."""
        places = [unit_id for unit_id in units if unit_id not in self._places]
        organizations = {units[unit_id] for unit_id in places} - self._rules.keys()
        if organizations:
            self._learn_rules(organizations)
        if places:
            self._learn_places(places, units)

    def envelope(self, unit_id: UUID) -> Envelope:
        """How far its values may go (Note [Envelopes] above). The unit must have been learnt."""
        envelope = self._envelopes.get(unit_id)
        if envelope is None:
            envelope = self._envelopes[unit_id] = _envelope(self.watches(unit_id))
        return envelope

    def place(self, unit_id: UUID) -> Place | None:
        """The unit, or None if it was deleted. It must have been learnt."""
        return self._places[unit_id]

    def watches(self, unit_id: UUID) -> Sequence[Watch]:
        """The rules whose scope holds the unit; it may do without those of its kind. It must have been learnt."""
        watches = self._watches.get(unit_id)
        if watches is None:
            place = self._places[unit_id]
            watches = self._watches[unit_id] = [] if place is None else self._watching(place)
        return watches

    def _watching(self, place: Place) -> list[Watch]:
        rules = self._rules[place.organization_id]
        return [
            watch
            for scope in (place.unit_id, place.area_id, place.site_id, place.kind, "")
            for watch in rules.get(scope, ())
            if place.default_rules or not watch.is_default
        ]

    def _learn_rules(self, organizations: Collection[UUID]) -> None:
        for organization_id in organizations:
            self._rules[organization_id] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(_IN_FORCE, [list(organizations), list(METRICS), list(CONDITIONS)])
            rows = cursor.fetchall()
        for organization_id, site_id, area_id, unit_id, kind, rule_id, metric, is_default, severity, *terms in rows:
            watch = Watch(rule_id, metric, Terms(*terms), is_default, severity == Severity.CRITICAL)
            self._rules[organization_id][unit_id or area_id or site_id or kind].append(watch)

    def _learn_places(self, places: Collection[UUID], units: dict[UUID, UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_PLACES, [list(places)])
            found = {row[0]: Place(*row) for row in cursor.fetchall()}
        for unit_id in places:
            self._places[unit_id] = found.get(unit_id)
            self._units[units[unit_id]].add(unit_id)


def _envelope(watches: Sequence[Watch]) -> Envelope:
    limits = list(UNWATCHED)
    for watch in watches:
        number = METRICS.index(watch.metric)
        threshold = watch.terms.threshold * SCALES[number]
        if watch.terms.condition == "below":
            limits[2 * number] = max(limits[2 * number], threshold + _SLACK)
        else:
            limits[2 * number + 1] = min(limits[2 * number + 1], threshold - _SLACK)
    return tuple(limits)
