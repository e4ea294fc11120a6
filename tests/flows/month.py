"""A month of three small sites, the same in each run: what was measured, and the parcels in which gateways bring it.

The simulator's units live through thirty days on a calendar of their own, with failures, defrosts and open doors. Then
all times are moved so that the month ends in a few minutes, and the opening hours with them. Gateways bring it as they
do: in parcels of some hours, sometimes cut off and late with a backlog, with repeats, contradictions and broken probes.
Nothing here asks a clock or the database, so who makes the same month twice gets the same bytes.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Final, NamedTuple

from msgspec.structs import replace

from ingest.posting import Reading
from ingest.simulator.cabinets import CABINETS
from ingest.simulator.model import LONGEST_STEP_S, Excursion, Span, Unit, stream
from ingest.simulator.probes import PROBE_FAULT_VALUE, Probe
from ingest.simulator.roster import DemoArea, DemoSensor, DemoSite, DemoUnit

SEED: Final = 5
DAYS: Final = 30
INTERVAL: Final = timedelta(minutes=7, seconds=30)
HOUR: Final = timedelta(hours=1)
# It begins and ends at noon, when shops are open: warnings are told in opening hours only.
BEGIN: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
END: Final = BEGIN + timedelta(days=DAYS)
# The last day comes in one parcel. Until then each newest reading is older than a day when it comes: that is an import
# (contract: "Meaning"), and nobody waits for a sensor that only imports. So what the sweep sees of silence by our own
# clock doesn't hang on how fast the month was sent. The minutes are for that clock, which goes on meanwhile.
LAST_PARCEL: Final = END - timedelta(hours=24, minutes=30)
WARM_UP: Final = 6 * HOUR


def _sensor(serial: str, channel: str = "0", *, sees: str = "air", door: bool = False) -> DemoSensor:
    return DemoSensor(
        serial=serial,
        channel=channel,
        name=f"{serial}/{channel}",
        model="Probe",
        expected_interval_s=int(INTERVAL.total_seconds()),
        sees=sees,
        humidity=sees == "air",
        door_contact=door,
    )


def _site(name: str, gateway: str, *units: DemoUnit) -> DemoSite:
    area = DemoArea(name="All of it", units=units)
    return DemoSite(name=name, kind="restaurant", timezone="UTC", address="", gateway=gateway, areas=(area,))


COLD_ROOM: Final = DemoUnit(
    name="Cold room",
    kind="walk_in_cooler",
    sensors=(_sensor("COLD", door=True), _sensor("COLD", "1", sees="bottle")),
)
DEEP: Final = DemoUnit(
    name="Deep freezer", kind="walk_in_freezer", sensors=(_sensor("DEEP"), _sensor("DEEP", "1", sees="bottle"))
)
FRIDGE: Final = DemoUnit(name="Line fridge", kind="reach_in_fridge", sensors=(_sensor("FRIDGE", door=True),))
VACCINES: Final = DemoUnit(name="Vaccines", kind="vaccine_fridge", sensors=(_sensor("VACCINE", sees="bottle"),))
SOUP: Final = DemoUnit(name="Soup", kind="hot_holding", sensors=(_sensor("SOUP", sees="product"),))
CASE: Final = DemoUnit(
    name="Dairy case", kind="display_case", sensors=(_sensor("CASE"), _sensor("CASE", "1", sees="bottle"))
)

KITCHEN: Final = _site("Kitchen", "GW-KITCHEN", COLD_ROOM, DEEP, FRIDGE)
CLINIC: Final = _site("Clinic", "GW-CLINIC", VACCINES, SOUP)
MARKET: Final = _site("Market", "GW-MARKET", CASE)
# By organization: the Market is somebody else's.
ORGANIZATIONS: Final[dict[str, tuple[DemoSite, ...]]] = {"north": (KITCHEN, CLINIC), "south": (MARKET,)}
SITES: Final = [site for sites in ORGANIZATIONS.values() for site in sites]
OPENING: Final = (timedelta(hours=6), timedelta(hours=22))

# What goes wrong besides chance: hours from the beginning or, if negative, before the end; and for how long.
_STAGED: Final[tuple[tuple[DemoUnit, Excursion, float, float], ...]] = (
    (COLD_ROOM, Excursion.COMPRESSOR_FAILURE, -5.0, 6.0),  # lasts at the end, under a mute
    (VACCINES, Excursion.POWER_CUT, -4.5, 6.0),  # lasts at the end
    (COLD_ROOM, Excursion.COMPRESSOR_FAILURE, 286.0, 4.0),  # begins before its gateway is cut off, ends unseen
    (DEEP, Excursion.POWER_CUT, 290.0, 5.0),  # happens while it is cut off
    (FRIDGE, Excursion.COMPRESSOR_FAILURE, 305.0, 5.0),  # is going on when it is back
    (FRIDGE, Excursion.PROBE_FAULT, 100.0, 3.0),
    (FRIDGE, Excursion.PROBE_FAULT, 100.0 + 3.5, 0.5),
    (CASE, Excursion.PROBE_FAULT, 400.0, 7.0),
    (FRIDGE, Excursion.PROBE_FAULT, -2.0, 3.0),  # its last word
)
# Failures by chance of each unit, and what of them there is to choose from.
_FAILURES: Final = 9
_KINDS: Final = (Excursion.COMPRESSOR_FAILURE, Excursion.POWER_CUT, Excursion.DOOR_LEFT_OPEN)
# When gateways are cut off: hours from the beginning, and for how long. The backlog comes when they are back.
_CUT_OFF: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    KITCHEN.gateway: ((120.0, 5.0), (288.0, 20.0), (500.0, 9.0)),
    CLINIC.gateway: ((60.0, 3.0), (330.0, 30.0)),
    MARKET.gateway: ((200.0, 12.0), (410.0, 7.0), (600.0, 6.0)),
}
# Who says nothing any more, and since when: hours before the end. The whole Market: its gateway died.
_DEAD: Final = {("DEEP", "1"): 6.0, ("CASE", "0"): 3.0, ("CASE", "1"): 3.0}
# Sensors of which no good reading has come for longer than every rule waits; each has a warning and a critical one.
SILENT_SENSORS: Final = len(_DEAD) + 1  # and the fridge's, which only says that it is broken
SILENT_GATEWAYS: Final = 1

# Somebody takes the vaccines' bottle into the hand, twice within a quarter of an hour; that it was cold in between is
# heard late. So an alert opened that never should have. Hours from the beginning, and what the probe says then.
_HANDS: Final = (50.0, 261.0, 452.0)
_HANDLED: Final = (9.0, 5.0, 9.0, 5.0)
_HEARD_LATE: Final = 1
_LATE: Final = 0.0006  # of the readings come some hours after the others
_REPEATED: Final = 0.15  # of the parcels
_CONTRADICTED: Final = 0.08  # of the parcels


class Month(NamedTuple):
    """Everything that is sent: by gateway its parcels, in the order in which they are sent."""

    parcels: dict[str, list[list[Reading]]]

    @property
    def good(self) -> dict[tuple[str, str, datetime], Reading]:
        """What is stored in the end, by sensor, channel and time: the first of each, without what is broken."""
        found: dict[tuple[str, str, datetime], Reading] = {}
        for reading in (one for parcels in self.parcels.values() for parcel in parcels for one in parcel):
            if reading.temperature != PROBE_FAULT_VALUE:
                found.setdefault((reading.sensor, reading.channel, reading.recorded_at), reading)
        return found


@dataclass
class Simulation:
    """Units that live through their month in processes of their own, while the caller does something else."""

    pool: ProcessPoolExecutor
    lives: dict[str, list[Future[list[Reading]]]]

    @classmethod
    def begin(cls) -> Simulation:
        """Let them begin."""
        pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        lives = {site.gateway: [pool.submit(live, unit) for unit in site.units] for site in SITES}
        return cls(pool, lives)

    def month(self, *, ends_at: datetime) -> Month:
        """The month, moved so that it ends then. Waits until they have lived it."""
        shift = ends_at - END
        parcels = {}
        for gateway, lives in self.lives.items():
            readings = [reading for life in lives for reading in life.result()]
            readings.sort(key=lambda reading: (reading.recorded_at, reading.sensor, reading.channel))
            sent = _parcels(gateway, readings)
            parcels[gateway] = [
                [replace(reading, recorded_at=reading.recorded_at + shift) for reading in parcel] for parcel in sent
            ]
        self.pool.shutdown()
        return Month(parcels)


def live(plan: DemoUnit) -> list[Reading]:
    """What the probes of one unit report in the month."""
    unit = Unit(CABINETS[plan.kind], seed=f"{SEED}/{plan.name}", start=BEGIN - WARM_UP)
    probes = [Probe(sensor, seed=f"{SEED}/{plan.name}", first=unit.sample()) for sensor in plan.sensors]
    for span in _spans(plan):
        if span.kind is Excursion.PROBE_FAULT:
            for probe in probes:
                probe.suffer(span)
        else:
            unit.suffer(span)
    handled = _handled(plan)
    readings: list[Reading] = []
    at = BEGIN + _phase(plan)
    while at <= END:
        sample = unit.advance(to=at, step_s=LONGEST_STEP_S)
        for probe in probes:
            probe.feel(sample)
            reading = probe.report()
            while reading is None and (at > END - HOUR or at in handled):
                reading = probe.report()  # who is alive at the end is heard
            if reading is not None and at <= _dies_at(probe.sensor):
                readings.append(replace(reading, temperature=handled.get(at, reading.temperature)))
        at += INTERVAL
    return readings


def _phase(plan: DemoUnit) -> timedelta:
    """Units don't report at the same moment."""
    return timedelta(seconds=stream(SEED, plan.name).randrange(int(INTERVAL.total_seconds())))


def _handled(plan: DemoUnit) -> dict[datetime, float]:
    """What its probe says while somebody has the bottle in the hand."""
    if plan.name != VACCINES.name:
        return {}
    starts = [BEGIN + _phase(plan) + round(hours * HOUR / INTERVAL) * INTERVAL for hours in _HANDS]
    return {start + number * INTERVAL: value for start in starts for number, value in enumerate(_HANDLED)}


def _heard_late() -> set[tuple[str, datetime]]:
    moments = list(_handled(VACCINES))[_HEARD_LATE :: len(_HANDLED)]
    return {(sensor.serial, moment) for sensor in VACCINES.sensors for moment in moments}


def _dies_at(sensor: DemoSensor) -> datetime:
    return END - _DEAD.get((sensor.serial, sensor.channel), 0.0) * HOUR


def _spans(plan: DemoUnit) -> Iterator[Span]:
    for unit, kind, hours, length in _STAGED:
        if unit.name == plan.name:
            start = (BEGIN if hours >= 0 else END) + hours * HOUR
            yield Span(kind=kind, start=start, end=start + length * HOUR)
    chance = stream(SEED, f"failures of {plan.name}")
    for _ in range(_FAILURES):
        # None on the last two days: when something was over a day ago hangs on our clock (telling.NEWS_FOR).
        start = BEGIN + chance.uniform(5.0, (DAYS - 2) * 24 - 8) * HOUR
        kind = chance.choice(_KINDS)
        length = chance.uniform(0.4, 1.6) if kind is Excursion.DOOR_LEFT_OPEN else chance.uniform(1.5, 7.0)
        yield Span(kind=kind, start=start, end=start + length * HOUR)


# --- how it is sent ---------------------------------------------------------------------------------------------------


def _parcels(gateway: str, readings: Sequence[Reading]) -> list[list[Reading]]:
    """In the order in which they are sent. `readings` are all of the gateway's, in order of their times."""
    chance = stream(SEED, f"parcels of {gateway}")
    cuts = [(BEGIN + start * HOUR, BEGIN + (start + length) * HOUR) for start, length in _CUT_OFF[gateway]]
    ends = list(_ends(chance))
    waiting: list[list[Reading]] = [[] for _ in range(len(ends) + 1)]  # the last is what comes after all the others
    backlogs: dict[datetime, list[Reading]] = {back: [] for _, back in cuts}
    heard_late = _heard_late()
    for reading in readings:
        number = bisect_right(ends, reading.recorded_at - timedelta(milliseconds=1))
        back = next((back for away, back in cuts if away <= reading.recorded_at < back), None)
        if back is not None:
            backlogs[back].append(reading)
        elif (reading.sensor, reading.recorded_at) in heard_late or (
            chance.random() < _LATE and reading.recorded_at < END - 7 * HOUR
        ):
            waiting[min(number + chance.randrange(1, 4), len(ends))].append(reading)
        else:
            waiting[number].append(reading)
    sent: list[list[Reading]] = []
    for end, parcel in zip([*ends, END], waiting, strict=True):
        if parcel:
            sent.append(_with_disturbances(parcel, sent, chance))
        for back in [back for back in backlogs if back + 2 * HOUR <= end]:
            sent += _backlog(backlogs.pop(back), chance)
        if sent and chance.random() < _REPEATED:
            sent.append(list(chance.choice(sent[-5:])))
    return sent


def _ends(chance: random.Random) -> Iterator[datetime]:
    """Until when each parcel reaches."""
    at = BEGIN
    while (at := at + chance.uniform(1.0, 14.0) * HOUR) < LAST_PARCEL - HOUR:
        yield at
    yield LAST_PARCEL
    yield END


def _backlog(readings: list[Reading], chance: random.Random) -> list[list[Reading]]:
    """Some devices send the oldest first, some the newest."""
    size = max(1, len(readings) // chance.randrange(2, 6))
    parts = [readings[start : start + size] for start in range(0, len(readings), size)]
    return parts if chance.random() < 0.5 else parts[::-1]


def _with_disturbances(parcel: list[Reading], sent: list[list[Reading]], chance: random.Random) -> list[Reading]:
    """With what was sent before, and something else than was said before: that comes last, and is refused."""
    if not sent:
        return parcel
    earlier = [one for one in chance.choice(sent[-8:]) if one.temperature not in (None, PROBE_FAULT_VALUE)]
    parcel = list(parcel)
    if earlier and chance.random() < _REPEATED:
        parcel += chance.sample(earlier, min(len(earlier), 5))
    if earlier and chance.random() < _CONTRADICTED:
        one = chance.choice(earlier)
        parcel.append(replace(one, temperature=(one.temperature or 0.0) + 20.0))
    return parcel


def opening_hours(*, ends_at: datetime) -> dict[str, list[tuple[str, str]]]:
    """The hours of every day, moved as the month is that ends at this whole minute."""
    day = timedelta(days=1)
    opens, closes = ((clock + (ends_at - END)) % day for clock in OPENING)
    spans = [(opens, closes)] if opens < closes else [(timedelta(0), closes), (opens, day)]
    spelled = [(_spelled(begin), _spelled(end)) for begin, end in spans if begin < end]
    return {weekday: spelled for weekday in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def _spelled(clock: timedelta) -> str:
    minutes = int(clock.total_seconds()) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"
