"""What sensors tell in a digest: which ones are silent, and how many of the expected readings came."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from freshtrack.sections import MOST_LINES, Figures, Line, Part, Section, clock, many
from organizations.models import Organization
from sensors import completeness
from sensors.completeness import Completeness, Expected
from sensors.models import Sensor, SensorStatus

# A sensor is offline after three of its intervals (Sensor.objects.silent).
_INTERVALS: Final = 3
# Below this nobody can say that all was quiet: what happened in the gaps is unknown.
LOW: Final = 0.9

_FORMULA: Final = (
    "Completeness: readings with a temperature or humidity that came, of those expected: one in each interval of each"
    " sensor. An hour counts for one more than expected at most, so that a burst doesn't make up for a gap."
)


class _Probe(NamedTuple):
    """What there is to know of a sensor here."""

    pk: int
    serial: str
    channel: str
    name: str
    status: str
    interval_s: int
    claimed_at: datetime
    retired_at: datetime | None
    last_reading_at: datetime | None
    temperature: float | None
    humidity: float | None
    unit_id: UUID | None
    unit: str | None
    unit_gone: datetime | None
    site_id: UUID
    site: str
    zone: str

    @property
    def is_watched(self) -> bool:
        """In a unit that is there."""
        return self.retired_at is None and self.unit_id is not None and self.unit_gone is None

    @property
    def counts(self) -> bool:
        """Whether it reports by the clock: a contact that knows doors only reports when one moves."""
        return self.last_reading_at is None or self.temperature is not None or self.humidity is not None

    def is_silent(self, *, at: datetime) -> bool:
        """Later than it may be, or faulty: nobody knows how warm it is there."""
        if self.last_reading_at is None or self.status == SensorStatus.FAULT:
            return True
        return at - self.last_reading_at > timedelta(seconds=_INTERVALS * self.interval_s)


_COLUMNS: Final = (
    *("pk", "serial", "channel", "name", "status", "expected_interval_s", "claimed_at", "retired_at"),
    *("last_reading_at", "temperature", "humidity", "unit_id", "unit__name", "unit__deleted_at"),
    *("site_id", "site__name", "site__timezone"),
)


def section(
    *,
    organization: Organization,
    site_ids: Collection[UUID] | None,
    start: datetime,
    end: datetime,
    at: datetime,
    zone: ZoneInfo,
    unit: str,
) -> Section | None:
    """A section of digests (notifications/digests/sections.py): two statements however many sensors. None without."""
    probes = _probes(organization, site_ids, start=start)
    if not probes:
        return None
    silent = _silent([probe for probe in probes if probe.is_watched], organization, at=at, reader=zone)
    by_site, whole = _complete(probes, organization, start=start, end=min(end, at))
    share = whole.share
    return Section(
        parts=[silent],
        news=[many(silent.number, "silent sensor")] if silent.number else [],
        figures=_figures(by_site, whole),
        caveat="" if share is None or share >= LOW else f"only {percent(share)} of the expected readings came",
        small_print=_FORMULA,
    )


def percent(share: float) -> str:
    """Rounded down: 100 % is all of them."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %" if share < 1 else "100 %"


def _probes(organization: Organization, site_ids: Collection[UUID] | None, *, start: datetime) -> list[_Probe]:
    """Claimed ones at sites that are there, and those that were retired since the start."""
    sensors = Sensor.objects.for_organization(organization).filter(
        Q(retired_at=None) | Q(retired_at__gt=start), claimed_at__isnull=False, site__deleted_at=None
    )
    # What is at no site is watched nowhere.
    sensors = sensors.filter(site__isnull=False) if site_ids is None else sensors.in_sites(site_ids)
    return [_Probe(*row) for row in sensors.order_by("pk").values_list(*_COLUMNS)]


def _silent(probes: Sequence[_Probe], organization: Organization, *, at: datetime, reader: ZoneInfo) -> Part:
    found = [probe for probe in probes if probe.is_silent(at=at)]
    # Who has been silent longest first; whoever never said anything was perhaps never switched on.
    found.sort(key=lambda probe: (probe.last_reading_at is None, probe.last_reading_at or at, probe.pk))
    return Part(
        title="Silent sensors",
        nothing="No sensor is silent.",
        path=f"/o/{organization.slug}",
        lines=[_line(probe, organization, at=at, reader=reader) for probe in found[:MOST_LINES]],
        number=len(found),
    )


def _line(probe: _Probe, organization: Organization, *, at: datetime, reader: ZoneInfo) -> Line:
    name = probe.name or (probe.serial if probe.channel == "0" else f"{probe.serial}/{probe.channel}")
    if probe.last_reading_at is None:
        text = f"probe {name} has never sent anything"
        since = probe.claimed_at
    else:
        since = probe.last_reading_at
        faulty = probe.status == SensorStatus.FAULT
        text = f"probe {name} is faulty" if faulty else f"no data from probe {name} for {_lasting(at - since)}"
    return Line(
        what=probe.unit or "",
        where=probe.site,
        text=text,
        when=f"Since {clock(since, zone=ZoneInfo(probe.zone), reader=reader)}",
        path=f"/o/{organization.slug}/units/{probe.unit_id}",
    )


def _lasting(time: timedelta) -> str:
    minutes = max(int(time.total_seconds()) // 60, 1)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _complete(
    probes: Sequence[_Probe], organization: Organization, *, start: datetime, end: datetime
) -> tuple[dict[UUID, tuple[str, Completeness]], Completeness]:
    """By site, and of all of them."""
    expected = [
        Expected(
            sensor=probe.pk,
            zone=probe.zone,
            start=max(start, probe.claimed_at),
            stop=min(end, probe.retired_at or end),
            interval_s=probe.interval_s,
        )
        for probe in probes
        if probe.counts and probe.unit_gone is None and (probe.retired_at is not None or probe.unit_id is not None)
    ]
    of_sensor = completeness.of(expected, organization=organization)
    whole = Completeness()
    by_site: dict[UUID, tuple[str, Completeness]] = {}
    for probe in probes:
        if probe.pk in of_sensor:
            by_site.setdefault(probe.site_id, (probe.site, Completeness()))[1].add(of_sensor[probe.pk])
            whole.add(of_sensor[probe.pk])
    return by_site, whole


def _figures(by_site: dict[UUID, tuple[str, Completeness]], whole: Completeness) -> Figures | None:
    """The worst sites first."""
    if whole.share is None:
        return None
    sites = sorted(by_site.values(), key=lambda pair: (pair[1].share or 0.0, pair[0]))
    rows = [("All sites" if len(sites) > 1 else sites[0][0], _said(whole))]
    if len(sites) > 1:
        rows += [(name, _said(complete)) for name, complete in sites[:MOST_LINES]]
    more = len(sites) - MOST_LINES
    return Figures(
        title="Completeness",
        rows=rows,
        more=f"and {many(more, 'site')}, {percent(sites[MOST_LINES][1].share or 0.0)} or better" if more > 0 else "",
    )


def _said(complete: Completeness) -> str:
    share = complete.share
    if share is None:
        return "–"
    return f"{percent(share)} ({int(complete.received):,} of {int(complete.expected):,})"
