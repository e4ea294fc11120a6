"""docs/alert-cases.md: the table for people. `python -m tests.alerts.cases.page` writes it, a test compares."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.alerts.cases import SENSOR, Act, Arrival, Case, Expected, Reading, Rule, cases, clock
from tests.alerts.cases.holes import HOLES

PATH = Path(__file__).parents[3] / "docs" / "alert-cases.md"

_HEAD = """# When an alert opens

Made by `python -m tests.alerts.cases.page` from the table in `tests/alerts/cases/`, which engine, back-test and tests
read. Change it there; a test compares. Each line is run: the readings go in, and these alerts come out, no more.

Times are of one day; 36:00 is noon of the day after. Unless a case says otherwise sensors report every five minutes, a
reading arrives when it was measured, and a value is the air's, in °C. “12:00–12:30/5 8.0” is 8 °C every five minutes
from 12:00 to 12:30. “Found” is when the server learnt late what had happened; “contradicted” when later readings showed
that it never was, which takes back nobody's message.
"""


def as_markdown() -> str:
    """The whole page."""
    lines = [_HEAD]
    for theme, group in groupby(cases(), key=lambda case: case.theme):
        lines.append(f"## {theme}\n")
        lines += [words_of(case) for case in group]
    return "\n".join([*lines, *_holes()])


def _holes() -> list[str]:
    """Where other systems stay silent, and by what it is held that this one doesn't."""
    lines = [
        "## What holds the holes shut\n",
        "Ways to lose an alarm that were seen in systems people rely on. The cases are those above; tests lie in",
        "`tests/`, and one asks whether all of them exist.\n",
    ]
    for hole in HOLES:
        lines += [f"**{hole.hole}** ({hole.seen}). {hole.here}", ""]
        lines += [f"- Case: {title}" for title in hole.cases]
        lines += [f"- Test: `{test}`" for test in hole.tests]
        lines.append("")
    return lines


def words_of(case: Case) -> str:
    """One case, for people."""
    lines = [f"**{case.title}**", ""]
    lines += [f"- Rule: {_words_of_rule(rule, named=len(case.rules) > 1)}" for rule in case.rules]
    lines += [f"- {words}" for words in _circumstances(case)]
    lines += [f"- {words}" for words in _readings(case)]
    lines += [f"- {_words_of_act(act)}" for act in case.acts]
    lines += [f"- **Alert**: {_words_of_alert(alert, named=len(case.rules) > 1)}" for alert in case.alerts]
    if not case.alerts:
        lines.append("- **No alert.**")
    if case.told is not None:
        lines.append(f"- People are told {_times(case.told)}.")
    if case.recovered is not None:
        lines.append(f"- People are told that it is over {_times(case.recovered)}.")
    if case.note:
        lines += ["", case.note]
    return "\n".join([*lines, ""])


def _words_of_rule(rule: Rule, *, named: bool) -> str:
    unit = {"humidity": " %", "battery": " %", "signal": " dBm"}.get(rule.metric, " °C")
    what = {"temperature": "air", "product_temperature": "product"}.get(rule.metric, rule.metric)
    words = {
        "above": f"{what} above {rule.threshold}{unit}",
        "below": f"{what} below {rule.threshold}{unit}",
        "rate_above": f"warming by more than {rule.threshold} °C per hour",
        "door_open_for": "door open",
        "fault": "a sensor can't measure",
        "no_data": "the gateway is silent" if rule.metric == "gateway" else "a sensor is silent",
    }[rule.condition]
    words += f" for {_length(rule.delay_s)}" if rule.delay_s else ""
    words += f", hysteresis {rule.hysteresis} K" if rule.hysteresis else ""
    words += f", clear delay {_length(rule.clear_delay_s)}" if rule.clear_delay_s else ""
    words += ", in opening hours" if rule.schedule == "opening_hours" else ""
    words += f", for the {rule.scope.replace('unit_kind', 'kind of unit')}" if rule.scope else ""
    words += ", a hard ceiling" if rule.is_ceiling else ""
    return f"{rule.name}: {words} ({rule.severity})" if named else f"{words} ({rule.severity})"


def _circumstances(case: Case) -> list[str]:
    words = []
    if case.tau_s is not None:
        words.append(f"The food follows the air with a time constant of {_length(case.tau_s)}.")
    if case.hours is not None:
        words.append(f"Open from {case.hours[0]} to {case.hours[1]}.")
    if case.lapse_s is not None:
        words.append(
            f"An acknowledgement holds for {_length(case.lapse_s)}, and so long a critical alert waits for one."
        )
    for sensor, special in case.sensors.items():
        for name, value in special.items():
            told = {
                "interval": f"reports every {value}",
                "unclaimed": "belongs to no unit yet",
                "gateway": f"reports through gateway {value}",
            }[name]
            words.append(f"Sensor {sensor} {told}.")
    return words


def _readings(case: Case) -> list[str]:
    """A line for what arrived as it was measured, a line for everything else; sensors apart where there are several."""
    live = [reading for arrival in case.arrivals if _is_live(arrival) for reading in arrival.readings]
    lines = [f"Readings{named}: {words}" for named, words in _by_sensor(live, case)]
    for arrival in case.arrivals:
        if not _is_live(arrival):
            lines += [
                f"At {clock(arrival.at)} come{named}: {words}" for named, words in _by_sensor(arrival.readings, case)
            ]
    return lines


def _is_live(arrival: Arrival) -> bool:
    return len(arrival.readings) == 1 and arrival.at == arrival.readings[0].at


def _by_sensor(readings: list[Reading] | tuple[Reading, ...], case: Case) -> list[tuple[str, str]]:
    return [
        (
            f" of {sensor}" if case.sensor_names() != [SENSOR] else "",
            _notation([r for r in readings if r.sensor == sensor]),
        )
        for sensor in sorted({reading.sensor for reading in readings})
    ]


def _notation(readings: list[Reading]) -> str:
    """The other way round than `parse`: runs of one value at one distance are one entry."""
    runs: list[list[Reading]] = []
    for reading in readings:
        run = runs[-1] if runs else []
        if run and _value(run[-1]) == _value(reading) and (len(run) == 1 or _step(run) == reading.at - run[-1].at):
            run.append(reading)
        else:
            runs.append([reading])
    return ", ".join(_entry(run) for run in runs)


def _entry(run: list[Reading]) -> str:
    if len(run) < 3:
        return ", ".join(f"{clock(reading.at)} {_value(reading)}" for reading in run)
    return f"{clock(run[0].at)}–{clock(run[-1].at)}/{_step(run) / 60:g} {_value(run[0])}"


def _step(run: list[Reading]) -> float:
    return run[1].at - run[0].at


def _value(reading: Reading) -> str:
    words = [
        f"{value:g}{unit}" if unit != "" else f"{value}"
        for value, unit in (
            (reading.temperature, ""),
            (reading.humidity, " % RH"),
            (reading.battery, " % battery"),
            (reading.signal, " dBm"),
        )
        if value is not None
    ]
    if reading.door_open is not None:
        words.append("open" if reading.door_open else "shut")
    if reading.fault:
        words.append("fault")
    return " and ".join(words)


def _words_of_act(act: Act) -> str:
    more = dict(act.more)
    words = {
        "resolve": "a person resolves it by hand",
        "acknowledge": "a person acknowledges it",
        "snooze": f"a person snoozes it until {more.get('until')}",
        "mute": f"a person mutes the {more.get('what')} until {more.get('until')}",
        "claim": f"sensor {more.get('sensor')} is claimed",
        "look": f"and every minute until {more.get('until')} the server looks who is silent and what is due",
        "override": f"this unit gets {more.get('threshold')} °C instead, until {more.get('until')}",
    }[act.does]
    return f"At {clock(act.at)} {words}."


def _words_of_alert(alert: Expected, *, named: bool) -> str:
    words = [f"{alert.rule}: " if named else ""]
    words.append(f"opened {clock(alert.opened)}")
    if alert.started is not None:
        words.append(f", began {clock(alert.started)}")
    if alert.value is not None:
        words.append(f", value {alert.value}")
    if alert.peak is not None:
        words.append(f", peak {alert.peak}")
    if alert.sensor is not None and alert.sensor != SENSOR:
        words.append(f", by sensor {alert.sensor}")
    if alert.found is not None:
        words.append(f", found {clock(alert.found)}")
    if alert.contradicted is not None:
        words.append(f", contradicted {clock(alert.contradicted)}")
    if alert.resolved is None:
        words.append("; it lasts.")
    else:
        words.append(f"; resolved {clock(alert.resolved)}{' by hand' if alert.by_hand else ''}.")
    return "".join(words)


def _length(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _times(moments: tuple[float, ...]) -> str:
    return f"at {' and '.join(map(clock, moments))}" if moments else "nothing"


if __name__ == "__main__":
    PATH.write_text(as_markdown())
