"""Which rules watch which units. Read with every batch of readings, so it makes no model instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

from alerts.evaluation import Terms
from alerts.models import Condition, Metric, Severity
from sensors.recording import array

# What evaluation judges so far; each is also the column of the sensor that holds the newest value.
METRICS: Final = (Metric.TEMPERATURE.value, Metric.HUMIDITY.value, Metric.BATTERY.value, Metric.SIGNAL.value)
CONDITIONS: Final = (Condition.ABOVE.value, Condition.BELOW.value)


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
  AND unit_kind = ANY (%s::text[]) AND metric = ANY (%s::text[]) AND condition = ANY (%s::text[])
ORDER BY id
"""


class Rulebook:
    """The rules in force that may watch some units, found by their scope."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._by_scope: dict[object, list[Watch]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(
                _IN_FORCE,
                [
                    array({place.organization_id for place in places}),
                    ["", *{place.kind for place in places}],
                    list(METRICS),
                    list(CONDITIONS),
                ],
            )
            rows = cursor.fetchall()
        for organization_id, site_id, area_id, unit_id, kind, rule_id, metric, is_default, severity, *terms in rows:
            watch = Watch(rule_id, metric, Terms(*terms), is_default, severity == Severity.CRITICAL)
            self._by_scope[unit_id or area_id or site_id or (organization_id, kind)].append(watch)

    def watching(self, place: Place) -> Iterator[Watch]:
        """The rules whose scope holds the unit; a unit may do without the defaults of its kind."""
        for scope in (
            place.unit_id,
            place.area_id,
            place.site_id,
            (place.organization_id, place.kind),
            (place.organization_id, ""),
        ):
            for watch in self._by_scope.get(scope, ()):
                if place.default_rules or not watch.is_default:
                    yield watch
