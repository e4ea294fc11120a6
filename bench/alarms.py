"""How often alarms cry wolf, and what they sleep through: a bare threshold, one with a delay, and our default rules.

All three are judged by alerts/evaluation, as live readings are. What is judged comes from the simulator, which knows
the truth (a month of a unit of each kind, with defrosts, doors, deliveries, failures), and from recordings of real
devices where they are at hand. Run it with `python -m bench.scoreboard`; docs/defrost.md explains what comes out.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from alerts.evaluation import Incident, Point, Terms, product, replay
from alerts.models import Condition, Metric, Severity
from alerts.past import defrost
from alerts.profiles import PROFILES, product_tau_s
from ingest import recordings
from ingest.simulator.cabinets import CABINETS, Cabinet
from ingest.simulator.model import Excursion, Span, Unit
from ingest.simulator.probes import Probe
from ingest.simulator.roster import DemoSensor
from ingest.simulator.site import WARM_UP

REPORT_S: Final = 300.0  # domain: sampling default for food
STEP_S: Final = 30.0
GAP_S: Final = 900.0
MONTH: Final = 30
START: Final = datetime(2026, 7, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)

# What the law says of a kind, and so what people put into a thermometer with an alarm. Coolers: FDA Food Code 2022,
# 3-501.16(A)(2). Freezers: it sets no number; -18 °C is the EU's for quick-frozen food. Vaccines: CDC. Hot food:
# 3-501.16(A)(1).
LEGAL: Final[dict[str, list[tuple[str, float]]]] = {
    "walk_in_cooler": [("above", 5.0)],
    "reach_in_fridge": [("above", 5.0)],
    "prep_table": [("above", 5.0)],
    "display_case": [("above", 5.0)],
    "walk_in_freezer": [("above", -18.0)],
    "chest_freezer": [("above", -18.0)],
    "vaccine_fridge": [("above", 8.0), ("below", 2.0)],
    "hot_holding": [("below", 57.0)],
}
# The delay that thermometers with alarms usually offer, and that of our own warnings on coolers.
DELAY_S: Final = 1800.0

# When the food itself is too warm (too cold, in hot holding), of which only the simulator knows the temperature. Frozen
# food: as in our class table, since the law sets no number.
SPOILT: Final[dict[str, tuple[str, float]]] = {
    **{kind: terms[0] for kind, terms in LEGAL.items()},
    "walk_in_freezer": ("above", -12.0),
    "chest_freezer": ("above", -10.0),
}
# A failure that nobody notices lasts until the food is lost: a night for a cooler, a day and more for a freezer, whose
# goods hold it.
FAILURE: Final = {"walk_in_freezer": 26 * HOUR, "chest_freezer": 26 * HOUR, "hot_holding": 4 * HOUR}
SEES: Final = {"vaccine_fridge": "bottle", "hot_holding": "product"}


class Episode(NamedTuple):
    """Something truly went wrong: an alarm from `start` until `end` is a true one. Seconds since 1970.

    `spoilt_at`: when the food was too warm, if that is known. Where food stayed cold an episode may be told, and
    needn't be: `must`.
    """

    what: str
    start: float
    end: float
    must: bool
    spoilt_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What was measured, and the truth of it."""

    name: str
    kind: str
    points: list[Point]
    episodes: list[Episode]
    defrosts: list[tuple[float, float]] = field(default_factory=list)
    openings: int = 0
    legal: list[tuple[str, float]]

    @property
    def days(self) -> float:
        return (self.points[-1].at - self.points[0].at) / 86_400


# --- the simulator's months -------------------------------------------------------------------------------------------


def plan_of(kind: str, *, start: datetime = START) -> list[Span]:
    """What goes wrong in a month: two doors left open, a compressor that fails twice, a power cut."""
    length = FAILURE.get(kind, 7 * HOUR)
    wrong = (
        (Excursion.DOOR_LEFT_OPEN, 4, 14.2, timedelta(minutes=40)),
        (Excursion.COMPRESSOR_FAILURE, 8, 2.3, length),
        (Excursion.DOOR_LEFT_OPEN, 13, 11.5, timedelta(minutes=90)),
        (Excursion.POWER_CUT, 18, 18.7, length),
        (Excursion.COMPRESSOR_FAILURE, 24, 8.1, length),
    )
    moments = [(what, start + timedelta(days=day, hours=hour), length) for what, day, hour, length in wrong]
    return [Span(kind=what, start=at, end=at + length) for what, at, length in moments]


def lived(
    kind: str,
    *,
    days: float,
    plan: Sequence[Span],
    seed: str = "1",
    start: datetime = START,
    cabinet: Cabinet | None = None,
    name: str = "",
) -> Run:
    """A unit of a kind as its probe saw it, a reading every five minutes; and what truly happened."""
    unit = Unit(cabinet or CABINETS[kind], seed=f"{seed}/{kind}", start=start - WARM_UP, spans=plan)
    first = unit.advance(to=start, step_s=STEP_S)
    sensor = DemoSensor(serial=kind, name="", model="", sees=SEES.get(kind, "air"), expected_interval_s=300)
    probe = Probe(sensor, seed=f"{seed}/{kind}", first=first)
    truth = _Truth(kind)
    points, openings, was_open = [], 0, False
    for number in range(1, int(days * 86_400 / STEP_S) + 1):
        sample = unit.advance(to=start + timedelta(seconds=number * STEP_S), step_s=STEP_S)
        probe.feel(sample)
        truth.see(sample.at.timestamp(), sample.excursion, sample.product, defrosting=sample.defrosting)
        openings += sample.door_open and not was_open
        was_open = sample.door_open
        if number % round(REPORT_S / STEP_S) == 0 and (reading := probe.report()) and reading.temperature is not None:
            points.append(Point(sample.at.timestamp(), 1, reading.temperature, GAP_S))
    truth.see(points[-1].at + 1, None, None, defrosting=False)
    return Run(
        name=name or kind,
        kind=kind,
        points=points,
        episodes=truth.episodes,
        defrosts=truth.defrosts,
        openings=openings,
        legal=LEGAL[kind],
    )


# Defrosts that only the fail-safe ends, in minutes: the trade says 20 to 40, and 60 for freezers.
LONG_DEFROSTS: Final = {"walk_in_cooler": 40, "reach_in_fridge": 40, "walk_in_freezer": 60}


def with_long_defrosts(kind: str) -> Cabinet:
    """A unit whose defrosts nothing ends but the fail-safe."""
    usual = CABINETS[kind].defrost
    assert usual is not None
    return replace(CABINETS[kind], defrost=replace(usual, longest_s=LONG_DEFROSTS[kind] * 60.0, end_coil=math.inf))


class _Truth:
    """Collects what the simulator knows. An episode lasts until the unit has recovered and the food, too."""

    def __init__(self, kind: str) -> None:
        self.episodes: list[Episode] = []
        self.defrosts: list[tuple[float, float]] = []
        condition, self._limit = SPOILT[kind]
        self._sign = 1 if condition == "above" else -1
        self._episode: Episode | None = None
        self._defrost: float | None = None

    def see(self, at: float, excursion: Excursion | None, food: float | None, *, defrosting: bool) -> None:
        """One moment; the last one with no food closes what is open."""
        spoilt = food is not None and self._sign * (food - self._limit) > 0
        if self._episode is None and excursion is not None:
            self._episode = Episode(excursion.value, at, at, must=False)
        elif self._episode is not None:
            if spoilt and self._episode.spoilt_at is None:
                self._episode = self._episode._replace(must=True, spoilt_at=at)
            if excursion is None and not spoilt:
                self.episodes.append(self._episode._replace(end=at))
                self._episode = None
        if defrosting and self._defrost is None:
            self._defrost = at
        elif not defrosting and self._defrost is not None:
            self.defrosts.append((self._defrost, at))
            self._defrost = None


# --- recordings -------------------------------------------------------------------------------------------------------


class Recorded(NamedTuple):
    """A file, what was recorded, and what is known to have gone wrong: (what, from, to), in the file's own clock."""

    file: str
    name: str
    kind: str
    episodes: Sequence[tuple[str, str, str]]
    column: str | None = None
    fahrenheit: bool = False
    legal: Sequence[tuple[str, float]] | None = None


RECORDED: Final = (
    # Certified loggers. What was out of limits, and since when, is their own verdict at the end of the export.
    Recorded(
        "berlinger/berlinger_QTag-CLm-doc-LR_RCPJ00010_02_202211090128.log.csv",
        "vaccine box, then taken out",
        "vaccine_fridge",
        [
            ("too cold: the logger alarmed at 07:34", "2022-11-08T05:51", "2022-11-08T21:45"),
            ("taken out: the logger alarmed at 22:20", "2022-11-08T21:50", "2022-11-09T01:28"),
        ],
    ),
    Recorded(
        "berlinger/berlinger_QTag-CLm-doc-LR_RCPJ00010_03_202304201359.log.csv",
        "vaccine box, never cold",
        "vaccine_fridge",
        [("too warm: the logger alarmed at 16:03", "2023-04-17T15:23", "2023-04-20T13:59")],
    ),
    # A freezer that is opened and never fails, and a fridge of a household. Nothing went wrong in either.
    Recorded(
        "berlinger/berlinger_FridgeTag-UL_100800001215_202304201410.log.csv", "chest freezer", "chest_freezer", []
    ),
    Recorded("ruuvi/ruuvi-plots__fridge.csv", "household fridge", "reach_in_fridge", []),
    # No cold store but a machine that should stay warm, with four labelled failures in eleven weeks. Below 60 °F it is
    # colder than on nearly all days.
    Recorded(
        "nab/NAB__machine_temperature_system_failure.csv",
        "machine that should stay warm",
        "",
        [
            ("labelled", "2013-12-10T06:25", "2013-12-12T05:35"),
            ("labelled", "2013-12-15T17:50", "2013-12-17T17:00"),
            ("labelled", "2014-01-27T14:20", "2014-01-29T13:30"),
            ("labelled", "2014-02-07T14:55", "2014-02-09T14:05"),
        ],
        column="value",
        fahrenheit=True,
        legal=[("below", 15.6)],
    ),
)


def folder_of_recordings() -> Path | None:
    """Where recordings are: what RECORDINGS says, or beside the checkout; None where there are none."""
    named = os.environ.get("RECORDINGS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data" / "timeseries"
    return folder if folder.is_dir() else None


def recorded(folder: Path) -> Iterator[Run]:
    """Each recording that is there."""
    for one in RECORDED:
        path = folder / one.file
        if not path.is_file():
            continue
        wishes = recordings.Wishes(column=one.column, timezone=UTC, fahrenheit=one.fahrenheit)
        rows = recordings.read(path.read_bytes(), wishes=wishes).rows
        yield Run(
            name=one.name,
            kind=one.kind,
            points=[Point(row.recorded_at.timestamp(), 1, row.temperature, GAP_S) for row in rows],
            episodes=[Episode(what, _at(begin), _at(end), must=True) for what, begin, end in one.episodes],
            legal=list(one.legal or LEGAL[one.kind]),
        )


def _at(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


# --- who is compared --------------------------------------------------------------------------------------------------


def bare(run: Run) -> list[Incident]:
    """The legal limit on air, and at once."""
    return _told(run.points, [Terms(condition, limit, 0, 0, 0) for condition, limit in run.legal])  # type: ignore[arg-type]


def delayed(run: Run) -> list[Incident]:
    """The same after half an hour, with the hysteresis that our rules of the kind have."""
    hysteresis = PROFILES[run.kind].hysteresis if run.kind else 1.0
    return _told(run.points, [Terms(condition, limit, DELAY_S, hysteresis, 0) for condition, limit in run.legal])  # type: ignore[arg-type]


def everything(run: Run) -> list[Incident]:
    """Our default rules of the kind, warnings too. Each rule has its own alerts."""
    return sorted(critical(run) + _ours(run, {Severity.WARNING, Severity.INFO}), key=lambda one: one.opened_at)


def patient(run: Run) -> list[Incident]:
    """The same, but nobody is told of a warning on air while a defrost that was due may explain it."""
    told = critical(run)
    for one in _ours(run, {Severity.WARNING, Severity.INFO}):
        wait = _awaited(run, one)
        if wait is None:
            told.append(one)
        elif one.resolved_at is None or one.resolved_at > wait:
            told.append(one._replace(opened_at=max(one.opened_at, wait)))
    return sorted(told, key=lambda one: one.opened_at)


def _awaited(run: Run, one: Incident) -> float | None:
    """Until when a defrost may explain a warning, as far as was known when it opened."""
    places = [bisect_left(run.points, moment, key=lambda point: point.at) for moment in _week_before(one.opened_at)]
    known = run.points[slice(*places)]
    at, value = (np.array(column) for column in zip(*((p.at, p.value) for p in known), strict=True))
    found = defrost.expected(at, value, gap_s=GAP_S)
    return None if found is None else found.until


def _week_before(moment: float) -> tuple[float, float]:
    return moment - 7 * 86_400, moment + 0.001


def critical(run: Run) -> list[Incident]:
    """Our default rules of the kind that wake people: on the product's temperature, and hard limits on air."""
    return _ours(run, {Severity.CRITICAL})


CONTESTANTS: Final[dict[str, Callable[[Run], list[Incident]]]] = {
    "threshold": bare,
    "with delay": delayed,
    "ours, critical": critical,
    "ours, all": everything,
    "ours, patient": patient,
}


def _ours(run: Run, severities: set[Severity]) -> list[Incident]:
    incidents: list[Incident] = []
    for severity, metric, terms in _rules(run):
        if severity in severities:
            points = run.points
            if metric == Metric.PRODUCT_TEMPERATURE:
                points = product(points, product_tau_s(run.kind) if run.kind else MACHINE_TAU_S)
            incidents += _told(points, [terms])
    return sorted(incidents, key=lambda one: one.opened_at)


# The pattern of our defaults for what is none of our kinds: warning on air, critical on what follows it, hard limit.
MACHINE_TAU_S: Final = 2700.0
_MACHINE: Final = (
    (Severity.WARNING, Metric.TEMPERATURE, Terms("below", 15.6, 1800, 1.0, 0)),
    (Severity.CRITICAL, Metric.PRODUCT_TEMPERATURE, Terms("below", 15.6, 1800, 1.0, 0)),
    (Severity.CRITICAL, Metric.TEMPERATURE, Terms("below", 10.6, 900, 1.0, 0)),
)


def _rules(run: Run) -> Iterator[tuple[Severity, Metric, Terms]]:
    if not run.kind:
        yield from _MACHINE
        return
    profile = PROFILES[run.kind]
    for rule in profile.rules:
        metric = Metric(rule.metric)
        # Silence and faults are another matter: nothing here is silent or torn.
        if rule.condition in (Condition.ABOVE, Condition.BELOW) and metric in (
            Metric.TEMPERATURE,
            Metric.PRODUCT_TEMPERATURE,
        ):
            assert rule.threshold is not None
            yield (
                Severity(rule.severity),
                metric,
                Terms(rule.condition.value, rule.threshold, rule.delay_s, profile.hysteresis, 0),
            )


def _told(points: Sequence[Point], several: Sequence[Terms]) -> list[Incident]:
    return [incident for terms in several for incident in replay(terms, points)[1]]


# --- the score --------------------------------------------------------------------------------------------------------


@dataclass
class Score:
    """What alarms were worth in a run. Times in minutes."""

    told: int = 0
    false: int = 0
    in_defrost: int = 0  # of the false ones: those that a defrost caused
    needed: int = 0  # episodes that must be told
    missed: int = 0  # of them: those that nobody was told of
    after: list[float] = field(default_factory=list)  # from the begin of each that was told
    ahead: list[float] = field(default_factory=list)  # before its food was lost; negative: too late

    def as_row(self) -> dict[str, Any]:
        """For results.json."""
        return {
            "told": self.told,
            "false": self.false,
            "in_defrost": self.in_defrost,
            "needed": self.needed,
            "missed": self.missed,
            "minutes_after": [round(minutes) for minutes in self.after],
            "minutes_ahead": [round(minutes) for minutes in self.ahead],
        }


def score(run: Run, incidents: Sequence[Incident]) -> Score:
    """Compare what was told with what was true.

    An alarm is true if its breach began, or it opened, while something was wrong. An episode was told if an alarm was
    open while it lasted.
    """
    result = Score(told=len(incidents))
    for one in incidents:
        if not any(e.start <= one.opened_at <= e.end or e.start <= one.started_at <= e.end for e in run.episodes):
            result.false += 1
            result.in_defrost += any(begin <= one.opened_at and one.started_at <= end for begin, end in run.defrosts)
    for episode in run.episodes:
        if not episode.must:
            continue
        result.needed += 1
        open_then = [
            one.opened_at
            for one in incidents
            if one.opened_at <= episode.end and (one.resolved_at is None or one.resolved_at >= episode.start)
        ]
        if not open_then:
            result.missed += 1
            continue
        first = max(min(open_then), episode.start)
        result.after.append((first - episode.start) / 60)
        if episode.spoilt_at is not None:
            result.ahead.append((episode.spoilt_at - first) / 60)
    return result


class Recognition(NamedTuple):
    """How well defrosts are recognised: of `true` ones `found`, and `wrong` labels on something else."""

    true: int
    found: int
    wrong: int


def recognition(run: Run) -> Recognition:
    """What alerts/past/defrost.py makes of a run's readings, compared with its defrosts."""
    at, value = (np.array(column) for column in zip(*((p.at, p.value) for p in run.points), strict=True))
    labels = defrost.recognise(at, value, gap_s=GAP_S)
    met = [any(label.start <= end and begin <= label.end for label in labels) for begin, end in run.defrosts]
    right = [any(label.start <= end and begin <= label.end for begin, end in run.defrosts) for label in labels]
    return Recognition(len(met), sum(met), len(right) - sum(right))


# --- everything -------------------------------------------------------------------------------------------------------


def measure(*, days: int = MONTH, kinds: Sequence[str] = tuple(CABINETS)) -> dict[str, Any]:
    """Everything, as it goes into results.json. Takes about three seconds for a unit and month."""
    simulated = [lived(kind, days=days, plan=plan_of(kind)) for kind in kinds]
    hard = [
        lived(kind, days=days, plan=plan_of(kind), cabinet=with_long_defrosts(kind), name=f"{kind}, {minutes} min")
        for kind, minutes in LONG_DEFROSTS.items()
        if kind in kinds
    ]
    folder = folder_of_recordings()
    return {
        "simulated": [_of_run(run) for run in simulated],
        "long_defrosts": [_of_run(run) for run in hard],
        "recorded": None if folder is None else [_of_run(run) for run in recorded(folder)],
    }


def _of_run(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "days": round(run.days, 1),
        "openings": run.openings,
        "defrosts": recognition(run)._asdict(),
        "scores": {name: score(run, judge(run)).as_row() for name, judge in CONTESTANTS.items()},
    }
