"""Which rules watch which units, kept in memory, and how far a value may go before any of them needs to be asked.

Note [Envelopes]. Of nearly all readings one thing need be known: no rule that watches the unit would call them a
breach. The envelope of a unit is the narrowest of its rules' limits, so a reading inside it starts nothing; and where
nothing is remembered (no `RuleState` is active) it ends nothing either. Only the others are evaluated, one by one.
A product is never warmer than the air that warms it, so the air's envelope holds for its estimate too. How fast
something rises can't be told from one reading: units with such a rule are always evaluated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from math import inf
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from alerts import scopes
from alerts.evaluation import Terms
from alerts.models import Condition, Metric, Schedule, Severity
from alerts.profiles import product_tau_s
from alerts.schedules import Hours, hours_of
from alerts.scopes import Rank

# What is measured; each is also the column of the sensor that holds the newest value.
METRICS: Final = (
    Metric.TEMPERATURE.value,
    Metric.HUMIDITY.value,
    Metric.BATTERY.value,
    Metric.SIGNAL.value,
    "door",
)
# Stored values per unit of a threshold: temperature and humidity are kept in hundredths.
SCALES: Final = (100, 100, 1, 1, 1)
# Hundredths times a float aren't exact. The envelope may be a little too narrow, never too wide.
_SLACK: Final = 1e-6

# What a rule looks at: one of METRICS as it is stored, or what is made from it.
PRODUCT: Final = Metric.PRODUCT_TEMPERATURE.value
RATE: Final = "rate"
DOOR: Final = "door"
FAULT: Final = "fault"
SILENCE: Final = "silence"
GATEWAY: Final = "gateway"
# Each sensor has its own alert; all others are shared by the sensors of a unit.
OF_ONE_SENSOR: Final = (FAULT, SILENCE)
_BY_CONDITION: Final = {
    Condition.DOOR_OPEN_FOR.value: DOOR,
    Condition.FAULT.value: FAULT,
    Condition.NO_DATA.value: SILENCE,
}

# One low and one high limit for each of METRICS, in stored values.
Envelope = tuple[float, ...]
UNWATCHED: Final[Envelope] = (-inf, inf) * len(METRICS)

# The kinds of rows that are remembered here, as the change log calls them.
ENTITIES: Final = ("alert_rule", "rule_override", "unit", "site")


class Place(NamedTuple):
    """A unit as the scope of a rule sees it."""

    unit_id: UUID
    organization_id: UUID
    site_id: UUID
    area_id: UUID
    kind: str
    default_rules: bool
    tau_s: float  # how slowly its product follows the air
    hours: Hours


class Watch(NamedTuple):
    """A rule in force, as far as judging needs it. What an override changes is changed already."""

    rule_id: UUID
    metric: str
    condition: str
    severity: str
    signal: str
    terms: Terms
    is_default: bool
    is_ceiling: bool
    schedule: str
    changed_at: float  # seconds since 1970: what it said before isn't known
    rank: Rank
    reason: str = ""
    override_id: UUID | None = None

    @property
    def is_critical(self) -> bool:
        """Whether it silences the messages of warnings."""
        return self.severity == Severity.CRITICAL

    def watches_at(self, at: float, place: Place) -> bool:
        """Whether it watches at this moment (seconds since 1970)."""
        return self.schedule == Schedule.ALWAYS or place.hours.open_at(at)


class Override(NamedTuple):
    """What one unit has instead of a rule's own limit or delay."""

    id: UUID
    threshold: float | None
    delay_s: int | None
    created_at: float


class Watched(NamedTuple):
    """What is known of a unit's rules: those that watch it, and how far its values may go."""

    watches: Sequence[Watch]
    envelope: Envelope


_NOBODY: Final = Watched((), UNWATCHED)


class _Alike(NamedTuple):
    """Units of an organization that agree in this have the same rules, if none was made for one of them alone."""

    site_id: UUID
    area_id: UUID
    kind: str
    default_rules: bool


_IN_FORCE: Final = """
SELECT organization_id, site_id, area_id, unit_id, unit_kind, id, metric, condition, severity, threshold, delay_s,
       hysteresis, clear_delay_s, is_default, is_ceiling, schedule, extract(epoch FROM changed_at)::float8
FROM alerts_alertrule
WHERE organization_id = ANY (%s::uuid[]) AND enabled AND deleted_at IS NULL
ORDER BY id
"""

_OVERRIDES: Final = """
SELECT organization_id, unit_id, rule_id, id, threshold, delay_s, extract(epoch FROM created_at)::float8
FROM alerts_ruleoverride WHERE organization_id = ANY (%s::uuid[]) AND ended_at IS NULL
"""

_PLACES: Final = """
SELECT u.id, u.organization_id, u.site_id, u.area_id, u.kind, u.default_rules, u.product_tau_s, s.opening_hours::text,
       s.timezone
FROM sensors_unit u JOIN sensors_site s ON s.id = u.site_id
WHERE u.id = ANY (%s::uuid[]) AND u.deleted_at IS NULL
"""


class Rulebook:
    """Rules and units of the organizations that report to one writer. Not shared between threads.

    Note [Caches] in organizations/staleness.py: somebody must `forget` what changed.
    """

    def __init__(self) -> None:
        self._rules: dict[UUID, dict[object, list[Watch]]] = {}  # by organization, then by scope
        self._overrides: dict[UUID, dict[UUID, dict[UUID, Override]]] = {}  # by organization, unit and rule
        self._places: dict[UUID, Place | None] = {}  # None: deleted
        # Most units of a kind have the same rules: what follows from them is kept once for all of these.
        self._common: dict[UUID, dict[_Alike, Watched]] = defaultdict(dict)  # by organization
        self._watched: dict[UUID, Watched] = {}
        self._units: dict[UUID, set[UUID]] = defaultdict(set)  # organization -> what is known of it above

    def forget(self, organizations: Collection[UUID]) -> None:
        """Their rules or units changed."""
        for organization_id in organizations:
            self._rules.pop(organization_id, None)
            self._overrides.pop(organization_id, None)
            self._common.pop(organization_id, None)
            for unit_id in self._units.pop(organization_id, ()):
                self._places.pop(unit_id, None)
                self._watched.pop(unit_id, None)

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
        return self._of(unit_id).envelope

    def place(self, unit_id: UUID) -> Place | None:
        """The unit, or None if it was deleted. It must have been learnt."""
        return self._places[unit_id]

    def watches(self, unit_id: UUID) -> Sequence[Watch]:
        """The rules that watch the unit, the most specific ones of each kind. It must have been learnt."""
        return self._of(unit_id).watches

    def _of(self, unit_id: UUID) -> Watched:
        watched = self._watched.get(unit_id)
        if watched is None:
            place = self._places[unit_id]
            watched = self._watched[unit_id] = _NOBODY if place is None else self._watched_at(place)
        return watched

    def _watched_at(self, place: Place) -> Watched:
        organization_id, unit_id = place.organization_id, place.unit_id
        if unit_id in self._rules[organization_id] or unit_id in self._overrides[organization_id]:
            return self._watched_alone(place)
        alike = _Alike(place.site_id, place.area_id, place.kind, place.default_rules)
        common = self._common[organization_id]
        watched = common.get(alike)
        if watched is None:
            watched = common[alike] = self._watched_alone(place)
        return watched

    def _watched_alone(self, place: Place) -> Watched:
        watches = self._watching(place)
        return Watched(watches, _envelope(watches))

    def _watching(self, place: Place) -> list[Watch]:
        rules = self._rules[place.organization_id]
        candidates = [
            watch
            for scope in (place.unit_id, place.area_id, place.site_id, place.kind, "")
            for watch in rules.get(scope, ())
            if (place.default_rules or not watch.is_default) and watch.signal != GATEWAY
        ]
        return [
            self._overridden(choice.rule._replace(reason=choice.reason), place)
            for choice in scopes.choose(candidates)
            if choice.in_force
        ]

    def _overridden(self, watch: Watch, place: Place) -> Watch:
        override = self._overrides[place.organization_id].get(place.unit_id, {}).get(watch.rule_id)
        if override is None:
            return watch
        terms = watch.terms
        if override.threshold is not None:
            terms = terms._replace(threshold=override.threshold)
        if override.delay_s is not None:
            terms = terms._replace(delay_s=override.delay_s)
        changed_at = max(watch.changed_at, override.created_at)
        return watch._replace(terms=terms, override_id=override.id, changed_at=changed_at)

    def _learn_rules(self, organizations: Collection[UUID]) -> None:
        for organization_id in organizations:
            self._rules[organization_id] = defaultdict(list)
            self._overrides[organization_id] = defaultdict(dict)
        with connection.cursor() as cursor:
            cursor.execute(_IN_FORCE, [list(organizations)])
            rows = cursor.fetchall()
            cursor.execute(_OVERRIDES, [list(organizations)])
            overrides = cursor.fetchall()
        for organization_id, site_id, area_id, unit_id, kind, *rule in rows:
            rank = scopes.rank(site=site_id, area=area_id, unit=unit_id, unit_kind=kind)
            self._rules[organization_id][unit_id or area_id or site_id or kind].append(_watch(*rule, rank=rank))
        for organization_id, unit_id, rule_id, *override in overrides:
            self._overrides[organization_id][unit_id][rule_id] = Override(*override)

    def _learn_places(self, places: Collection[UUID], units: dict[UUID, UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_PLACES, [list(places)])
            found = {row[0]: _place(*row) for row in cursor.fetchall()}
        for unit_id in places:
            self._places[unit_id] = found.get(unit_id)
            self._units[units[unit_id]].add(unit_id)


def signal_of(metric: str, condition: str) -> str:
    """What a rule looks at."""
    if metric == Metric.GATEWAY:
        return GATEWAY
    if condition == Condition.RATE_ABOVE:
        return RATE
    return _BY_CONDITION.get(condition, metric)


def terms_of(condition: str, threshold: float | None, delay_s: float, hysteresis: float, clear_delay_s: float) -> Terms:
    """The part of a rule that evaluation needs. A door, a fault or a silence is there (1) or isn't (0)."""
    if condition in _BY_CONDITION or threshold is None:
        return Terms("above", 0.5, delay_s, 0.0, clear_delay_s)
    below = condition == Condition.BELOW
    return Terms("below" if below else "above", threshold, delay_s, hysteresis, clear_delay_s)


def _watch(
    rule_id: UUID,
    metric: str,
    condition: str,
    severity: str,
    threshold: float | None,
    delay_s: int,
    hysteresis: float,
    clear_delay_s: int,
    is_default: bool,
    is_ceiling: bool,
    schedule: str,
    changed_at: float,
    *,
    rank: Rank,
) -> Watch:
    terms = terms_of(condition, threshold, delay_s, hysteresis, clear_delay_s)
    signal = signal_of(metric, condition)
    return Watch(
        rule_id, metric, condition, severity, signal, terms, is_default, is_ceiling, schedule, changed_at, rank
    )


def _place(*row: Any) -> Place:
    unit_id, organization_id, site_id, area_id, kind, default_rules, tau_s, opening_hours, zone = row
    hours = hours_of(msgspec.json.decode(opening_hours), zone)
    return Place(unit_id, organization_id, site_id, area_id, kind, default_rules, tau_s or product_tau_s(kind), hours)


def _envelope(watches: Sequence[Watch]) -> Envelope:
    limits = list(UNWATCHED)
    for watch in watches:
        if watch.signal in METRICS or watch.signal == PRODUCT:
            number = METRICS.index(Metric.TEMPERATURE if watch.signal == PRODUCT else watch.signal)
            threshold = watch.terms.threshold * SCALES[number]
            if watch.terms.condition == "below":
                limits[2 * number] = max(limits[2 * number], threshold + _SLACK)
            else:
                limits[2 * number + 1] = min(limits[2 * number + 1], threshold - _SLACK)
        elif watch.signal == RATE:
            number = METRICS.index(watch.metric)
            limits[2 * number] = inf  # nothing is inside
    return tuple(limits)
