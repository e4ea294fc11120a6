"""What the figures are to be, and whether they are: ratios within one run, and a few absolute figures.

Ratios are made within a repeat, where both sides met the same machine, and told as minimum, median and maximum over the
repeats. A target is met if the median meets it. What judging costs is told of many short turns together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench.contestants import FRESHTRACK, TWO
from bench.evaluation import together

Results = dict[str, Any]
Repeats = Sequence[dict[str, Any]]

# Readings a request -> at least so many times as many readings a second.
TIMES_DRIZZLE: Final = {1: 3.5, 100: 5.0, 1000: 6.0}
TIMES_GC: Final = {100: 1.2, 1000: 1.15}
OF_COPY: Final = {1000: 0.5}
P99_AT_HALF_MS: Final = 50.0
OF_SMALL_TABLE: Final = 0.85
IN_DATABASE_MS: Final = {"year": 20.0, "year_in_hours": 20.0, "newest": 5.0, "page": 10.0}
EXPORT_ROWS_A_SECOND: Final = 200_000
EXPORT_GROWTH_MB: Final = 50.0
BYTES_A_READING: Final = 100.0
TIMES_BULLMQ: Final = 2.0
URGENT_P99_MS: Final = 50.0
URGENT_BESIDE_BULK_MS: Final = 1000.0
# Judging may cost a quarter of the throughput.
WITH_RULES: Final = {1000: 0.75}
# The last pass over all sensors beside the one before: nothing new was to be learnt.
REMEMBERED_MORE: Final = 1.05
RUSH_P99_MS: Final = 200.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line: what it is, its value in each repeat, and what it should be."""

    name: str
    values: list[float]
    digits: int = 2
    at_least: float | None = None
    at_most: float | None = None

    @property
    def target(self) -> str:
        """In words."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most is not None else ""

    @property
    def verdict(self) -> str:
        """met, missed, or nothing where there is no target."""
        if self.at_least is None and self.at_most is None:
            return ""
        middle = median(self.values)
        enough = self.at_least is None or middle >= self.at_least
        return "met" if enough and (self.at_most is None or middle <= self.at_most) else "missed"


def figures(results: Results) -> list[Figure]:
    """All lines that these results allow."""
    return [
        *_ingest(results.get("ingest", {})),
        *_growth(results.get("growth", {}).get("loads", {})),
        *_history(results.get("history", {})),
        *_outbox(results.get("outbox")),
        *_bytes(results),
        *_evaluation(results),
        *_rush(results.get("rush", [])),
    ]


def _ingest(ingest: dict[str, dict[str, Repeats]]) -> list[Figure]:
    made = []
    for key, contestants in ingest.items():
        shape, ours = int(key), contestants[FRESHTRACK]
        for name, theirs in contestants.items():
            if name == FRESHTRACK:
                continue
            wanted = {"node-drizzle": TIMES_DRIZZLE, "node-gc": TIMES_GC}.get(name, {}).get(shape)
            pair = (f"{FRESHTRACK} / {name}", ours, theirs) if name != TWO else (f"{TWO} / one", theirs, ours)
            title = f"{shape} a request, readings/s: {pair[0]}"
            made.append(Figure(name=title, values=_ratios(pair[1], pair[2], _rate), at_least=wanted))
        for name in ("node-drizzle", "node-gc"):
            if name in contestants:
                wanted_cpu = 1.0 if name == "node-gc" and shape > 1 else None
                title = f"{shape} a request, CPU a reading, PostgreSQL included: {FRESHTRACK} / {name}"
                made.append(Figure(name=title, values=_ratios(ours, contestants[name], _cpu), at_most=wanted_cpu))
        title = f"{shape} a request, readings/s: {FRESHTRACK} / raw COPY"
        made.append(Figure(name=title, values=[got["door_to_copy"] for got in ours], at_least=OF_COPY.get(shape)))
        title = f"{shape} a request, p99 at half of the maximum, ms: {FRESHTRACK}"
        p99 = [got["at_half"]["p99_ms"] for got in ours]
        made.append(Figure(name=title, values=p99, digits=1, at_most=P99_AT_HALF_MS))
    return made


def _growth(growth: dict[str, Repeats]) -> list[Figure]:
    made = []
    for shape, repeats in growth.items():
        title = f"{shape} a request, large table / small table"
        ratios = [got["ratio"] for got in repeats]
        made.append(Figure(name=f"{title}, readings/s", values=ratios, at_least=OF_SMALL_TABLE))
        made.append(Figure(name=f"{title}, CPU a reading", values=[got["cpu_ratio"] for got in repeats]))
    return made


def _history(history: dict[str, Any]) -> list[Figure]:
    if not history:
        return []
    titles = {
        "year": "a year of one sensor as a chart, ms in the database",
        "year_in_hours": "the same from hours, thinned to 1000 points, ms in the database",
        "newest": "newest of all sensors, ms in the database",
        "page": "a page of raw readings, ms in the database",
    }
    made = [
        Figure(name=title, values=[got["database"]["p50_ms"] for got in history[name]], at_most=IN_DATABASE_MS[name])
        for name, title in titles.items()
    ]
    for name, title in (("year", "a year, raw readings in plain SQL / ours"), ("newest", "newest, plain SQL / ours")):
        pairs = zip(history["by_hand"], history[name], strict=True)
        values = [hand[name]["p50_ms"] / got["database"]["p50_ms"] for hand, got in pairs]
        made.append(Figure(name=title, values=values, digits=1))
    rates = [got["rows_a_second"] for got in history["export"]]
    grown = [got["growth_mb"] for got in history["export"]]
    return [
        *made,
        Figure(name="export as CSV, rows/s", values=rates, digits=0, at_least=EXPORT_ROWS_A_SECOND),
        Figure(name="export, growth of the web process, MB", values=grown, digits=1, at_most=EXPORT_GROWTH_MB),
    ]


def _outbox(outbox: dict[str, Any] | None) -> list[Figure]:
    if outbox is None:
        return []
    repeats, slow = outbox["repeats"], outbox["slow_provider"]
    made = []
    for name, title in (("one", "one process"), ("two", "two processes")):
        rates = [got[name]["messages_a_second"] / got["bullmq"]["jobs_a_second"] for got in repeats if got["bullmq"]]
        if rates:
            title = f"outbox, messages/s of {title} / BullMQ's jobs/s"
            made.append(Figure(name=title, values=rates, at_least=TIMES_BULLMQ if name == "two" else None))
    limits = {
        "urgent": ("urgent message, commit to channel, p99 ms", URGENT_P99_MS),
        "beside_bulk": ("the same beside bulk jobs, p99 ms", URGENT_BESIDE_BULK_MS),
    }
    for name, (title, most) in limits.items():
        p99 = [got[name]["p99_ms"] for got in repeats]
        made.append(Figure(name=title, values=p99, digits=1, at_most=most))
    lost = float(slow["promised"] - slow["ids"])
    made.append(Figure(name="messages to a slow provider that didn't arrive", values=[lost], digits=0, at_most=0))
    twice = float(slow["taken"] - slow["ids"])
    made.append(Figure(name="and that arrived twice", values=[twice], digits=0, at_most=0))
    return made


def _bytes(results: Results) -> list[Figure]:
    filled = results.get("filled", {})
    titles = {
        "bytes a reading, door included, of the large table": (filled.get("bytes"), BYTES_A_READING),
        "bytes a reading of a closed month whose key was rebuilt": (filled.get("closed_month"), BYTES_A_READING),
        "bytes a reading that the loads added to the small table": (results.get("growth", {}).get("bytes"), None),
        "bytes a reading of the peers": (results.get("bytes", {}).get("peers"), None),
    }
    return [
        Figure(name=title, values=[size["both"]], digits=1, at_most=wanted)
        for title, (size, wanted) in titles.items()
        if size
    ]


def _evaluation(results: Results) -> list[Figure]:
    made = []
    for shape, turns in results.get("evaluation", {}).items():
        title, wanted = f"{shape} a request, with rules / without", WITH_RULES.get(int(shape))
        made.append(Figure(name=f"{title}, readings/s of all turns", values=[together(turns)], at_least=wanted))
        made.append(Figure(name=f"{title}, readings/s turn by turn", values=[got["ratio"] for got in turns]))
        made.append(Figure(name=f"{title}, CPU a reading", values=[got["cpu_ratio"] for got in turns]))
    memory = results.get("memory")
    if memory:
        before, last = memory["passes_mb"][-2:]
        title = f"memory after {memory['sensors']} sensors were judged, the last pass / the one before"
        made.append(Figure(name=title, values=[round(last / before, 3)], at_most=REMEMBERED_MORE))
    return made


def _rush(rush: Repeats) -> list[Figure]:
    if not rush:
        return []
    title = f"{rush[0]['rate']} requests/s, reading posted -> its alert's frame"
    return [
        Figure(name=f"{title}, p50, ms", values=[got["opened_frame"]["p50_ms"] for got in rush], digits=1),
        Figure(
            name=f"{title}, p99, ms",
            values=[got["opened_frame"]["p99_ms"] for got in rush],
            digits=1,
            at_most=RUSH_P99_MS,
        ),
    ]


def _ratios(ours: Repeats, theirs: Repeats, value: Any) -> list[float]:
    return [round(value(mine) / value(other), 3) for mine, other in zip(ours, theirs, strict=True)]


def _rate(got: dict[str, Any]) -> float:
    return float(got["readings_a_second"])


def _cpu(got: dict[str, Any]) -> float:
    return float(got["cpu_ms_a_1000"]["server"] + got["cpu_ms_a_1000"]["postgres"])
