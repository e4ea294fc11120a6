"""What judging costs: the same loads with the default rules in force and without any rule, in turn.

Two copies of one database with one fleet, each with an ingest process of its own; in one of them the rules were taken
away. Both are there at the same time, so a noisy minute hits both. bench/memory.py goes on with the copy that judges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench import machine
from bench.contestants import Contestant, Pulse
from bench.fleet import Fleet
from bench.house import House
from bench.ingest import Loads, contestant_of
from bench.sizes import Shape, Sizes

# Besides the defrosts of one sensor in ten, each at its own time, one in twenty is broken: beyond the limits of its
# warning and of its critical rules for an hour in three, so that alerts open and resolve. With both, one reading in
# thirty is outside of its limits.
BREAKS_EVERY, BREAKS_FIRST = 20, 5
BROKEN_S, BROKEN_PERIOD_S = 3600, 3 * 3600
BROKEN_K = 12.0
# Primes: neighbours are at different points of their periods.
APART_S = 977

NO_RULES = "DELETE FROM alerts_alertrule"
ALERTS = "SELECT count(*), count(resolved_at) FROM alerts_alert"


def together(turns: list[dict[str, Any]]) -> float:
    """The throughput with rules over that without, of all turns."""
    with_rules, without = (sum(got[name]["readings_a_second"] for got in turns) for name in ("with", "without"))
    return round(with_rules / without, 3)


def troubled(pulses: list[Pulse]) -> list[Pulse]:
    """The same sensors, some of them defrosting and some of them broken, each at its own time."""
    return [
        replace(
            pulse,
            defrost=pulse.usual + BROKEN_K,
            warm_s=BROKEN_S,
            period_s=BROKEN_PERIOD_S,
            phase=number * APART_S % BROKEN_PERIOD_S,
        )
        if number % BREAKS_EVERY == BREAKS_FIRST
        else replace(pulse, phase=number * APART_S % pulse.period_s)
        for number, pulse in enumerate(pulses)
    ]


class EvaluationBench:
    """Loads into both houses. Each gets a door."""

    def __init__(self, judging: House, storing: House, fleet: Fleet, sizes: Sizes) -> None:
        self._sizes = sizes
        self._judging = judging
        self._loads = Loads(judging)
        with storing.database() as database:
            database.execute(NO_RULES)
        for house in (judging, storing):
            house.open_doors(1)
        self.contestants = [
            _troubled(contestant_of(house, fleet, name=name, doors=1))
            for name, house in (("with", judging), ("without", storing))
        ]

    async def warm_up(self, shape: Shape) -> None:
        """Uncounted."""
        for contestant in self.contestants:
            await self._loads.warm_up(shape, contestant, self._sizes.warm_up_seconds)

    async def measure(self, shape: Shape, turn: int) -> dict[str, Any]:
        """One short load into each; who begins changes from turn to turn."""
        got: dict[str, Any] = {"load_average": machine.load_average()}
        before = self._alerts()
        for contestant in self.contestants[:: 1 if turn % 2 else -1]:
            _, measured, commits = await self._loads.counted(shape, contestant, self._sizes.evaluation_seconds)
            requests = measured.load.requests
            got[contestant.name] = {
                **measured.told(requests * shape.readings),
                "requests_a_commit": round(requests / commits, 1),
            }
        opened, resolved = (now - earlier for now, earlier in zip(self._alerts(), before, strict=True))
        return {
            **got,
            "opened": opened,
            "resolved": resolved,
            "ratio": round(got["with"]["readings_a_second"] / got["without"]["readings_a_second"], 3),
            "cpu_ratio": round(_cpu(got["with"]) / _cpu(got["without"]), 3),
        }

    def _alerts(self) -> tuple[int, int]:
        """How many were opened and resolved."""
        with self._judging.database() as database:
            row = database.execute(ALERTS).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def _troubled(contestant: Contestant) -> Contestant:
    return replace(contestant, pulses=troubled(contestant.pulses))


def _cpu(got: dict[str, Any]) -> float:
    return float(got["cpu_ms_a_1000"]["server"] + got["cpu_ms_a_1000"]["postgres"])
