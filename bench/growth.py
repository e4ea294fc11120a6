"""What a reading costs as the table grows: the same loads into a small table and a large one, in turn.

Each has a database of its own in the same cluster, and an ingest process of its own. Both are there at the same time,
so a noisy minute hits both.
"""

from __future__ import annotations

from typing import Any

from bench import machine
from bench.contestants import Contestant
from bench.fleet import Fleet
from bench.house import House
from bench.ingest import Loads, contestant_of
from bench.sizes import Shape, Sizes


class GrowthBench:
    """Loads into both tables. The houses are filled; each gets a door."""

    def __init__(self, small: House, large: House, fleet: Fleet, sizes: Sizes) -> None:
        self._sizes = sizes
        self._loads = Loads(small)
        for house in (small, large):
            house.open_doors(1)
        self.small = contestant_of(small, fleet, name="small", doors=1)
        self.large = contestant_of(large, fleet, name="large", doors=1)

    async def warm_up(self, shape: Shape) -> None:
        """Uncounted."""
        for contestant in (self.small, self.large):
            await self._loads.warm_up(shape, contestant, self._sizes.warm_up_seconds)

    async def measure(self, shape: Shape) -> dict[str, Any]:
        """One load into each."""
        got: dict[str, Any] = {"load_average": machine.load_average()}
        for contestant in (self.small, self.large):
            got[contestant.name] = await self._measure(shape, contestant)
        got["ratio"] = round(got["large"]["readings_a_second"] / got["small"]["readings_a_second"], 3)
        got["cpu_ratio"] = round(_cpu(got["large"]) / _cpu(got["small"]), 3)
        return got

    async def _measure(self, shape: Shape, contestant: Contestant) -> dict[str, Any]:
        _, measured, _ = await self._loads.counted(shape, contestant, self._sizes.seconds)
        return measured.told(measured.load.requests * shape.readings)


def _cpu(got: dict[str, Any]) -> float:
    return float(got["cpu_ms_a_1000"]["server"] + got["cpu_ms_a_1000"]["postgres"])
