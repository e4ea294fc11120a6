"""docs/capacity.md says what the kept results say, by arithmetic that a reader can do again."""

import itertools
import json
from dataclasses import replace

import pytest

from bench import capacity
from bench.capacity import Measured, Way, carried_by_cores, carried_by_rate, plan

WAY = Way(readings=100, rate=10_000, server=4.0, postgres=6.0, log_bytes=200)
MEASURED = Measured(
    cores=2,
    ways={100: WAY},
    summing_worker=1.0,
    summing_postgres=4.0,
    reading_bytes=95,
    key_bytes=35,
    hour_bytes=100,
)


def test_the_page_says_what_the_kept_results_say() -> None:
    # `python -m bench.capacity` writes it.
    assert capacity.PAGE.read_text() == capacity.render(json.loads(capacity.RESULTS.read_text()))


def test_sensors_are_carried_by_the_cores_that_their_readings_use() -> None:
    # 15 ms of CPU for 1000 readings: a core does 66,667 a second, half of two cores the same, 300 s long.
    assert carried_by_cores(MEASURED, WAY, 2) == pytest.approx(20_000_000)
    assert carried_by_cores(MEASURED, WAY, 4) == pytest.approx(40_000_000)
    assert carried_by_rate(WAY) == 10_000 / 2 * 300


def test_a_plan_is_arithmetic() -> None:
    wanted = plan(MEASURED, WAY, 3_000_000)

    assert wanted.readings_a_second == 10_000
    assert wanted.ingest_processes == 2
    assert wanted.connections == 6
    assert wanted.cores == pytest.approx(0.3)
    assert wanted.postgres_cores == pytest.approx(0.2)
    assert wanted.rows_a_month == 3_000_000 * 8640
    assert wanted.log_gb_a_day == pytest.approx(3_000_000 * 288 * 200 / 1e9)
    assert wanted.disk_gb_a_year == pytest.approx(3_000_000 * (105_120 * 95 + 8760 * 100) / 1e9)
    # Disk decides: 32,586 GB a year, for three years, on disks of 8 TB.
    assert wanted.servers == 13


def test_more_sensors_never_need_less() -> None:
    plans = [plan(MEASURED, WAY, sensors) for sensors in capacity.SENSORS]

    for less, more in itertools.pairwise(plans):
        assert less.cores < more.cores
        assert less.disk_gb_a_year < more.disk_gb_a_year
        assert less.servers <= more.servers
        assert less.ingest_processes <= more.ingest_processes


def test_a_dearer_reading_needs_more_of_everything_that_it_uses() -> None:
    dear = replace(WAY, server=40.0, rate=1_000)

    assert carried_by_cores(MEASURED, dear, 2) < carried_by_cores(MEASURED, WAY, 2)
    assert plan(MEASURED, dear, 3_000_000).ingest_processes == 20


@pytest.mark.parametrize(("number", "told"), [(7, "7"), (1234, "1,200"), (98_765, "99,000"), (1_250_000, "1,200,000")])
def test_counts_promise_no_more_than_two_digits(number: float, told: str) -> None:
    assert capacity._count(number) == told
