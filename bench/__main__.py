"""`python -m bench`: start the product, measure, print tables, write bench/results.json. See README.md."""

import argparse
import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bench import capacity, fleet, house, machine, node, past, scoreboard, tables
from bench.evaluation import EvaluationBench, together
from bench.growth import GrowthBench
from bench.history import HistoryBench
from bench.ingest import IngestBench, contestant_of
from bench.isolation import IsolationBench
from bench.journey import JourneyBench
from bench.memory import MemoryBench
from bench.outbox import OutboxBench
from bench.pages import PagesBench
from bench.rush import RushBench
from bench.sizes import FULL, QUICK, Sizes

PARTS = ("ingest", "evaluation", "pages", "rush", "outbox", "history", "growth", "isolation", "alarms")
RESULTS = Path(__file__).resolve().parent / "results.json"

_began = time.monotonic()


def say(line: str) -> None:
    """Progress, with the seconds since the start."""
    print(f"{time.monotonic() - _began:6.1f} s  {line}", flush=True)


async def measure(place: house.House, sizes: Sizes, peers: node.Peers | None, parts: Sequence[str]) -> dict[str, Any]:
    """The chosen parts, one after another; in each the contestants and pages take turns."""
    say(f"making {sizes.units} units with {sizes.sensors} sensors")
    used = await fleet.found(place, sizes)
    # Copies of the database for tables of a size of their own, before anybody writes into this one.
    twins = {name: place.twin(name) for name in _twins(parts)}
    place.start("web")
    place.open_doors(2)
    results: dict[str, Any] = {}
    if "ingest" in parts:
        with node.running(peers, place, sensors=sizes.sensors, start=used.start) as rivals:
            bench = IngestBench(place, used, sizes, rivals)
            results["ingest"] = await measure_ingest(bench, sizes)
            results["bytes"] = {"peers": rivals[0].size().a_row()} if rivals else {}
    if "evaluation" in parts:
        results |= await measure_evaluation(twins, used, sizes)
    if "pages" in parts or "rush" in parts:
        say("starting the worker and beat")
        place.start("worker", "beat")
        if "pages" in parts:
            results |= await measure_pages(place, used, sizes)
        if "rush" in parts:
            results["rush"] = await measure_rush(RushBench(place, used, sizes), sizes)
        place.stop("worker", "beat")
    if "outbox" in parts:
        results["outbox"] = measure_outbox(OutboxBench(place, sizes, peers), sizes)
    if "large" in twins:
        results |= await measure_past(twins, used, sizes, parts)
    if "isolation" in parts:
        results["isolation"] = price_of_isolation(place, sizes)
    return results


async def measure_ingest(bench: IngestBench, sizes: Sizes) -> dict[str, Any]:
    """Contestant after contestant in each repeat: a noisy minute hits all of them."""
    results: dict[str, Any] = {}
    for shape in sizes.shapes:
        for contestant in bench.of(shape):
            say(f"warming up {contestant.name}, {shape.readings} a request")
            await bench.warm_up(shape, contestant)
    for repeat in range(1, sizes.repeats + 1):
        for shape in sizes.shapes:
            for contestant in bench.of(shape):
                got = await bench.measure(shape, contestant)
                results.setdefault(str(shape.readings), {}).setdefault(contestant.name, []).append(got)
                say(
                    f"{repeat} of {sizes.repeats}: {shape.readings:4} a request, {contestant.name}: "
                    f"{got['readings_a_second']} readings/s, p99 at half {got['at_half']['p99_ms']} ms, "
                    f"load average {got['load_average']}"
                )
    return results


def _twins(parts: Sequence[str]) -> list[str]:
    return [
        *(["judging", "storing"] if "evaluation" in parts else []),
        *(["small"] if "growth" in parts else []),
        *(["large"] if "growth" in parts or "history" in parts else []),
    ]


async def measure_evaluation(twins: dict[str, house.House], used: fleet.Fleet, sizes: Sizes) -> dict[str, Any]:
    """The same loads with rules and without; then what an ingest process with rules remembers."""
    bench = EvaluationBench(twins["judging"], twins["storing"], used, sizes)
    for shape in sizes.evaluation_shapes:
        say(f"warming up with rules and without, {shape.readings} a request")
        await bench.warm_up(shape)
    loads: dict[str, Any] = {}
    for turn in range(1, sizes.evaluation_turns + 1):
        for shape in sizes.evaluation_shapes:
            loads.setdefault(str(shape.readings), []).append(await bench.measure(shape, turn))
        told = ", ".join(f"{together(turns)} with {readings} a request" for readings, turns in loads.items())
        say(f"{turn} of {sizes.evaluation_turns}: throughput with rules / without up to now: {told}")
    say(f"making {sizes.remembered} sensors")
    memory = MemoryBench(twins["judging"], used, sizes)
    return {"evaluation": loads, "memory": await memory.measure()}


async def measure_rush(bench: RushBench, sizes: Sizes) -> list[dict[str, Any]]:
    """One rush after another."""
    await bench.make()
    repeats = []
    for repeat in range(1, sizes.repeats + 1):
        repeats.append(await bench.measure())
        got = repeats[-1]["opened_frame"]
        say(
            f"{repeat} of {sizes.repeats}: {sizes.rush_rate} requests/s: {got['count']} alerts opened, on the screen "
            f"after {got['p50_ms']} ms, p99 {got['p99_ms']} ms"
        )
    return repeats


async def measure_past(
    twins: dict[str, house.House], used: fleet.Fleet, sizes: Sizes, parts: Sequence[str]
) -> dict[str, Any]:
    """With tables that hold much: what is asked of history, and what the next reading costs."""
    results: dict[str, Any] = {}
    large = twins["large"]
    counts = past.ages(sizes.sensors, sizes.large_rows, sizes.year)
    if "small" in twins:
        past.fill(twins["small"], used, past.ages(sizes.sensors, sizes.small_rows, sizes.small_rows), say)
    say(f"writing {sizes.large_rows} readings")
    began = time.monotonic()
    past.fill(large, used, counts, say)
    results["filled"] = {
        "rows": sizes.large_rows,
        "rows_a_second": round(sizes.large_rows / (time.monotonic() - began)),
        "bytes": contestant_of(large, used, name="large", doors=0).size().a_row(),
    }
    if "history" in parts:
        results["history"] = await measure_history(HistoryBench(large, used, sizes, counts), large, sizes)
    if "small" in twins:
        results["filled"]["closed_month"] = past.rebuild_closed_month(large)
        results["growth"] = await measure_growth(GrowthBench(twins["small"], large, used, sizes), sizes)
    return results


async def measure_history(bench: HistoryBench, large: house.House, sizes: Sizes) -> dict[str, Any]:
    """Pages and exports in turn."""
    results: dict[str, Any] = {"summed_up": bench.sum_up(), "newest": [], "export": []}
    say(f"summed up {results['summed_up']['readings_a_second']} readings/s")
    large.start("web")
    for repeat in range(1, sizes.repeats + 1):
        for name in bench.paths:
            results.setdefault(name, []).append(await bench.measure(name))
        results["newest"].append(await bench.newest())
        results["export"].append(await bench.export())
        results.setdefault("by_hand", []).append(bench.by_hand())
        told = ", ".join(f"{name} {results[name][-1]['database']['p50_ms']} ms" for name in ("year", "page", "newest"))
        say(
            f"{repeat} of {sizes.repeats}: in the database: {told}; export "
            f"{results['export'][-1]['rows_a_second']} rows/s, {results['export'][-1]['growth_mb']} MB more"
        )
    large.stop("web")
    return results


async def measure_growth(bench: GrowthBench, sizes: Sizes) -> dict[str, Any]:
    """The same loads into both tables."""
    before = bench.small.size()
    for shape in sizes.growth_shapes:
        await bench.warm_up(shape)
    results: dict[str, Any] = {}
    for repeat in range(1, sizes.repeats + 1):
        for shape in sizes.growth_shapes:
            got = await bench.measure(shape)
            results.setdefault(str(shape.readings), []).append(got)
            say(
                f"{repeat} of {sizes.repeats}: {shape.readings} a request: {got['ratio']} of the throughput in the "
                f"large table, load average {got['load_average']}"
            )
    return {"loads": results, "bytes": bench.small.size().a_row(before)}


async def measure_pages(place: house.House, used: fleet.Fleet, sizes: Sizes) -> dict[str, Any]:
    """The journey of a reading and the pages of the web app, with the worker and beat beside them."""
    journey, pages = JourneyBench(place, used, sizes), PagesBench(place, used, sizes)
    results: dict[str, Any] = {"journey": [], "pages": {}}
    for repeat in range(1, sizes.repeats + 1):
        of = f"{repeat} of {sizes.repeats}"
        results["journey"].append(await journey.measure())
        say(f"{of}: journey: {results['journey'][-1]['reading_to_frame']['p50_ms']} ms to a frame")
        for name in pages.paths:
            got = await pages.measure(name)
            results["pages"].setdefault(name, []).append(got)
            say(f"{of}: {name}: {got['p50_ms']} ms")
    results["statements"] = pages.statements()
    return results


def measure_outbox(bench: OutboxBench, sizes: Sizes) -> dict[str, Any]:
    """Promised messages and jobs in turn."""
    repeats = []
    for repeat in range(1, sizes.repeats + 1):
        got = bench.measure()
        repeats.append(got)
        jobs = f", BullMQ {got['bullmq']['jobs_a_second']} jobs/s" if got["bullmq"] else ""
        say(
            f"{repeat} of {sizes.repeats}: outbox: {got['one']['messages_a_second']} messages/s, in two processes "
            f"{got['two']['messages_a_second']}{jobs}; urgent p99 {got['urgent']['p99_ms']} ms, beside bulk "
            f"{got['beside_bulk']['p99_ms']} ms, load average {got['two']['load_average']}"
        )
    say(f"sending {sizes.slow_messages} messages to a slow provider")
    return {"repeats": repeats, "slow_provider": bench.slow_provider()}


def price_of_isolation(place: house.House, sizes: Sizes) -> list[dict[str, Any]]:
    """Last, since the rows that it needs would weigh on everything else."""
    say(f"making {sizes.organizations} organizations")
    isolation = IsolationBench(place, sizes)
    isolation.fill()
    repeats = []
    for repeat in range(1, sizes.repeats + 1):
        repeats.append(isolation.measure())
        ratio = repeats[-1]["list_of_units"]["requests"]["ratio"]
        say(f"{repeat} of {sizes.repeats}: a list costs {ratio} of what it would without walls")
    return repeats


def run(
    place: house.House, sizes: Sizes, peers: node.Peers | None = None, parts: Sequence[str] = PARTS
) -> dict[str, Any]:
    """The measurements of a running product, and what it ran on and with."""
    yardstick = machine.yardstick_ms()
    with place.database() as database:
        version = database.execute("SHOW server_version").fetchone()
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": machine.facts(place.stack.home, promises=place.promises(), postgres=str(version and version[0])),
        "sizes": dataclasses.asdict(sizes),
        "peers": peers is not None,
        **uvloop.run(measure(place, sizes, peers, parts)),
        "yardstick_ms": [yardstick, machine.yardstick_ms()],
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short look while developing: its numbers are noisy")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only (may be repeated)")
    parser.add_argument("--output", type=Path, help="where the results go (bench/results.json for a whole run)")
    wanted = parser.parse_args()
    parts = wanted.only or PARTS
    output = wanted.output or (None if wanted.quick or wanted.only else RESULTS)
    peers = node.found()
    if peers is None:
        say(node.NONE)
    alarms = {}
    if "alarms" in parts:
        say("scoring alarms, without a server")
        alarms = {"alarms": scoreboard.measured()}
    with contextlib.ExitStack() as held:
        if peers is not None and not {"ingest", "outbox"}.isdisjoint(parts):
            scratch = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="bench-peers-")))
            peers = node.installed(peers, scratch)
        say(f"load average {machine.LOAD_BEFORE:.2f}; starting a durable PostgreSQL and Redis")
        held.enter_context(house.durable_servers())
        say("starting the product")
        place = held.enter_context(house.opened())
        place.check_durable()
        results = run(place, QUICK if wanted.quick else FULL, peers, parts) | alarms
    results["seconds"] = round(time.monotonic() - _began)
    print(f"\n{tables.render(results)}\n")
    if output is not None:
        output.write_text(json.dumps(results, indent=1) + "\n")
        print(f"Written to {output.name}.")
    if output == RESULTS and set(parts) == set(PARTS):
        capacity.write()
        print("docs/capacity.md is computed from it.")
    print(f"Measured in {results['seconds']} s.")


if __name__ == "__main__":
    main()
