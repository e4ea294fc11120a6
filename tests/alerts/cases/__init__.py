"""What the rules mean, as a table in plain words: readings with times in, alerts with times out.

Engine, back-test and docs/alert-cases.md read it. One TOML file a theme, each a list of [[case]]:

    title     a sentence about the product
    rule      what the rule says, or `rules`, several with a name each; without, the file's own `rule`
    readings  "12:00 8.0, 12:05-12:30/5 8.0", or by sensor {A = "…", B = "…"}; each arrives when it was measured
    batches   [{at = "13:00", readings = …}]: what arrives otherwise, together and at that time by the server's clock
    acts      [{at = "12:40", does = "resolve", …}]: what people and the clock do
    alerts    [{opened = "12:30", started = "12:00", value = 8.0, peak = 8.0, …}] in order of opening; that and no more.
              Without `resolved` it lasts, without `found` nothing was late, without `contradicted` it stands
    told      when people were told that something is wrong, and `recovered` that it isn't, where that is the point
    level     "pure": the pure core decides it; "house": only the whole house can
    tau, hours, sensors, lapse, note: see Case

Times are of 20 November 2026, a Friday, UTC; 36:00 is noon of the day after. A value is °C (8.0), a ramp over its range
(4.0->10.0), % RH (55%), battery (20%bat), dBm (-95dBm), open or shut (a door) or fault; & joins two (8.0&open).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = datetime(2026, 11, 20, tzinfo=UTC)
FOLDER = Path(__file__).parent
SENSOR = "S"  # the one of cases with a single one

_TIME = r"\d+:\d\d(?::\d\d)?"
_ENTRY = re.compile(rf"({_TIME})(?:-({_TIME})/(\d+(?:\.\d+)?))?\s+(\S+)")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Reading:
    """What one sensor said at one moment. `at` in seconds since 1970."""

    at: float
    sensor: str
    temperature: float | None = None
    humidity: float | None = None
    battery: float | None = None
    signal: float | None = None
    door_open: bool | None = None
    fault: bool = False  # it could only say that it can't measure

    def body(self) -> dict[str, Any]:
        """As a gateway posts it. A probe that can't measure says −127 °C."""
        values = {
            "temperature": -127.0 if self.fault else self.temperature,
            "humidity": self.humidity,
            "battery": self.battery,
            "signal": self.signal,
            "door_open": self.door_open,
        }
        body = {"sensor": self.sensor, "recorded_at": as_datetime(self.at).isoformat()}
        return body | {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Arrival:
    """Readings that come together, at this time by the server's clock."""

    at: float
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Act:
    """What a person or the clock does, at this time by the server's clock. `more`: what else the table says of it."""

    at: float
    does: str
    more: Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A rule in the words of the contract; durations in seconds."""

    name: str
    metric: str = "temperature"
    condition: str = "above"
    threshold: float | None = None
    severity: str = "warning"
    delay_s: float = 0
    hysteresis: float = 0.0
    clear_delay_s: float = 0
    schedule: str = "always"
    scope: str = ""  # "", unit_kind, site, area or unit: what it is for
    is_ceiling: bool = False

    @property
    def kind(self) -> str:
        """What its alerts are called."""
        return {"door_open_for": "door", "no_data": "no_data", "fault": "fault"}.get(self.condition, self.metric)


@dataclass(frozen=True)
class Expected:
    """An alert that must be there in the end. Times in seconds since 1970; what is None must be empty there too.

    Except `value`, `peak`, `sensor` and `started`: they are compared where they are given.
    """

    rule: str
    opened: float
    started: float | None = None
    resolved: float | None = None
    value: float | None = None
    peak: float | None = None
    sensor: str | None = None
    found: float | None = None
    contradicted: float | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    title: str
    theme: str
    level: str
    rules: tuple[Rule, ...]
    arrivals: tuple[Arrival, ...]  # in the order in which they come
    acts: tuple[Act, ...]
    alerts: tuple[Expected, ...]
    told: tuple[float, ...] | None = None  # the server's times
    recovered: tuple[float, ...] | None = None
    lapse_s: float | None = None  # how long an acknowledgement holds, and a critical alert waits for one
    tau_s: float | None = None  # how slowly the product follows the air
    hours: tuple[str, str] | None = None  # when the site is open, every day; None: always
    # What is special about a sensor: interval, gateway (its serial), unclaimed.
    sensors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        return self.title

    @property
    def is_pure(self) -> bool:
        """Whether readings and resolutions alone decide it."""
        return self.level == "pure"

    def readings(self) -> list[Reading]:
        """All that was measured, each once, in the order of (time, sensor)."""
        return sorted(
            {reading for arrival in self.arrivals for reading in arrival.readings},
            key=lambda reading: (reading.at, reading.sensor),
        )

    def sensor_names(self) -> list[str]:
        """Everybody who said something, and everybody of whom something is said."""
        return sorted({reading.sensor for reading in self.readings()} | set(self.sensors))

    def gap_s(self, sensor: str) -> float:
        """The longest pause of the sensor that still counts."""
        return max(15 * 60, 3 * self.interval_s(sensor))

    def interval_s(self, sensor: str) -> int:
        """How often it is expected to report."""
        return int(duration(self.sensors.get(sensor, {}).get("interval", "5 min")))

    def is_open_at(self, at: float) -> bool:
        """Whether the site is open."""
        if self.hours is None:
            return True
        of_day = (at - DAY.timestamp()) % 86400
        return _seconds(self.hours[0]) <= of_day < _seconds(self.hours[1])


def cases(level: str | None = None) -> list[Case]:
    """The table, or that part of it that a level decides ("pure" or "house")."""
    found = [case for path in sorted(FOLDER.glob("*.toml")) for case in _file(path)]
    return [case for case in found if level in (None, case.level)]


def moment(words: str) -> float:
    """ "12:30" -> seconds since 1970."""
    return DAY.timestamp() + _seconds(words)


def clock(at: float) -> str:
    """The other way round."""
    seconds = round(at - DAY.timestamp(), 3)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours:02.0f}:{minutes:02.0f}" + (f":{seconds:02.0f}" if seconds else "")


def duration(words: str | float) -> float:
    """ "30 min" -> seconds."""
    if not isinstance(words, str):
        return words
    match = _DURATION.fullmatch(words)
    assert match, f"{words!r} is no duration"
    return float(match[1]) * _SECONDS[match[2]]


def parse(words: str, sensor: str = SENSOR) -> list[Reading]:
    """ "12:00 8.0, 12:05-12:30/5 8.0" -> readings."""
    return [reading for entry in words.split(",") for reading in _entry(entry.strip(), sensor)]


def _entry(words: str, sensor: str) -> Iterator[Reading]:
    match = _ENTRY.fullmatch(words)
    assert match, f"{words!r} is no reading"
    begin = _seconds(match[1])
    end, step = (_seconds(match[2]), float(match[3]) * 60) if match[2] else (begin, 1)
    first, _, last = match[4].partition("->")
    count = round((end - begin) / step)
    for number in range(count + 1):
        value = first
        if last:
            value = f"{float(first) + (float(last) - float(first)) * number / count:.2f}"
        yield Reading(DAY.timestamp() + begin + number * step, sensor, **_values(value))


def _values(words: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for word in words.split("&"):
        if word in ("open", "shut"):
            values["door_open"] = word == "open"
        elif word == "fault":
            values["fault"] = True
        elif word.endswith("%bat"):
            values["battery"] = float(word.removesuffix("%bat"))
        elif word.endswith("%"):
            values["humidity"] = float(word.removesuffix("%"))
        elif word.endswith("dBm"):
            values["signal"] = float(word.removesuffix("dBm"))
        else:
            values["temperature"] = float(word)
    return values


def _file(path: Path) -> Iterator[Case]:
    table = tomllib.loads(path.read_text())
    theme = table.pop("theme")
    shared, found = table.pop("rule", None), table.pop("case")
    assert not table, f"{path.name}: nobody reads {sorted(table)}"
    for row in found:
        yield _case(dict(row), theme, shared)


def _case(row: dict[str, Any], theme: str, shared: dict[str, Any] | None) -> Case:
    rules = tuple(_rule(rule) for rule in row.pop("rules", None) or [row.pop("rule", None) or shared])
    arrivals = [
        Arrival(reading.at, (reading,)) for reading in sorted(_by_sensor(row.pop("readings", {})), key=lambda r: r.at)
    ]
    arrivals += [Arrival(moment(batch["at"]), tuple(_by_sensor(batch["readings"]))) for batch in row.pop("batches", [])]
    hours = row.pop("hours", None)
    tau, lapse = (row.pop(name, None) for name in ("tau", "lapse"))
    told, recovered = (row.pop(name, None) for name in ("told", "recovered"))
    case = Case(
        title=row.pop("title"),
        theme=theme,
        level=row.pop("level", "pure"),
        rules=rules,
        arrivals=tuple(sorted(arrivals, key=lambda arrival: arrival.at)),
        acts=tuple(_act(dict(act)) for act in row.pop("acts", [])),
        alerts=tuple(_expected(dict(alert), rules) for alert in row.pop("alerts", [])),
        told=None if told is None else tuple(map(moment, told)),
        recovered=None if recovered is None else tuple(map(moment, recovered)),
        lapse_s=None if lapse is None else duration(lapse),
        tau_s=None if tau is None else duration(tau),
        hours=None if hours is None else (hours[0], hours[1]),
        sensors=row.pop("sensors", {}),
        note=row.pop("note", ""),
    )
    assert not row, f"{case.title}: nobody reads {sorted(row)}"
    assert case.level in ("pure", "house")
    return case


def _rule(row: dict[str, Any] | None) -> Rule:
    assert row is not None, "a case without a rule"
    words = {"name": "Rule"} | row
    for name in ("delay", "clear_delay"):
        if name in words:
            words[f"{name}_s"] = duration(words.pop(name))
    return Rule(**words)


def _by_sensor(readings: str | dict[str, str]) -> list[Reading]:
    by_sensor = {SENSOR: readings} if isinstance(readings, str) else readings
    return [reading for sensor, words in by_sensor.items() for reading in parse(words, sensor)]


def _act(row: dict[str, Any]) -> Act:
    return Act(moment(row.pop("at")), row.pop("does"), row)


def _expected(row: dict[str, Any], rules: tuple[Rule, ...]) -> Expected:
    row.setdefault("rule", rules[0].name)
    assert row["rule"] in {rule.name for rule in rules}
    times = {name: moment(row[name]) for name in row if name in _TIMES}
    return Expected(**row | times)


_TIMES = ("opened", "started", "resolved", "found", "contradicted")


def _seconds(words: str) -> float:
    hours, minutes, *seconds = words.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + (int(seconds[0]) if seconds else 0)


def as_datetime(at: float) -> datetime:
    return DAY + timedelta(milliseconds=round((at - DAY.timestamp()) * 1000))


def compare(case: Case, found: list[Expected]) -> str:
    """What is wrong with what became of a case; nothing: "". Values agree to the hundredth, times to the second."""
    expected = sorted(case.alerts, key=_order)
    found = sorted(found, key=_order)
    if len(found) == len(expected) and all(map(_agree, expected, found)):
        return ""
    return "\n".join([case.title, "expected:", *map(words_of_alert, expected), "found:", *map(words_of_alert, found)])


def words_of_alert(alert: Expected) -> str:
    """One line for a person who reads a test's output."""
    words = [f"  {alert.rule}: opened {clock(alert.opened)}"]
    words += [
        f"{name} {clock(value)}"
        for name in ("started", "resolved", "found", "contradicted")
        if (value := getattr(alert, name)) is not None
    ]
    words += [
        f"{name} {getattr(alert, name)}" for name in ("value", "peak", "sensor") if getattr(alert, name) is not None
    ]
    return ", ".join([*words, *(["by hand"] if alert.by_hand else [])])


def _order(alert: Expected) -> tuple[float, str, bool, str]:
    return round(alert.opened, 3), alert.rule, alert.contradicted is not None, alert.sensor or ""


def _agree(expected: Expected, found: Expected) -> bool:
    exact = all(
        _same(getattr(expected, name), getattr(found, name)) for name in ("opened", "resolved", "found", "contradicted")
    )
    given = all(
        getattr(expected, name) is None or _same(getattr(expected, name), getattr(found, name))
        for name in ("started", "value", "peak")
    )
    return (
        exact
        and given
        and (expected.rule, expected.by_hand) == (found.rule, found.by_hand)
        and expected.sensor in (None, found.sensor)
    )


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < 0.0051
