"""How much is measured. Every load is bounded in count and in time."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """One run of the bench."""

    repeats: int = 3
    connections: int = 32
    units: int = 100
    sensors: int = 200
    # Readings in a request -> requests that a connection sends in one load at most.
    shapes: dict[int, int] = field(default_factory=lambda: {1: 4000, 100: 200, 1000: 20})
    seconds: float = 2.0  # of load, for each shape and repeat
    warm_up_seconds: float = 0.3
    copy_rows: int = 50_000  # in one COPY at least: with fewer it would be its commit that is measured
    copy_seconds: float = 0.5  # of COPY at least, after each load
    lone_readings: int = 100
    alerts: int = 50
    requests: int = 50  # of each page
    day_of_readings: int = 1440  # one a minute
    organizations: int = 200  # beside each other, for the price of isolation
    units_each: int = 50
    rounds: int = 100  # of each list with walls and without, in turn


FULL = Sizes()
QUICK = Sizes(
    repeats=2,
    connections=4,
    units=4,
    sensors=8,
    shapes={1: 10, 100: 2},
    seconds=0.5,
    warm_up_seconds=0.1,
    copy_rows=500,
    copy_seconds=0.01,
    lone_readings=2,
    alerts=2,
    requests=3,
    day_of_readings=600,
    organizations=5,
    units_each=4,
    rounds=4,
)
