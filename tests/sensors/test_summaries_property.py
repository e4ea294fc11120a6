"""Hours and days agree with a recount of every reading, whatever came when, before and after they are summed up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import series
from tests.factories import SensorFactory, as_system
from tests.sensors.readings import Measured, keep, recount, roll, rolled

pytestmark = pytest.mark.django_db

# Zones, and the middle of what makes them special.
PLACES: list[tuple[str, datetime]] = [
    ("UTC", datetime(2026, 3, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # 23 hours
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),  # 25 hours
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 6, 1, 18, 15, tzinfo=UTC)),  # 5:45
    ("Asia/Kolkata", datetime(2026, 6, 1, 18, 30, tzinfo=UTC)),  # 5:30
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # back by half an hour
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),  # forward by half an hour
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # the 30th never was
    ("Atlantic/Azores", datetime(2026, 10, 25, 1, tzinfo=UTC)),  # midnight comes twice
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),  # there is no midnight
    ("Asia/Beirut", datetime(2026, 10, 24, 21, tzinfo=UTC)),  # midnight becomes 23:00
    ("Asia/Pyongyang", datetime(2018, 5, 4, 15, tzinfo=UTC)),  # half an hour was skipped at 23:30
]

MINUTES = st.integers(-36 * 60, 36 * 60)
VALUES = st.one_of(st.none(), st.integers(-4000, 8500))


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, datetime, list[Any]]:
    """A zone, its special moment, and batches of readings with rolls between them: (readings, roll at | None)."""
    zone, middle = draw(st.sampled_from(PLACES))
    step = draw(st.sampled_from([1, 7, 15, 60]))  # minutes; coarse ones collide and fill the same hours
    minutes = draw(st.lists(MINUTES.map(lambda m: m // step * step), unique=True, max_size=60))
    measured = [
        Measured(
            middle + timedelta(minutes=minute, milliseconds=draw(st.sampled_from([0, 0, 1, 59_999]))),
            draw(VALUES),
            draw(st.one_of(st.none(), st.integers(0, 10_000))),
        )
        for minute in minutes
    ]
    batches = []
    while measured:
        size = draw(st.integers(1, len(measured)))
        # Rolls happen as seen from anywhere: hours that aren't over yet stay noted.
        roll_at = draw(st.one_of(st.none(), MINUTES.map(lambda m: middle + timedelta(minutes=m))))
        batches.append((measured[:size], roll_at))
        measured = measured[size:]
    return zone, middle, batches


def mean(total: int, count: int) -> float | None:
    return float((Decimal(total) / count / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)) if count else None


def degrees(value: int | None) -> float | None:
    return None if value is None else value / 100


def expected(measured: list[Measured], *, zone: str, resolution: str) -> list[series.Bucket]:
    return [
        series.Bucket(
            at,
            degrees(sums["lowest"]),
            mean(sums["total"], sums["count"]),
            degrees(sums["highest"]),
            sums["count"],
            degrees(sums["first"]),
            degrees(sums["last"]),
            degrees(sums["humidity_lowest"]),
            mean(sums["humidity_total"], sums["humidity_count"]),
            degrees(sums["humidity_highest"]),
        )
        for at, sums in sorted(recount(measured, zone=zone, resolution=resolution).items())
    ]


@settings(max_examples=60)
@given(history=histories(), most=st.integers(1, 30))
def test_answers_equal_a_recount_before_and_after_summing_up(history: Any, most: int) -> None:
    zone, middle, batches = history
    sensor = SensorFactory(unit__area__site__timezone=zone)
    known: list[Measured] = []

    def agree() -> None:
        for resolution in ("hour", "day"):
            with as_system():
                found = series.buckets(
                    sensors=[sensor],
                    start=middle - timedelta(days=3),
                    end=middle + timedelta(days=3),
                    resolution=resolution,
                    zone=zone,
                    max_points=2000,
                )
            assert found == series.Buckets(expected(known, zone=zone, resolution=resolution), 1)
            merge_agrees(found.rows, resolution)

    def merge_agrees(single: list[series.Bucket], resolution: str) -> None:
        with as_system():
            found = series.buckets(
                sensors=[sensor],
                start=middle - timedelta(days=3),
                end=middle + timedelta(days=3),
                resolution=resolution,
                zone=zone,
                max_points=most,
            ).rows
        assert len(found) <= most
        starts = [bucket.at for bucket in found]
        assert set(starts) <= {bucket.at for bucket in single}
        for bucket, after in zip(found, [*starts, None][1:], strict=True):
            part = [one for one in single if bucket.at <= one.at and (after is None or one.at < after)]
            assert bucket.count == sum(one.count for one in part)
            assert bucket.min == min((one.min for one in part if one.min is not None), default=None)
            assert bucket.max == max((one.max for one in part if one.max is not None), default=None)
            assert bucket.first == next((one.first for one in part if one.first is not None), None)
            assert bucket.last == next((one.last for one in part[::-1] if one.last is not None), None)
            assert bucket.humidity_max == max(
                (o.humidity_max for o in part if o.humidity_max is not None), default=None
            )

    for measured, roll_at in batches:
        keep(sensor, measured)
        known += measured
        agree()
        if roll_at is not None:
            roll(roll_at)
            agree()
    roll()
    agree()
    for resolution in ("hour", "day"):
        assert rolled(sensor, resolution) == recount(known, zone=zone, resolution=resolution)
