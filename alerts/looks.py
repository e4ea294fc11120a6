"""What a unit is judged by: what is new of it, and what its sensors had measured before.

Most units that are looked at have nothing that begins or ends, so what costs is made only when a rule asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

import numpy as np

from alerts.evaluation import Point, Terms
from alerts.watching import METRICS, SCALES, Place, Watch
from freshtrack.arrays import MISSING
from sensors.recording import Rows
from sensors.register import Register, gap_s

Newest = dict[int, tuple[float, float, float]]  # sensor -> (time, value, longest pause that counts)


class Together:
    """What is new of all units that are looked at: unit by unit, each in order of times and sensors."""

    def __init__(self, new: Rows, slices: Sequence[Sequence[tuple[int, int]]]) -> None:
        """`slices` are those of each unit's sensors in `new`: where they begin, and how many."""
        lengths = [sum(length for _, length in mine) for mine in slices]
        ranges = [np.arange(start, start + length) for mine in slices for start, length in mine]
        which = np.concatenate([np.empty(0, dtype=np.int64), *ranges])
        unit = np.repeat(np.arange(len(slices)), lengths)
        rows = self._rows = new.take(which[np.lexsort((new.sensor[which], new.ms[which], unit))])
        self.ends = np.cumsum(lengths).tolist()
        self.sensor: list[int] = rows.sensor.tolist()
        self.at: list[float] = (rows.ms / 1000).tolist()
        self._values: dict[str, list[int]] = {}

    def values(self, metric: str) -> list[int]:
        """As stored, or MISSING."""
        values = self._values.get(metric)
        if values is None:
            values = self._values[metric] = self._rows.metric(metric).tolist()
        return values


class Batch:
    """What is new of one unit: its readings, from `begin` to `end` of those of all, and its faults."""

    def __init__(
        self, together: Together, begin: int, end: int, *, faults: Sequence[tuple[int, int]], probes: Register
    ) -> None:
        self._together, self._begin, self._end = together, begin, end
        self._points: dict[str, list[Point]] = {}
        self.faults = faults
        # Who says something here.
        self.sensors = sorted({*together.sensor[begin:end], *(sensor for sensor, _ in faults)})
        self._gaps = {sensor: probes.probe(sensor).gap_s for sensor in self.sensors}

    def __len__(self) -> int:
        return self._end - self._begin

    @property
    def edges(self) -> tuple[tuple[float, int], tuple[float, int]]:
        """(time, sensor) of the first reading and of the last; there must be one."""
        at, sensor, last = self._together.at, self._together.sensor, self._end - 1
        return (at[self._begin], sensor[self._begin]), (at[last], sensor[last])

    def times_of(self, sensor: int) -> list[float]:
        """When a sensor measured."""
        at, whose = self._together.at, self._together.sensor
        return [at[place] for place in range(self._begin, self._end) if whose[place] == sensor]

    def extremes(self, metric: str) -> list[float]:
        """The lowest value and the highest, in units of a threshold; empty: it wasn't measured."""
        stored = [value for value in self._together.values(metric)[self._begin : self._end] if value != MISSING]
        scale = SCALES[METRICS.index(metric)]
        return [min(stored) / scale, max(stored) / scale] if stored else []

    def points(self, metric: str) -> list[Point]:
        """What was measured. Judge what is stored: 5.004 is kept as 5.00, and a chart must agree with its alerts."""
        points = self._points.get(metric)
        if points is None:
            mine, gaps, scale = slice(self._begin, self._end), self._gaps, SCALES[METRICS.index(metric)]
            points = self._points[metric] = [
                Point(at, sensor, value / scale, gaps[sensor])
                for at, sensor, value in zip(
                    *(self._together.at[mine], self._together.sensor[mine], self._together.values(metric)[mine]),
                    strict=True,
                )
                if value != MISSING
            ]
        return points


class Earlier:
    """What each sensor of a unit had measured last before this batch. Siblings count while they are fresh."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, list[int], int]] = []
        self._newest: dict[str, Newest] = {}

    def add(self, sensor: int, ms: int, values: list[int], interval_s: int) -> None:
        """`values` are those of METRICS, as stored."""
        self._rows.append((sensor, ms, values, interval_s))

    @property
    def last(self) -> tuple[float, int] | None:
        """(time, sensor) of the unit's newest reading."""
        return max(((ms / 1000, sensor) for sensor, ms, _, _ in self._rows), default=None)

    def newest(self, metric: str) -> Newest:
        """Of each sensor that has measured it."""
        newest = self._newest.get(metric)
        if newest is None:
            number = METRICS.index(metric)
            newest = self._newest[metric] = {
                sensor: (ms / 1000, values[number] / SCALES[number], gap_s(interval_s))
                for sensor, ms, values, interval_s in self._rows
                if values[number] != MISSING
            }
        return newest


class Look:
    """A unit that needs a look, with everything to judge it by."""

    def __init__(
        self, place: Place, watches: Sequence[Watch], batch: Batch, earlier: Earlier, heard: Mapping[int, float]
    ) -> None:
        self.place = place
        self.watches = watches
        self.batch = batch
        self.earlier = earlier
        self.heard = heard  # when each sensor of the batch was heard before it; empty: nothing asks for that
        self.last = earlier.last
        self._ranges: dict[str, tuple[float, float]] = {}

    @property
    def is_late(self) -> bool:
        """Whether something of the batch is older than what the unit has measured already (Note [Late readings])."""
        return bool(len(self.batch)) and self.last is not None and self.batch.edges[0] < self.last

    def is_breached(self, terms: Terms, metric: str) -> bool:
        """Whether anything of the batch, or what was measured last before it, is beyond a threshold."""
        span = self._ranges.get(metric)
        if span is None:
            values = [*self.batch.extremes(metric), *(value for _, value, _ in self.earlier.newest(metric).values())]
            span = self._ranges[metric] = (min(values), max(values)) if values else (inf, -inf)
        lowest, highest = span
        return terms.breached(highest if terms.condition == "above" else lowest)
