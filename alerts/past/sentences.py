"""Why did an alert open, or why didn't it: stored facts in plain sentences, with numbers and the site's clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import dateformat

from alerts import words
from alerts.evaluation import State, Terms
from alerts.models import Metric
from alerts.watching import DOOR, FAULT, GATEWAY, PRODUCT, RATE, SILENCE

_NAMES: Final = {
    Metric.TEMPERATURE.value: ("air temperature", "°C"),
    PRODUCT: ("estimated product temperature", "°C"),
    Metric.HUMIDITY.value: ("humidity", "% RH"),
    Metric.BATTERY.value: ("battery", "%"),
    Metric.SIGNAL.value: ("signal", "dBm"),
    RATE: ("rise", "°C per hour"),
}
# Pauses are named one by one up to here.
_MOST_PAUSES: Final = 3


class Pause(NamedTuple):
    """A time in breach that wasn't counted: from one reading to the next, seconds since 1970."""

    begin: float
    end: float
    is_closed: bool  # the site was


class Seen(NamedTuple):
    """What the rule saw last at the moment that is asked about."""

    at: float
    value: float
    probe: str  # which one, where the unit has several
    gap_s: float


class Standing(NamedTuple):
    """An alert of the rule that was open at the moment."""

    opened_at: datetime
    started_at: datetime
    found_at: datetime | None
    contradicted_at: datetime | None
    snoozed_until: datetime | None
    is_covered: bool  # an open critical one keeps its messages back
    is_part: bool  # of its gateway's silence, or of one that comes and goes
    outage: tuple[datetime, datetime] | None = None  # of ours, in which it fell due
    waits_until: datetime | None = None  # people are told of it when a defrost that was due would be over


class Changed(NamedTuple):
    """An override that was in force."""

    threshold: float | None
    delay_s: int | None
    expires_at: datetime
    reason: str
    owner: str


class Muted(NamedTuple):
    """A mute that was in force."""

    ends_at: datetime
    reason: str


class ByHand(NamedTuple):
    """The last time that somebody resolved an alert of the rule."""

    at: datetime
    by: str  # empty: somebody who doesn't work here any more


class Probe(NamedTuple):
    """A sensor (or a gateway, with `what`) and when it was heard last; None: never. `due`: when that is too long."""

    what: str
    heard_at: float | None
    due: float | None = None
    is_faulty: bool = False


class Case(NamedTuple):
    """All that is to be said of one rule in one unit at one moment."""

    at: datetime
    zone: ZoneInfo
    signal: str
    terms: Terms
    in_force: bool
    reason: str
    looked_s: float  # so far back readings were looked for
    state: State
    seen: Seen | None = None
    pauses: Sequence[Pause] = ()
    opens_at: float | None = None  # the site is closed, and opens then
    is_closed: bool = False
    standing: Standing | None = None
    changed_at: datetime | None = None  # the rule says something else since
    override: Changed | None = None
    mute: Muted | None = None
    by_hand: ByHand | None = None
    probes: Sequence[Probe] = ()


def explain(case: Case) -> list[str]:
    """What a person would want to be told, the main thing first."""
    told: list[str] = []
    if not case.in_force:
        told.append(case.reason)
    if case.standing is not None:
        told += _standing(case, case.standing)
    if case.in_force or case.standing is not None:
        told += _terms(case)
        told += _measured(case)
    if case.in_force and case.standing is None:
        told += _why_not(case)
    if case.mute is not None:
        reason = f" ({case.mute.reason})" if case.mute.reason else ""
        told.append(f"Messages were muted until {_clock(case, case.mute.ends_at)}{reason}; alerts open all the same.")
    return told


# --- what the rule says -----------------------------------------------------------------------------------------------


def _terms(case: Case) -> Iterator[str]:
    if case.override is not None:
        changed = []
        if case.override.threshold is not None:
            changed.append(f"the limit to {_value(case, case.override.threshold)}")
        if case.override.delay_s is not None:
            changed.append(f"the delay to {_lasting(case.override.delay_s)}")
        owner = f" ({case.override.owner})" if case.override.owner else ""
        yield (
            f"An override sets {' and '.join(changed)} until {_clock(case, case.override.expires_at)}:"
            f" {case.override.reason}{owner}"
        )
    if case.changed_at is not None:
        yield f"The rule was changed later, {_clock(case, case.changed_at)}; what it said before isn't known."


# --- what was measured ------------------------------------------------------------------------------------------------


def _measured(case: Case) -> Iterator[str]:
    if case.signal in (SILENCE, GATEWAY):
        yield from (_heard(case, probe) for probe in case.probes)
        return
    if case.signal == FAULT:
        yield from _faults(case)
        return
    if not case.probes:
        yield "No sensor is in this unit."
        return
    if case.seen is None:
        yield f"{_subject(case)} wasn't measured in the {_lasting(case.looked_s)} before {_clock(case, case.at)}."
    else:
        yield _value_of(case, case.seen)
    for probe in case.probes:
        if probe.is_faulty:
            yield f"{probe.what} says that it can't measure: what it sends isn't judged."
        elif probe.due is not None and probe.due <= case.at.timestamp() and probe.heard_at is not None:
            yield f"{probe.what} has been silent since {_clock(case, probe.heard_at)}."


def _value_of(case: Case, seen: Seen) -> str:
    probe = f" ({seen.probe})" if seen.probe else ""
    if case.signal == DOOR:
        said = (
            f"At {_clock(case, seen.at)} the door was {'open' if case.terms.breached(seen.value) else 'shut'}{probe}."
        )
    else:
        limit = _value(case, case.terms.threshold)
        side = f"{case.terms.condition} the limit of" if case.terms.breached(seen.value) else "within the limit of"
        said = f"At {_clock(case, seen.at)} the {_name(case)} was {_value(case, seen.value)}{probe}, {side} {limit}."
    ago = case.at.timestamp() - seen.at
    if ago > seen.gap_s:
        said += f" Nothing came in the {_lasting(ago)} after that, and nothing was counted."
    return said


def _heard(case: Case, probe: Probe) -> str:
    if probe.heard_at is None:
        return f"{probe.what} has never been heard, so it isn't waited for."
    if probe.heard_at > case.at.timestamp():
        return f"{probe.what} has been heard since; when it was heard before isn't kept."
    said = f"{probe.what} was heard last at {_clock(case, probe.heard_at)}"
    if probe.due is None:
        return f"{said}; the site doesn't open, so the rule never waits for it."
    if probe.due <= case.at.timestamp():
        ago = _lasting(case.at.timestamp() - probe.heard_at)
        return f"{said}, {ago} before: that is too long since {_clock(case, probe.due)}."
    return f"{said}; it would be too long at {_clock(case, probe.due)}."


def _faults(case: Case) -> Iterator[str]:
    faulty = [probe for probe in case.probes if probe.is_faulty]
    for probe in faulty:
        yield f"{probe.what} says that it can't measure."
    if case.probes and not faulty:
        yield "No probe of this unit said that it can't measure."
    if not case.probes:
        yield "No sensor is in this unit."


# --- why there is none ------------------------------------------------------------------------------------------------


def _why_not(case: Case) -> Iterator[str]:
    state, terms = case.state, case.terms
    if state.held:
        yield from _held(case)
    elif state.open:
        yield (
            f"By what is stored now it was in breach since {_clock(case, state.since)}, and an alert would be open."
            " There was none: the readings came later, or the rule said something else then."
        )
    elif state.breached:
        missing = terms.delay_s - state.breach_s
        yield (
            f"It has been {_beyond(case)} since {_clock(case, state.since)}. {_lasting(state.breach_s)} of the delay of"
            f" {_lasting(terms.delay_s)} have counted; {_lasting(missing)} are missing."
        )
        yield from _pauses(case)
    elif case.seen is not None and not case.terms.breached(case.seen.value):
        yield "Nothing was in breach, so no alert opened."
    if case.is_closed:
        opens = f" It opens {_clock(case, case.opens_at)}." if case.opens_at is not None else ""
        yield f"The site was closed, and this rule watches in its opening hours only.{opens}"


def _held(case: Case) -> Iterator[str]:
    when = case.by_hand
    did = (
        f"{when.by or 'Somebody'} resolved it by hand at {_clock(case, when.at)}" if when else "It was resolved by hand"
    )
    yield f"{did} while it was still in breach. It opens again only after it has cleared: {_clear(case)}."


def _pauses(case: Case) -> Iterator[str]:
    for pause in case.pauses[:_MOST_PAUSES]:
        why = "the site was closed" if pause.is_closed else "nothing was measured"
        yield (
            f"The {_lasting(pause.end - pause.begin)} from {_clock(case, pause.begin)} to {_clock(case, pause.end)}"
            f" don't count: {why}."
        )
    if len(case.pauses) > _MOST_PAUSES:
        rest = case.pauses[_MOST_PAUSES:]
        total = sum(pause.end - pause.begin for pause in rest)
        yield f"Nor do {len(rest)} other pauses, {_lasting(total)} in all."


# --- why there is one -------------------------------------------------------------------------------------------------


def _standing(case: Case, alert: Standing) -> Iterator[str]:
    yield f"An alert was open, since {_clock(case, alert.opened_at)}; it began at {_clock(case, alert.started_at)}."
    if alert.found_at is not None and alert.found_at > case.at:
        yield f"Nobody could know yet: it was found late, at {_clock(case, alert.found_at)}."
    elif alert.found_at is not None and alert.outage is None:
        yield f"It was found late, at {_clock(case, alert.found_at)}: the readings came after their time."
    if alert.outage is not None:
        since, back = (_clock(case, moment) for moment in alert.outage)
        yield (
            f"It fell due when FreshTrack itself was out of reach, from {since} to {back}. What had been kept meanwhile"
            f" was given time to arrive."
        )
    if alert.waits_until is not None:
        yield (
            "A defrost was due when it opened, and looked like those before it: people are told of it at"
            f" {_clock(case, alert.waits_until)}, and only if it lasts."
        )
    if alert.contradicted_at is not None:
        yield f"Readings that came later, {_clock(case, alert.contradicted_at)}, show that it never was. It stays."
    if alert.snoozed_until is not None:
        yield f"It is snoozed until {_clock(case, alert.snoozed_until)}: nobody is told before."
    if alert.is_covered:
        yield "An open critical alert of the same kind keeps its messages back."
    if alert.is_part:
        yield "It is a part of another alert, which people were told of instead."
    if case.state.open and not case.state.breached and case.signal not in (SILENCE, FAULT, GATEWAY):
        counted = f", {_lasting(case.state.clear_s)} have counted" if case.terms.clear_delay_s else ""
        yield f"It is back inside the limit and resolves when it has cleared: {_clear(case)}{counted}."


# --- words ------------------------------------------------------------------------------------------------------------


def _clear(case: Case) -> str:
    terms = case.terms
    held = f", held for {_lasting(terms.clear_delay_s)}" if terms.clear_delay_s else ""
    if case.signal == DOOR:
        return f"the door shut{held}"
    if terms.condition == "above":
        return f"{_value(case, terms.threshold - terms.hysteresis)} or less{held}"
    return f"{_value(case, terms.threshold + terms.hysteresis)} or more{held}"


def _beyond(case: Case) -> str:
    return "open" if case.signal == DOOR else f"{case.terms.condition} the limit"


def _name(case: Case) -> str:
    return _NAMES[case.signal][0]


def _subject(case: Case) -> str:
    return "The door" if case.signal == DOOR else f"The {_name(case)}"


def _value(case: Case, value: float) -> str:
    """One decimal, or two where there are two: 5.01 isn't the limit of 5.0."""
    text = f"{value:.2f}"
    return f"{text[:-1] if text.endswith('0') else text} {_NAMES[case.signal][1]}"


def _lasting(seconds: float) -> str:
    return words.lasting(timedelta(seconds=round(seconds)))


def _clock(case: Case, moment: datetime | float | None) -> str:
    """The site's clock; with the day where that isn't the day that is asked about."""
    if moment is None:
        return "some time"
    aware = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, tz=UTC)
    local = aware.astimezone(case.zone)
    same_day = local.date() == case.at.astimezone(case.zone).date()
    return dateformat.format(local, "H:i" if same_day else "D j M, H:i")
