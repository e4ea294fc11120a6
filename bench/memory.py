"""What an ingest process remembers of the sensors whose readings it judges: its memory as there are more and more.

One process, fresh, in a house that judges. First the fleet, then a hundred times as many sensors in organizations'
units with the default rules of their kinds, again and again: what is remembered is bounded by their number, and nothing
grows from one pass to the next. Each of the two writers remembers for itself, so it takes a few passes until both have
met every sensor.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

from bench import machine
from bench.contestants import Contestant, pulses_of
from bench.evaluation import troubled
from bench.fleet import KINDS, Fleet
from bench.house import House
from bench.ingest import contestant_of
from bench.load import saturate
from bench.sizes import Sizes

READINGS, CONNECTIONS = 1000, 8
PATIENCE_S = 50.0
# Copies of the first units and sensors of the fleet, in turn: two units of three have one sensor, the others two.
UNITS = """
INSERT INTO sensors_unit SELECT made.*
FROM generate_series(0, %(units)s::integer - 1) n
JOIN sensors_unit u ON u.id = (%(from)s::uuid[])[n %% %(kinds)s::integer + 1],
jsonb_populate_record(u, jsonb_build_object('id', md5('remembered unit ' || n), 'name', 'Remembered ' || n)) made
"""
SENSORS = """
INSERT INTO sensors_sensor SELECT made.*
FROM generate_series(0, %(sensors)s::integer - 1) n
JOIN sensors_sensor s ON s.public_id = (%(from)s::uuid[])[1],
jsonb_populate_record(s, jsonb_build_object(
  'id', nextval(pg_get_serial_sequence('sensors_sensor', 'id')), 'public_id', gen_random_uuid(),
  'serial', 'MANY-' || n, 'name', 'Remembered ' || n, 'unit_id', md5('remembered unit ' || n %% %(units)s::integer),
  'last_reading_at', NULL, 'status', 'offline')) made
"""
ACTIVE = "SELECT count(*) FROM alerts_rulestate WHERE active"


class MemoryBench:
    """One house with rules, whose first door was used already: it gets another."""

    def __init__(self, house: House, fleet: Fleet, sizes: Sizes) -> None:
        self._house = house
        self._sizes = sizes
        house.open_doors(len(house.doors) + 1)
        self._pid = house.doors[-1].pid
        self._few = replace(contestant_of(house, fleet, name="few", doors=1), ports=[house.doors[-1].port])
        # The fleet's sensors have said something in the loads already; this is later.
        for pulse in self._few.pulses:
            pulse.clock += 12 * 3600
        self._many = replace(self._few, pulses=self._make(fleet))

    async def measure(self) -> dict[str, Any]:
        """Megabytes after the fleet, and after each pass over the many."""
        fresh = machine.memory_mb(self._pid)
        for _ in range(self._sizes.passes):
            await self._say(self._few)
        few = machine.memory_mb(self._pid)
        passes = []
        for _ in range(self._sizes.passes):
            await self._say(self._many)
            passes.append(round(machine.memory_mb(self._pid), 1))
        with self._house.database() as database:
            row = database.execute(ACTIVE).fetchone()
        assert row is not None
        return {
            "sensors": len(self._many.pulses),
            "few": len(self._few.pulses),
            "fresh_mb": round(fresh, 1),
            "few_mb": round(few, 1),
            "passes_mb": passes,
            "states": int(row[0]),
        }

    async def _say(self, contestant: Contestant) -> None:
        """A reading of every sensor, at least."""
        each = ceil(len(contestant.pulses) / CONNECTIONS)
        readings = min(READINGS, each)
        count = ceil(each / readings)
        prepared = contestant.prepare(connections=CONNECTIONS, readings=readings, count=count)
        await saturate(prepared, PATIENCE_S)

    def _make(self, fleet: Fleet) -> list[Any]:
        """The many, in a few seconds."""
        sensors, kinds = self._sizes.remembered, list(KINDS.values())
        units = sensors * 2 // 3
        with self._house.database() as database:
            database.execute("SET session_replication_role = replica")  # the change log has nothing to tell of them
            values = {"sensors": sensors, "units": units, "kinds": len(kinds)}
            database.execute(UNITS, values | {"from": [probe.unit for probe in fleet.probes[: len(kinds)]]})
            database.execute(SENSORS, values | {"from": [fleet.probes[0].id]})
            database.execute("VACUUM (ANALYZE) sensors_unit, sensors_sensor")
        return troubled(
            pulses_of(
                [f'"MANY-{number}"' for number in range(sensors)],
                [
                    (usual, warm if number % 10 == 0 else None)
                    for number in range(sensors)
                    for usual, warm in [kinds[number % units % len(kinds)]]
                ],
                fleet.start,
                places=[str(number % units) for number in range(sensors)],
            )
        )
