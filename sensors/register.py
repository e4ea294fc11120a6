"""Which probe is meant: serial and channel to the sensor's row, from memory.

Note [Caches] in organizations/staleness.py. What is kept here changes when somebody moves, names or retires a sensor:
the change log tells. Newest values and states are not kept: recording.py reads them with the lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

# A device may pause for this long before its readings count as interrupted (contract: "Meaning").
MIN_GAP: Final = timedelta(minutes=15)
GAP_INTERVALS: Final = 3

# About 600 bytes each. Beyond this all are forgotten and looked up again as they report.
MOST_REMEMBERED: Final = 200_000

DEFAULT_CHANNEL: Final = "0"


class ProbeName(NamedTuple):
    """How the outside names a probe."""

    organization_id: UUID
    serial: str
    channel: str


class Probe(NamedTuple):
    """A sensor as recording and evaluation need it."""

    id: int
    public_id: UUID
    organization_id: UUID
    serial: str
    channel: str
    unit_id: UUID | None
    site_id: UUID | None
    is_watched: bool  # in a unit and not retired: its readings are judged
    gap_s: float  # the longest pause between two readings that still counts as watched time
    shown: dict[str, str]  # how screens are told which one it is


_COLUMNS: Final = """
SELECT s.id, s.public_id, s.organization_id, s.serial, s.channel, s.unit_id, s.site_id,
       s.unit_id IS NOT NULL AND s.retired_at IS NULL, s.expected_interval_s
FROM sensors_sensor s
"""

_FIND: Final = f"""{_COLUMNS}
JOIN unnest(%s::uuid[], %s::text[], %s::text[]) AS wanted (organization_id, serial, channel)
  ON s.organization_id = wanted.organization_id AND s.serial = wanted.serial AND s.channel = wanted.channel
"""

_UNCLAIMED: Final = """
INSERT INTO sensors_sensor
  (public_id, organization_id, serial, channel, name, model, expected_interval_s, status, created_at)
SELECT public_id, organization_id, serial, channel, '', '', 300, 'unclaimed', %s
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]) AS wanted (public_id, organization_id, serial, channel)
ORDER BY organization_id, serial, channel
ON CONFLICT DO NOTHING
"""


class Register:
    """The probes that have reported to one writer lately. Not shared between threads."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._probes: dict[int, Probe] = {}
        # organization -> {serial of channel "0", or (serial, channel): id}
        self._ids: dict[UUID, dict[str | tuple[str, str], int]] = {}
        # id -> milliseconds since 1970 of the newest reading that this writer stored. A hint: others store, too.
        self.newest: dict[int, int] = {}

    def ids_of(self, organization_id: UUID) -> dict[str | tuple[str, str], int]:
        """Known ids of an organization by serial (of the default channel) or (serial, channel). To be read only."""
        return self._ids.get(organization_id, {})

    def probe(self, sensor_id: int) -> Probe:
        """A known probe. Raises KeyError."""
        return self._probes[sensor_id]

    def knows(self, sensor_id: int) -> bool:
        """Whether it needn't be looked up."""
        return sensor_id in self._probes

    def forget(self, organizations: Collection[UUID]) -> None:
        """Their sensors changed."""
        for organization_id in organizations:
            for sensor_id in self._ids.pop(organization_id, {}).values():
                self._probes.pop(sensor_id, None)
                self.newest.pop(sensor_id, None)

    def make_room(self) -> bool:
        """Forget all if there are too many, and say so. Between two batches: one of them may use what it has found."""
        if len(self._probes) <= self._most:
            return False
        self._probes.clear()
        self._ids.clear()
        self.newest.clear()
        return True

    def look_up(self, names: Iterable[ProbeName], *, at: datetime) -> None:
        """Learn these probes; unknown ones are made as unclaimed. Call inside a transaction.

        A name that another writer makes meanwhile is waited for, and found.
        """
        wanted = sorted(set(names))
        missing = self._find(wanted)
        if missing:
            columns = _columns(missing)
            with connection.cursor() as cursor:
                cursor.execute(_UNCLAIMED, [at, [uuid7() for _ in missing], *columns])
            self._find(missing)

    def learn_anew(self, sensor_ids: Iterable[int]) -> None:
        """Read those again that were forgotten. Call inside a transaction."""
        with connection.cursor() as cursor:
            cursor.execute(f"{_COLUMNS} WHERE s.id = ANY (%s)", [list(sensor_ids)])
            for row in cursor.fetchall():
                self._learn(_probe(row))

    def _find(self, names: Sequence[ProbeName]) -> list[ProbeName]:
        """Learn those that are stored; returns the others."""
        with connection.cursor() as cursor:
            cursor.execute(_FIND, _columns(names))
            found = {self._learn(_probe(row)) for row in cursor.fetchall()}
        return [name for name in names if name not in found]

    def _learn(self, probe: Probe) -> ProbeName:
        self._probes[probe.id] = probe
        key = probe.serial if probe.channel == DEFAULT_CHANNEL else (probe.serial, probe.channel)
        self._ids.setdefault(probe.organization_id, {})[key] = probe.id
        return ProbeName(probe.organization_id, probe.serial, probe.channel)


def _probe(row: Sequence[Any]) -> Probe:
    _, public_id, _, _, _, unit_id, site_id, *_ = row
    shown = {"unit": str(unit_id), "sensor": str(public_id), "site": str(site_id)}
    return Probe._make([*row[:8], gap_s(row[8]), shown])


def gap_s(expected_interval_s: int) -> float:
    """The longest pause between two readings that still counts as watched time, in seconds."""
    return max(MIN_GAP.total_seconds(), float(GAP_INTERVALS * expected_interval_s))


def _columns(names: Sequence[ProbeName]) -> list[list[object]]:
    return [[n.organization_id for n in names], [n.serial for n in names], [n.channel for n in names]]
