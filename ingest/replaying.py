"""Plays a recording through the ingest endpoint, as the logger would have sent it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ingest.posting import LARGEST_BATCH, Answer, Poster, Reading, Refused, Unavailable
from ingest.recordings import Row

EXAMPLES: Final = 5


class Clock(Protocol):
    def now(self) -> datetime: ...
    def wait(self, seconds: float) -> bool:
        """Wait and return whether it is time to stop."""
        ...


@dataclass(slots=True)
class Report:
    """What became of the recording. `examples` are (line, code, detail) of the first refusals of each code."""

    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, answer: Answer, rows: Sequence[Row]) -> None:
        self.sent += len(rows)
        self.accepted += answer.accepted
        self.duplicates += answer.duplicates
        for refusal in answer.rejected:
            self.refused[refusal.code] += 1
            if self.refused[refusal.code] <= EXAMPLES and 0 <= refusal.index < len(rows):
                self.examples.append((rows[refusal.index].line, refusal.code, refusal.detail))


class Stopped(Exception):
    """The replay ended before the recording did. Running it again is harmless: what is stored counts as duplicate."""

    def __init__(self, reason: str, report: Report) -> None:
        super().__init__(reason)
        self.report = report


def shifted(rows: Sequence[Row], *, newest: datetime) -> list[Row]:
    """Return the rows with all times moved alike, so that the newest lies at `newest`."""
    shift = newest - max(row.recorded_at for row in rows)
    shift = timedelta(milliseconds=shift // timedelta(milliseconds=1))
    return [replace(row, recorded_at=row.recorded_at + shift) for row in rows]


def replay(
    rows: Sequence[Row],
    *,
    sensor: str,
    channel: str,
    poster: Poster,
    clock: Clock,
    say: Callable[[str], None],
    speed: float | None = None,
    patience_s: float = 60.0,
) -> Report:
    """Post `rows`, which are in order of time: at once, or `speed` times as fast as they were recorded.

    Goes on trying for `patience_s` while the platform is unavailable, then raises Stopped, as for an answer that trying
    again can't change.
    """
    report = Report()
    for batch in _paced(rows, speed=speed, clock=clock) if speed else _batches(rows, LARGEST_BATCH):
        _post(
            batch,
            sensor=sensor,
            channel=channel,
            poster=poster,
            clock=clock,
            say=say,
            report=report,
            patience_s=patience_s,
        )
    if report.sent < len(rows):
        raise Stopped(f"stopped after {report.sent} of {len(rows)} readings", report)
    return report


def _batches(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _paced(rows: Sequence[Row], *, speed: float, clock: Clock) -> Iterator[Sequence[Row]]:
    """Yield the rows when their turn has come; ends early if the clock says stop."""
    began, first, sent = clock.now(), rows[0].recorded_at, 0
    while sent < len(rows):
        played = first + (clock.now() - began) * speed
        due = sent
        while due < len(rows) and rows[due].recorded_at <= played and due - sent < LARGEST_BATCH:
            due += 1
        if due > sent:
            yield rows[sent:due]
            sent = due
        elif clock.wait(min(1.0, (rows[sent].recorded_at - played).total_seconds() / speed)):
            return


def _post(
    rows: Sequence[Row],
    *,
    sensor: str,
    channel: str,
    poster: Poster,
    clock: Clock,
    say: Callable[[str], None],
    report: Report,
    patience_s: float,
) -> None:
    size = len(rows)
    done = 0
    pause = 1.0
    patience = clock.now() + timedelta(seconds=patience_s)
    while done < len(rows):
        batch = rows[done : done + size]
        try:
            answer = poster.post([_reading(row, sensor, channel) for row in batch])
        except Unavailable as error:
            wait = max(pause, error.retry_after_s or 0.0)
            if clock.now() + timedelta(seconds=wait) > patience:
                raise Stopped(error.reason, report) from error
            say(f"{error.reason}; next try in {wait:.0f} s")
            if clock.wait(wait):
                raise Stopped("stopped", report) from error
            pause = min(30.0, pause * 2)
        except Refused as error:
            if error.status != 413 or size == 1:
                raise Stopped(error.reason, report) from error
            size = max(1, size // 2)
        else:
            report.add(answer, batch)
            done += len(batch)


def _reading(row: Row, sensor: str, channel: str) -> Reading:
    return Reading(
        sensor=sensor,
        channel=channel,
        recorded_at=row.recorded_at.astimezone(UTC),
        temperature=row.temperature,
        humidity=row.humidity,
        signal=row.signal,
    )
