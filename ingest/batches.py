"""Several requests as one set of columns: whose each reading is, of which probe, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from ingest import columns
from ingest.authentication import Sender
from ingest.columns import GOOD, INVALID, SENSOR_FAULT
from ingest.samples import POWER_ON_VALUE, Candidate, Decoded, Rejection
from sensors import recording
from sensors.recording import Column, Mask, Rows
from sensors.register import DEFAULT_CHANNEL, ProbeName, Register

_POWER_ON_LOOKS_BACK_MS: Final = timedelta(hours=1) / timedelta(milliseconds=1)
_POWER_ON_BELOW: Final = 60.0
_UNKNOWN: Final = -1


class Faulty(NamedTuple):
    """Probes that said that they can't measure, and when they did."""

    sensor: Column
    ms: Column


class Batch:
    """The readings of several requests.

    `codes`, `owners` (which request) and `sensors` have an element for each reading that could be decoded; `good` are
    the positions of those without a fault so far.
    """

    def __init__(self, requests: Sequence[tuple[Sender, Decoded]], *, register: Register, at: datetime) -> None:
        self.register = register
        self._requests = requests
        self._candidates: list[Candidate] = list(chain.from_iterable(d.candidates for _, d in requests))
        self._firsts = np.cumsum([0, *(len(decoded.candidates) for _, decoded in requests)])
        self.owners: Column = np.repeat(np.arange(len(requests)), np.diff(self._firsts))
        self._columns = columns.columns(self._candidates)
        self.codes = columns.check(self._columns, at=at)
        # A probe that can't measure is believed, unless it doesn't know what time it is either.
        self._failing = (self.codes == SENSOR_FAULT) & columns.has_time(self._columns, at=at)
        self._at = at
        ids = self._known_ids()
        self._has_strangers = None in ids
        self.sensors: Column = np.array([_UNKNOWN if known is None else known for known in ids], dtype=np.int64)
        self._sort_out()

    @property
    def asks(self) -> bool:
        """Whether PostgreSQL must be asked before anything is locked or stored: call `find_out` then."""
        return self._has_strangers or self._has_power_on_values()

    def find_out(self) -> None:
        """Look up probes that aren't known, and doubt 85 °C. Call inside a transaction."""
        if self._has_strangers:
            self.sensors = self._find_probes((self.codes == GOOD) | self._failing)
            self._sort_out()
        if self._has_power_on_values():
            self._doubt_power_on_values()

    def _sort_out(self) -> None:
        self.faults = self._faults(np.flatnonzero(self._failing & (self.codes == SENSOR_FAULT)))
        self.faulty = _last_of_each(self.faults)
        self.good: Column = np.flatnonzero(self.codes == GOOD)

    def _has_power_on_values(self) -> bool:
        return bool((self._columns.temperature[self.good] == POWER_ON_VALUE).any())

    @property
    def organizations(self) -> set[UUID]:
        """Whose readings they are."""
        return {sender.organization_id for sender, _ in self._requests}

    def rows(self) -> Rows:
        """The good ones, as they are stored."""
        return self._columns.rows(self.good, self.sensors[self.good])

    def numbers_of(self, sensors: Column) -> Column:
        """The numbers of the organizations that sensors belong to."""
        numbers = {sender.organization_id: sender.number for sender, _ in self._requests}
        if len(numbers) == 1:
            return np.full(len(sensors), next(iter(numbers.values())))
        distinct, inverse = np.unique(sensors, return_inverse=True)
        owners = [numbers[self.register.probe(sensor).organization_id] for sensor in distinct.tolist()]
        return np.array(owners, dtype=np.int64)[inverse]

    def rejection(self, place: int) -> Rejection:
        """What is said of a refused reading."""
        owner, code = int(self.owners[place]), int(self.codes[place])
        index = self._requests[owner][1].index(place - int(self._firsts[owner]))
        return Rejection(index, columns.CODES[code], columns.detail(code, self._candidates[place]))

    def _doubt_power_on_values(self) -> None:
        """Refuse 85 °C that follows, within an hour, a reading of the same probe below 60 °C. Locks the probes."""
        temperatures = self._columns.temperature[self.good]
        previous = {sensor: (ms, centi / 100) for sensor, (ms, centi) in recording.lock(self._locked()).items()}
        measured = self.good[~np.isnan(temperatures)]
        doubted = []
        for place in measured[np.argsort(self._columns.ms[measured], kind="stable")].tolist():
            sensor, ms = int(self.sensors[place]), int(self._columns.ms[place])
            temperature = float(self._columns.temperature[place])
            before = previous.get(sensor)
            if before is not None and before[0] >= ms:
                before = None  # late: what came before it isn't known here
            if (
                temperature == POWER_ON_VALUE
                and before is not None
                and before[1] < _POWER_ON_BELOW
                and ms - before[0] <= _POWER_ON_LOOKS_BACK_MS
            ):
                doubted.append(place)
            elif sensor not in previous or previous[sensor][0] <= ms:
                previous[sensor] = (ms, temperature)
        if doubted:
            self.codes[doubted] = SENSOR_FAULT
            self.good = np.flatnonzero(self.codes == GOOD)

    def _locked(self) -> Column:
        return np.concatenate([self.sensors[self.good], self.faulty.sensor])

    def _find_probes(self, needed: Mask) -> Column:
        """The sensor of each reading. Names that can't be stored make it invalid; unknown ones are made if needed."""
        names = {}
        for place in np.flatnonzero(self.sensors == _UNKNOWN).tolist():
            name = self._name(place)
            if not columns.is_storable(name.serial, name.channel):
                self.codes[place] = INVALID
            elif needed[place]:
                names[place] = name
        self.register.look_up(names.values(), at=self._at)
        return np.array([_UNKNOWN if known is None else known for known in self._known_ids()], dtype=np.int64)

    def _known_ids(self) -> list[int | None]:
        ids: list[int | None] = []
        for sender, decoded in self._requests:
            known = self.register.ids_of(sender.organization_id)
            ids += [
                known.get(c.sensor if c.channel is None or c.channel == DEFAULT_CHANNEL else (c.sensor, c.channel))
                for c in decoded.candidates
            ]
        return ids

    def _name(self, place: int) -> ProbeName:
        candidate = self._candidates[place]
        sender, _ = self._requests[int(self.owners[place])]
        return ProbeName(sender.organization_id, candidate.sensor, candidate.channel or DEFAULT_CHANNEL)

    def _faults(self, places: Column) -> Faulty:
        """Every time that a probe failed, by probe and time."""
        order = places[np.lexsort((self._columns.ms[places], self.sensors[places]))]
        return Faulty(self.sensors[order], self._columns.ms[order])


def _last_of_each(faults: Faulty) -> Faulty:
    is_last = np.ones(len(faults.sensor), dtype=np.bool_)
    is_last[:-1] = faults.sensor[1:] != faults.sensor[:-1]
    return Faulty(faults.sensor[is_last], faults.ms[is_last])
