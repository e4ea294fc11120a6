"""docs/capacity.md from bench/results.json: `python -m bench.capacity`. A whole `make bench` writes both.

The page's words stand in capacity_page.txt; everything that follows from a measurement is computed here.
"""

from __future__ import annotations

import argparse
import json
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.contestants import FRESHTRACK, TWO

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results.json"
TEMPLATE: Final = HERE / "capacity_page.txt"
PAGE: Final = HERE.parent / "docs" / "capacity.md"

# What is assumed, and said on the page.
INTERVAL_S: Final = 300
SHARE: Final = 0.5  # of the maximum: latency is measured there, and the other half is for peaks and for catching up
YEARS: Final = 3  # the shortest that the law lets anybody keep readings
SERVER_CORES: Final = 16  # of one PostgreSQL server
SERVER_DISK_GB: Final = 8_000
CONNECTIONS_EACH: Final = 3  # of an ingest process: one stores, one looks up keys, one does what follows a commit
MAX_CONNECTIONS: Final = 150  # as compose.yaml has it
FOR_OTHERS: Final = 60  # of them: web, live and worker
PAGE_BYTES: Final = 8192
SENSORS: Final = (1_000, 10_000, 100_000, 1_000_000)
CORES: Final = (2, 4, 8, 16, 32)


@dataclass(frozen=True, kw_only=True)
class Way:
    """What readings cost that come in requests of one size. CPU in milliseconds for a thousand readings."""

    readings: int
    rate: float  # readings a second of one ingest process, everything on the measured machine
    server: float
    postgres: float
    log_bytes: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the page needs of the results: medians over the repeats."""

    cores: int
    ways: dict[int, Way]
    summing_worker: float
    summing_postgres: float
    reading_bytes: float
    key_bytes: float
    hour_bytes: float

    def postgres_ms(self, way: Way) -> float:
        """For a thousand readings: stored, and summed up later."""
        return way.postgres + self.summing_postgres

    def all_ms(self, way: Way) -> float:
        """For a thousand readings, in all processes."""
        return way.server + self.summing_worker + self.postgres_ms(way)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What so many sensors need."""

    sensors: int
    readings_a_second: float
    cores: float
    ingest_processes: int
    postgres_cores: float
    connections: int
    disk_gb_a_year: float
    log_gb_a_day: float
    hot_gb: float
    rows_a_month: float
    servers: int


def measured_in(results: dict[str, Any]) -> Measured:
    """Raises KeyError if a part of the bench wasn't run."""
    ways = {}
    for key, contestants in results["ingest"].items():
        repeats = contestants[FRESHTRACK]

        def middle(value: Callable[[dict[str, Any]], float], repeats: list[dict[str, Any]] = repeats) -> float:
            return median(value(got) for got in repeats)

        ways[int(key)] = Way(
            readings=int(key),
            rate=middle(lambda got: got["readings_a_second"]),
            server=middle(lambda got: got["cpu_ms_a_1000"]["server"]),
            postgres=middle(lambda got: got["cpu_ms_a_1000"]["postgres"]),
            log_bytes=middle(lambda got: got["log_bytes_a_reading"]),
        )
    summed, size = results["history"]["summed_up"], results["filled"]["bytes"]
    return Measured(
        cores=results["machine"]["cores"],
        ways=ways,
        summing_worker=summed["cpu_ms_a_1000"]["worker"],
        summing_postgres=summed["cpu_ms_a_1000"]["postgres"],
        reading_bytes=size["both"],
        key_bytes=size["key"],
        hour_bytes=summed["bytes_an_hour"],
    )


def readings_a_second(sensors: float) -> float:
    """What so many sensors send."""
    return sensors / INTERVAL_S


def carried_by_cores(measured: Measured, way: Way, cores: float) -> float:
    """Sensors, by processor time: of everything that a reading costs, until so much of the cores is used."""
    return cores * SHARE * 1000 / (measured.all_ms(way) / 1000) * INTERVAL_S


def carried_by_rate(way: Way) -> float:
    """Sensors that one ingest process carries, at half of the rate that was measured."""
    return way.rate * SHARE * INTERVAL_S


def plan(measured: Measured, way: Way, sensors: int) -> Plan:
    """What so many sensors need, sending in this way."""
    rate = readings_a_second(sensors)
    a_year = 365 * 86_400 / INTERVAL_S
    processes = max(1, ceil(rate / (way.rate * SHARE)))
    postgres_cores = rate * measured.postgres_ms(way) / 1e6 / SHARE
    disk = sensors * (a_year * measured.reading_bytes + 365 * 24 * measured.hour_bytes) / 1e9
    return Plan(
        sensors=sensors,
        readings_a_second=rate,
        cores=rate * measured.all_ms(way) / 1e6 / SHARE,
        ingest_processes=processes,
        postgres_cores=postgres_cores,
        connections=processes * CONNECTIONS_EACH,
        disk_gb_a_year=disk,
        log_gb_a_day=sensors * 86_400 / INTERVAL_S * way.log_bytes / 1e9,
        # The page at the end of its readings in the key, and its own row.
        hot_gb=sensors * 2 * PAGE_BYTES / 1e9,
        rows_a_month=sensors * 30 * 86_400 / INTERVAL_S,
        servers=max(1, ceil(postgres_cores / SERVER_CORES), ceil(disk * YEARS / SERVER_DISK_GB)),
    )


def pooler_from(way: Way) -> float:
    """Sensors from which ingest processes alone would use up the connections that are left to them."""
    return (MAX_CONNECTIONS - FOR_OTHERS) // CONNECTIONS_EACH * carried_by_rate(way)


def render(results: dict[str, Any]) -> str:
    """The page."""
    measured = measured_in(results)
    slow, quick = measured.ways[min(measured.ways)], measured.ways[sorted(measured.ways)[len(measured.ways) // 2]]
    ways = [measured.ways[key] for key in sorted(measured.ways)]
    example = plan(measured, quick, 10_000)
    disk_sensors = SERVER_DISK_GB / YEARS / plan(measured, quick, 1).disk_gb_a_year
    known = {
        "measured_at": results["measured_at"],
        "cores": measured.cores,
        "processor": results["machine"]["processor"],
        "load_before": results["machine"]["load_before"],
        "quick_readings": quick.readings,
        "slow_carried": _count(carried_by_cores(measured, slow, measured.cores)),
        "quick_carried": _count(carried_by_cores(measured, quick, measured.cores)),
        "slow_process": _count(carried_by_rate(slow)),
        "quick_process": _count(carried_by_rate(quick)),
        "slow_pooler": _count(pooler_from(slow)),
        "quick_pooler": _count(pooler_from(quick)),
        "one_disk": _count(disk_sensors),
        "gb_a_sensor_year": f"{example.disk_gb_a_year / example.sensors * 1000:.1f} MB",
        "summing_worker": f"{measured.summing_worker:.1f}",
        "summing_postgres": f"{measured.summing_postgres:.1f}",
        "reading_bytes": f"{measured.reading_bytes:.1f}",
        "key_bytes": f"{measured.key_bytes:.1f}",
        "hour_bytes": f"{measured.hour_bytes:.1f}",
        "example_rate": f"{example.readings_a_second:.1f}",
        "example_ms": f"{measured.all_ms(quick):.1f}",
        "example_cores": f"{example.cores:.3f}",
        "example_disk": f"{example.disk_gb_a_year:.0f}",
        "share": f"{SHARE:.0%}".replace("%", " %"),
        "interval": INTERVAL_S,
        "years": YEARS,
        "server_cores": SERVER_CORES,
        "server_disk": f"{SERVER_DISK_GB / 1000:g}",
        "connections_each": CONNECTIONS_EACH,
        "max_connections": MAX_CONNECTIONS,
        "for_others": FOR_OTHERS,
        "two": _two(results),
        "measured": _measured_table(measured, ways),
        "carried": _carried_chart(measured, slow, quick),
        "plans": "\n\n".join(_plans_table(measured, way) for way in (slow, quick)),
        "growth": _growth(results),
    }
    return string.Template(TEMPLATE.read_text()).substitute(known)


def _measured_table(measured: Measured, ways: Sequence[Way]) -> str:
    rows = [
        [
            f"{way.readings:,}",
            f"{way.rate:,.0f}",
            f"{way.server:.1f}",
            f"{way.postgres:.1f}",
            f"{measured.all_ms(way):.1f}",
            f"{way.log_bytes:.0f}",
            _count(carried_by_cores(measured, way, measured.cores)),
            _count(carried_by_rate(way)),
        ]
        for way in ways
    ]
    head = [
        *("a request", "r: readings/s", "s: CPU of the process", "p: of PostgreSQL", "c: all together"),
        *("w: bytes of its log", f"sensors, by CPU of {measured.cores} cores", "sensors, by rate of a process"),
    ]
    return _markdown(head, rows)


def _plans_table(measured: Measured, way: Way) -> str:
    plans = [plan(measured, way, sensors) for sensors in SENSORS]
    rows = [
        [
            f"{each.sensors:,}",
            f"{each.readings_a_second:,.0f}",
            _cores(each.cores),
            f"{each.ingest_processes:,}",
            _cores(each.postgres_cores),
            f"{each.connections:,}",
            _gigabytes(each.disk_gb_a_year),
            _gigabytes(each.log_gb_a_day),
            _gigabytes(each.hot_gb),
            f"{each.rows_a_month / 1e6:,.0f}",
            f"{each.servers:,}",
        ]
        for each in plans
    ]
    head = [
        *("sensors", "readings/s", "cores", "ingest processes", "cores of PostgreSQL", "their connections"),
        *("disk a year", "log a day", "hot memory", "million rows a month", "PostgreSQL servers"),
    ]
    plural = "reading" if way.readings == 1 else "readings"
    return f"**{way.readings} {plural} a request**\n\n{_markdown(head, rows)}"


def _carried_chart(measured: Measured, slow: Way, quick: Way) -> str:
    def line(way: Way) -> str:
        return ", ".join(f"{carried_by_cores(measured, way, cores) / 1000:.0f}" for cores in CORES)

    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            f'  title "Thousand sensors at {SHARE:.0%} of the cores: bars {quick.readings} readings a request, line 1"',
            f'  x-axis "cores, PostgreSQL included" [{", ".join(map(str, CORES))}]',
            '  y-axis "thousand sensors"',
            f"  bar [{line(quick)}]",
            f"  line [{line(slow)}]",
            "```",
        ]
    )


def _two(results: dict[str, Any]) -> str:
    """How much two processes carry of single readings, as a sentence."""
    singles = results["ingest"].get("1", {})
    if TWO not in singles:
        return ""
    one, two = (median(got["readings_a_second"] for got in singles[name]) for name in (FRESHTRACK, TWO))
    return (
        f"Two processes side by side took {two / one:.2f} times the single readings of one, on a machine whose "
        f"{results['machine']['cores']} cores they shared with PostgreSQL and the load."
    )


def _growth(results: dict[str, Any]) -> str:
    sizes = results["sizes"]
    told = [
        f"{median(got['ratio'] for got in repeats):.2f} of the throughput with {key} a request "
        f"(CPU a reading: {median(got['cpu_ratio'] for got in repeats):.2f} times)"
        for key, repeats in results["growth"]["loads"].items()
    ]
    return (
        f"With {sizes['large_rows'] / 1e6:g} million readings in the table instead of {sizes['small_rows'] / 1e6:g}, "
        f"the door keeps {' and '.join(told)}."
    )


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "".join(" ---: |" for _ in head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _count(number: float) -> str:
    """Two digits: more would promise what no measurement holds."""
    if number < 100:
        return f"{number:.0f}"
    digits = len(str(int(number))) - 2
    return f"{round(number / 10**digits) * 10**digits:,}"


def _cores(number: float) -> str:
    return f"{number:,.1f}" if number >= 1 else f"{number:.3f}"


def _gigabytes(number: float) -> str:
    if number >= 1000:
        return f"{number / 1000:,.1f} TB"
    return f"{number:,.1f} GB" if number >= 1 else f"{number * 1000:,.0f} MB"


def write() -> None:
    """Write the page of the results that are kept."""
    PAGE.write_text(render(json.loads(RESULTS.read_text())))


def main() -> None:
    """The command."""
    argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__).parse_args()
    write()
    print(f"Written to docs/{PAGE.name}.")


if __name__ == "__main__":
    main()
