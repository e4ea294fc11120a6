"""How much is measured. Every load is bounded in count and in time."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One kind of load: readings in a request, and how many connections send them."""

    readings: int
    connections: int
    most: int  # requests that a connection sends in one load at most


SHAPES = (
    Shape(readings=1, connections=64, most=3000),
    Shape(readings=100, connections=16, most=800),
    Shape(readings=1000, connections=8, most=200),
)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """One run of the bench."""

    repeats: int = 3
    units: int = 667  # with one sensor or two
    sensors: int = 1000
    shapes: tuple[Shape, ...] = SHAPES
    seconds: float = 2.5  # of load, for each contestant, shape and repeat
    half_seconds: float = 2.5  # of load at half of that rate
    warm_up_seconds: float = 1.0
    copy_rows: int = 100_000  # in one COPY at least: with fewer it would be its commit that is measured
    copy_seconds: float = 0.5  # of COPY at least, after each load
    lone_readings: int = 100
    alerts: int = 50
    requests: int = 50  # of each page
    list_of_units: int = 100  # units on a page
    day_of_readings: int = 1440  # one a minute
    organizations: int = 200  # beside each other, for the price of isolation
    units_each: int = 50
    crowd_units: int = 100  # of the organization whose lists are measured
    rounds: int = 100  # of each list with walls and without, in turn
    small_rows: int = 1_000_000
    large_rows: int = 50_000_000
    year: int = 105_120  # readings of the sensors with the longest past: a year of one every five minutes
    growth_shapes: tuple[Shape, ...] = SHAPES[1:]
    summed_up: int = 20  # sensors with the longest past, whose hours and days are made
    screens: int = 20  # opened, for the newest of all sensors
    evaluation_shapes: tuple[Shape, ...] = SHAPES
    # Many short turns: a machine that others use, too, is slow for seconds, and that must not hit one side only.
    evaluation_turns: int = 16
    evaluation_seconds: float = 1.0
    remembered: int = 100_000  # sensors whose readings one process judges, for its memory
    passes: int = 6  # over all of them
    rush_rate: int = 200  # requests a second
    # One of so many opens an alert or resolves it: 216,000 alerts a day, if it went on.
    rush_every: int = 40
    rush_seconds: float = 30.0
    rush_units: int = 400  # whose alerts these are: none opens so often that people aren't told
    by_hand: int = 5  # times that plain SQL is run
    promised: int = 100_000  # messages for a channel that says yes at once
    urgent: int = 200  # of them one at a time
    slow_messages: int = 10_000  # for a provider that thinks for 50 ms
    bulk_jobs: int = 50_000  # that wait while urgent messages are promised
    bullmq_jobs: int = 50_000


FULL = Sizes()
# A look at everything while developing: numbers are of the right size, and noisy.
QUICK = Sizes(
    repeats=1,
    units=67,
    sensors=100,
    seconds=1.0,
    half_seconds=1.0,
    warm_up_seconds=0.5,
    copy_seconds=0.1,
    lone_readings=20,
    alerts=10,
    requests=20,
    organizations=20,
    units_each=20,
    crowd_units=40,
    list_of_units=50,
    rounds=20,
    small_rows=100_000,
    large_rows=5_000_000,
    summed_up=4,
    screens=5,
    promised=20_000,
    urgent=50,
    slow_messages=500,
    bulk_jobs=10_000,
    bullmq_jobs=20_000,
    evaluation_turns=4,
    evaluation_seconds=0.5,
    remembered=10_000,
    rush_seconds=5.0,
    rush_units=100,
)
# For the tests: numbers mean nothing.
TINY = Sizes(
    repeats=2,
    units=4,
    sensors=8,
    shapes=(Shape(readings=1, connections=4, most=10), Shape(readings=100, connections=2, most=2)),
    seconds=0.5,
    half_seconds=0.3,
    warm_up_seconds=0.1,
    copy_rows=500,
    copy_seconds=0.01,
    lone_readings=2,
    alerts=2,
    requests=3,
    list_of_units=4,
    day_of_readings=600,
    organizations=5,
    units_each=4,
    crowd_units=4,
    rounds=4,
    small_rows=400,
    large_rows=12_000,
    year=3_000,
    growth_shapes=(Shape(readings=100, connections=2, most=2),),
    summed_up=2,
    screens=2,
    evaluation_shapes=(Shape(readings=100, connections=2, most=2),),
    evaluation_turns=2,
    evaluation_seconds=0.5,
    remembered=200,
    passes=2,
    rush_rate=40,
    rush_every=2,
    rush_seconds=0.5,
    rush_units=4,
    by_hand=1,
    promised=300,
    urgent=3,
    slow_messages=20,
    bulk_jobs=30,
    bullmq_jobs=100,
)
