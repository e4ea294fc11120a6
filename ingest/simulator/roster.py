"""The places, units and sensors of the two demo organizations, as plain data.

`manage.py seed_demo` makes rows of it and `manage.py simulate` plays it, so the two always agree. Nothing here touches
the database: names and serials are the only link.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoRule:
    """An alert rule that a demo unit has besides the default rules of its kind. Fields are those of the REST object."""

    name: str
    metric: str
    condition: str
    threshold: float
    severity: str
    delay_s: int
    hysteresis: float
    clear_delay_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoSensor:
    """One probe: what the platform knows of it (first five fields) and how it measures (the others)."""

    serial: str
    channel: str = "0"
    name: str
    model: str
    # A minute, so that one lost uplink doesn't make a sensor offline (three intervals do).
    expected_interval_s: int = 60
    sees: str = "air"  # air | bottle (a probe in a glycol bottle) | product
    humidity: bool = True
    door_contact: bool = False
    report_every_s: float | None = None  # how often it reports in the demo; None: as `simulate --interval` says
    battery_percent: float = 96.0
    signal_dbm: float = -78.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoUnit:
    name: str
    kind: str
    sensors: tuple[DemoSensor, ...]
    note: str = ""
    rules: tuple[DemoRule, ...] = ()
    traffic: float = 1.0  # door openings, as a multiple of what is usual for the kind
    show: bool = False  # the unit whose excursions a visitor sees within two minutes


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoArea:
    name: str
    units: tuple[DemoUnit, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoSite:
    """A place with one gateway, which posts the readings of all its sensors."""

    name: str
    kind: str
    timezone: str
    address: str
    gateway: str  # serial of the gateway
    areas: tuple[DemoArea, ...]

    @property
    def units(self) -> tuple[DemoUnit, ...]:
        return tuple(chain.from_iterable(area.units for area in self.areas))


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOrganization:
    slug: str
    name: str
    timezone: str
    sites: tuple[DemoSite, ...]

    @property
    def units(self) -> tuple[DemoUnit, ...]:
        return tuple(chain.from_iterable(site.units for site in self.sites))

    @property
    def sensors(self) -> Iterator[tuple[DemoUnit, DemoSensor]]:
        return ((unit, sensor) for unit in self.units for sensor in unit.sensors)


# Default rules wait 15 to 60 minutes of event time, as they must in a kitchen. A visitor doesn't, and readings carry
# honest times, so the show unit has rules of its own with delays of seconds; their names say what they are for.
SHOW_RULES = (
    DemoRule(
        name="Demo: counter fridge above 6 °C for 10 s",
        metric="temperature",
        condition="above",
        threshold=6.0,
        severity="warning",
        delay_s=10,
        hysteresis=0.5,
        clear_delay_s=10,
    ),
    DemoRule(
        name="Demo: counter fridge above 8 °C for 20 s",
        metric="temperature",
        condition="above",
        threshold=8.0,
        severity="critical",
        delay_s=20,
        hysteresis=1.0,
        clear_delay_s=10,
    ),
)

AIR = "Air probe T/RH"
BOTTLE = "Bottle probe"

HARBOR_KITCHEN = DemoSite(
    name="Harbor Street Kitchen",
    kind="restaurant",
    timezone="America/New_York",
    address="18 Harbor Street, Baltimore, MD",
    gateway="FT-GW-HSK",
    areas=(
        DemoArea(
            name="Cold store",
            units=(
                DemoUnit(
                    name="Walk-in cooler",
                    kind="walk_in_cooler",
                    sensors=(
                        DemoSensor(serial="FT-HSK-01", name="Cooler air, by the door", model=AIR, door_contact=True),
                        DemoSensor(
                            serial="FT-HSK-01",
                            channel="1",
                            name="Cooler bottle, middle shelf",
                            model=BOTTLE,
                            sees="bottle",
                            humidity=False,
                        ),
                    ),
                ),
                DemoUnit(
                    name="Walk-in freezer",
                    kind="walk_in_freezer",
                    sensors=(
                        DemoSensor(serial="FT-HSK-02", name="Freezer air", model=AIR, signal_dbm=-97.0),
                        DemoSensor(
                            serial="FT-HSK-02",
                            channel="1",
                            name="Freezer bottle, top shelf",
                            model=BOTTLE,
                            sees="bottle",
                            humidity=False,
                            signal_dbm=-97.0,
                        ),
                    ),
                ),
            ),
        ),
        DemoArea(
            name="Kitchen line",
            units=(
                DemoUnit(
                    name="Line fridge",
                    kind="reach_in_fridge",
                    sensors=(DemoSensor(serial="FT-HSK-03", name="Line fridge air", model=AIR, door_contact=True),),
                ),
                DemoUnit(
                    name="Sandwich prep table",
                    kind="prep_table",
                    sensors=(DemoSensor(serial="FT-HSK-04", name="Prep table rail", model=AIR, battery_percent=71.0),),
                ),
                DemoUnit(
                    name="Soup hot well",
                    kind="hot_holding",
                    sensors=(
                        DemoSensor(
                            serial="FT-HSK-05",
                            name="Soup, coldest corner",
                            model="Steel probe",
                            sees="product",
                            humidity=False,
                        ),
                    ),
                ),
            ),
        ),
        DemoArea(
            name="Counter",
            units=(
                DemoUnit(
                    name="Demo counter fridge",
                    kind="reach_in_fridge",
                    note="Simulated: somebody leaves its door open every few minutes, so that an alert can be watched.",
                    sensors=(
                        DemoSensor(
                            serial="FT-HSK-06",
                            name="Counter fridge air",
                            model=AIR,
                            door_contact=True,
                            report_every_s=5,
                        ),
                    ),
                    rules=SHOW_RULES,
                    traffic=0.0,
                    show=True,
                ),
                DemoUnit(
                    name="Dairy display case",
                    kind="display_case",
                    sensors=(DemoSensor(serial="FT-HSK-07", name="Case, entering air", model=AIR),),
                ),
            ),
        ),
    ),
)

RIVERSIDE_PHARMACY = DemoSite(
    name="Riverside Pharmacy",
    kind="pharmacy",
    timezone="America/Chicago",
    address="402 Riverside Drive, Memphis, TN",
    gateway="FT-GW-RSP",
    areas=(
        DemoArea(
            name="Dispensary",
            units=(
                DemoUnit(
                    name="Vaccine fridge",
                    kind="vaccine_fridge",
                    sensors=(
                        DemoSensor(
                            serial="FT-RSP-01",
                            name="Vaccine fridge bottle",
                            model=BOTTLE,
                            sees="bottle",
                            humidity=False,
                            battery_percent=88.0,
                        ),
                    ),
                ),
            ),
        ),
        DemoArea(
            name="Stock room",
            units=(
                DemoUnit(
                    name="Chest freezer",
                    kind="chest_freezer",
                    sensors=(DemoSensor(serial="FT-RSP-02", name="Chest freezer air", model=AIR, signal_dbm=-104.0),),
                ),
            ),
        ),
    ),
)

NORTH_PIER = DemoSite(
    name="North Pier Fish Hall",
    kind="grocery",
    timezone="Europe/Berlin",
    address="Nordpier 3, Hamburg",
    gateway="FT-GW-NPF",
    areas=(
        DemoArea(
            name="Hall",
            units=(
                DemoUnit(
                    name="Fish walk-in",
                    kind="walk_in_cooler",
                    sensors=(DemoSensor(serial="FT-NPF-01", name="Fish walk-in air", model=AIR),),
                ),
                DemoUnit(
                    name="Bait freezer",
                    kind="chest_freezer",
                    sensors=(DemoSensor(serial="FT-NPF-02", name="Bait freezer air", model=AIR),),
                ),
            ),
        ),
    ),
)

DEMO = DemoOrganization(
    slug="demo", name="Harbor Street Foods", timezone="America/New_York", sites=(HARBOR_KITCHEN, RIVERSIDE_PHARMACY)
)
DEMO_2 = DemoOrganization(slug="demo-2", name="North Pier Seafood", timezone="Europe/Berlin", sites=(NORTH_PIER,))

ORGANIZATIONS = (DEMO, DEMO_2)
