"""`python -m bench`: start the product, measure, print tables, write bench/results.json. See README.md."""

import argparse
import dataclasses
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bench import fleet, house, machine, tables
from bench.ingest import IngestBench
from bench.isolation import IsolationBench
from bench.journey import JourneyBench
from bench.pages import PagesBench
from bench.sizes import FULL, QUICK, Sizes

RESULTS = Path(__file__).resolve().parent / "results.json"

_began = time.monotonic()


def say(line: str) -> None:
    """Progress, with the seconds since the start."""
    print(f"{time.monotonic() - _began:6.1f} s  {line}", flush=True)


async def measure(place: house.House, sizes: Sizes) -> dict[str, Any]:
    """All measurements, interleaved: each repeat runs every one of them once."""
    say(f"making {sizes.units} units with {sizes.sensors} sensors")
    used = await fleet.found(place, sizes)
    ingest, journey, pages = (bench(place, used, sizes) for bench in (IngestBench, JourneyBench, PagesBench))
    say("warming up")
    await ingest.warm_up()
    results: dict[str, Any] = {"yardstick_ms": [], "ingest": {}, "journey": [], "pages": {}}
    for repeat in range(1, sizes.repeats + 1):
        of = f"{repeat} of {sizes.repeats}"
        results["yardstick_ms"].append(machine.yardstick_ms())
        for readings in sizes.shapes:
            got = await ingest.measure(readings)
            results["ingest"].setdefault(str(readings), []).append(got)
            say(f"{of}: ingest, {readings} a request: {got['readings_a_second']} readings/s")
        results["journey"].append(await journey.measure())
        say(f"{of}: journey: {results['journey'][-1]['reading_to_frame']['p50_ms']} ms to a frame")
        for name in pages.paths:
            got = await pages.measure(name)
            results["pages"].setdefault(name, []).append(got)
            say(f"{of}: {name}: {got['p50_ms']} ms")
    results["statements"] = pages.statements()
    results["isolation"] = price_of_isolation(place, sizes)
    return results


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


def run(place: house.House, sizes: Sizes) -> dict[str, Any]:
    """All measurements of a running product, and what it ran on and with."""
    with place.database() as database:
        version = database.execute("SHOW server_version").fetchone()
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": machine.facts(place.stack.home, promises=place.promises(), postgres=str(version and version[0])),
        "sizes": dataclasses.asdict(sizes),
        **uvloop.run(measure(place, sizes)),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short look while developing: its numbers mean nothing")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the results go (bench/results.json)")
    wanted = parser.parse_args()
    say(f"load average {machine.LOAD_BEFORE:.2f}; starting a durable PostgreSQL and Redis")
    with house.durable_servers():
        say("starting the product")
        with house.opened() as place:
            place.check_durable()
            results = run(place, QUICK if wanted.quick else FULL)
    results["seconds"] = round(time.monotonic() - _began)
    wanted.output.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{tables.render(results)}\n\nWritten to {wanted.output.name}; measured in {results['seconds']} s.")


if __name__ == "__main__":
    main()
