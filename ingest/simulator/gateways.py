"""A gateway between the probes of a site and the platform: it collects, keeps, posts and tries again.

It behaves as a good gateway should: nothing is thrown away before the platform has answered that it is stored, what
couldn't be sent is sent later with its own times, and a platform that is down is asked ever more rarely, at uneven
distances.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ingest.posting import LARGEST_BATCH, Poster, Reading, Refused, Unavailable
from ingest.simulator.model import Excursion, stream
from ingest.simulator.roster import DemoSite
from ingest.simulator.scenarios import FIRST_AFTER, Staged, slot
from ingest.simulator.site import LivingSite

CAPACITY: Final = 50_000  # readings: about a day and a half of a site at ten-second reports
POST_EVERY_S: Final = 2.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
LONGEST_FIRST_PAUSE_S: Final = 5.0
HISTORY_EVERY_S: Final = 300.0
# Longer than this without a tick: the machine slept, and a real site would have a gap there, too.
ASLEEP: Final = timedelta(minutes=15)

Say = Callable[[str], None]
NewestTimes = Callable[[], Mapping[tuple[str, str], datetime | None]]


class Clock(Protocol):
    """Event time for the model, elapsed time for pauses, and a way to wait."""

    def now(self) -> datetime: ...
    def elapsed_s(self) -> float: ...
    def wait(self, seconds: float) -> bool:
        """Wait and return whether it is time to stop."""
        ...


class RealClock:
    """The clock on the wall. With `speed` above 1 time begins `since` and runs faster until it has caught up."""

    def __init__(self, *, stop: threading.Event, speed: float = 1.0, since: datetime | None = None) -> None:
        self._stop = stop
        self._speed = speed
        self._began = datetime.now(UTC)
        self._since = since or self._began

    def now(self) -> datetime:
        now = datetime.now(UTC)
        if self._speed == 1.0:
            return now
        return min(now, self._since + (now - self._began) * self._speed)

    def elapsed_s(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)


@dataclass(kw_only=True, slots=True)
class Tally:
    """What became of the readings of a gateway so far."""

    accepted: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by code
    dropped: int = 0

    def since(self, earlier: "Tally") -> "Tally":
        return Tally(
            accepted=self.accepted - earlier.accepted,
            duplicates=self.duplicates - earlier.duplicates,
            refused=self.refused - earlier.refused,
            dropped=self.dropped - earlier.dropped,
        )

    def copy(self) -> "Tally":
        return replace(self, refused=Counter(self.refused))

    def __str__(self) -> str:
        words = [f"{self.accepted} accepted"]
        if self.duplicates:
            words.append(f"{self.duplicates} known already")
        if self.refused:
            words.append("refused: " + ", ".join(f"{code} {count}" for code, count in sorted(self.refused.items())))
        if self.dropped:
            words.append(f"{self.dropped} dropped")
        return ", ".join(words)


class Outbox:
    """The gateway's memory: readings wait here, oldest first, until the platform has them. Full: the oldest go."""

    def __init__(
        self, poster: Poster, *, clock: Clock, say: Say, seed: int | str = 0, capacity: int = CAPACITY
    ) -> None:
        self.tally = Tally()
        self._poster = poster
        self._clock = clock
        self._say = say
        self._waiting: deque[Reading] = deque()
        self._capacity = capacity
        self._chance = stream(seed, "pauses")
        self._largest = LARGEST_BATCH
        self._failures = 0
        self._not_before_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, readings: Sequence[Reading]) -> None:
        self._waiting.extend(readings)
        while len(self._waiting) > self._capacity:
            self._waiting.popleft()
            self.tally.dropped += 1

    def flush(self) -> None:
        """Post what waits, unless it is too early after a failure. Never raises for what the network does."""
        while self._waiting and self._clock.elapsed_s() >= self._not_before_s:
            batch = [self._waiting[index] for index in range(min(self._largest, len(self._waiting)))]
            try:
                answer = self._poster.post(batch)
            except Unavailable as error:
                self._pause(error.reason, at_least_s=error.retry_after_s or 0.0)
            except Refused as error:
                self._refused(error, batch)
            else:
                self._done(len(batch))
                self.tally.accepted += answer.accepted
                self.tally.duplicates += answer.duplicates
                for refusal in answer.rejected:
                    if refusal.code not in self.tally.refused:  # once a code, with its words; the rest is counted
                        self._say(f"a reading was refused: {refusal.code}: {refusal.detail}")
                    self.tally.refused[refusal.code] += 1
                if self._failures:
                    self._say(f"the platform is back, {len(self._waiting)} readings still to send")
                    self._failures = 0

    def _refused(self, error: Refused, batch: Sequence[Reading]) -> None:
        if error.status == 413 and len(batch) > 1:
            self._largest = len(batch) // 2
            self._say(f"{error.reason}; going on with batches of {self._largest}")
        elif error.status in (400, 413, 415, 422):
            # It would be refused again for ever and keep everything behind it from passing.
            self._say(f"{len(batch)} readings can't be sent and are dropped: {error.reason}")
            self._done(len(batch))
            self.tally.dropped += len(batch)
        else:
            self._pause(error.reason, at_least_s=LONGEST_PAUSE_S / 2)  # a wrong key or address: people must act

    def _done(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()

    def _pause(self, reason: str, *, at_least_s: float) -> None:
        """Wait longer after each failure, and never in step with other gateways."""
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures, 10))
        pause = max(pause * self._chance.uniform(0.5, 1.0), at_least_s)
        self._failures += 1
        self._not_before_s = self._clock.elapsed_s() + pause
        if _is_power_of_two(self._failures):  # said, but not a hundred times
            self._say(f"{reason}; {len(self._waiting)} readings wait, next try in {pause:.0f} s")


class Gateway:
    """Plays one site: history once, then live readings, with excursions every now and then."""

    def __init__(
        self,
        plan: DemoSite,
        *,
        poster: Poster,
        clock: Clock,
        say: Say,
        seed: int | str = 1,
        interval_s: float = 10.0,
        excursion_every: timedelta | None = None,
        asleep: timedelta = ASLEEP,
    ) -> None:
        self.plan = plan
        self.outbox = Outbox(poster, clock=clock, say=say, seed=f"{seed}/{plan.gateway}")
        self._clock = clock
        self._say = say
        self._seed = seed
        self._interval = timedelta(seconds=interval_s)
        self._every = excursion_every
        self._asleep = asleep
        self._site: LivingSite | None = None
        self._staged: list[Staged] = []
        self._slot = 0
        self._first_slot = self._last_tick = clock.now()

    @property
    def is_silent(self) -> bool:
        """Whether the gateway has no connection just now."""
        now = self._clock.now()
        return any(item.span.kind is Excursion.GATEWAY_SILENCE and item.span.covers(now) for item in self._staged)

    def play(self, *, newest: NewestTimes | None, history: timedelta) -> None:
        """Play until the clock says stop. `newest` asks the platform what it has; without it no history is sent."""
        self.begin(newest=newest, history=history)
        while not self._clock.wait(POST_EVERY_S):
            self.tick()

    def begin(self, *, newest: NewestTimes | None = None, history: timedelta = timedelta(0)) -> None:
        """Bring the site to life and post the history that its sensors lack, with a reading of now for each."""
        stored = self._ask(newest) if newest is not None and history else None
        if stored is None:
            stored, history = {}, timedelta(0)
        now = self._clock.now()
        # A reading a sensor falls into the last interval, so that nobody waits for the first.
        live_from = now - self._interval
        earliest = live_from - history
        begin = min([live_from, *(at for at in stored.values() if at is not None)]) if history else live_from
        if history and None in stored.values():
            begin = earliest
        self._site = LivingSite(
            self.plan, seed=self._seed, start=max(begin, earliest), interval_s=self._interval.total_seconds()
        )
        past = self._site.history(to=live_from, every_s=HISTORY_EVERY_S) if history else []
        past += self._site.readings(to=now)
        # What is stored already has its own values: a second truth for the same moment would be refused as a conflict.
        past = [r for r in past if (known := stored.get((r.sensor, r.channel))) is None or r.recorded_at > known]
        if history:
            self._say(f"sending {len(past)} readings since {max(begin, earliest):%Y-%m-%d %H:%M}Z")
        self.outbox.add(past)
        self.outbox.flush()
        self._last_tick = now
        self._first_slot = now + FIRST_AFTER

    def tick(self) -> None:
        """Measure what is due, post it, and let things go wrong when their time has come. Call after `begin`."""
        if self._site is None:
            raise RuntimeError("A gateway begins before it ticks.")
        now = self._clock.now()
        if now - self._last_tick > self._asleep:
            self._say(f"nothing was measured since {self._last_tick:%H:%M:%S}Z: this machine slept")
            self._site.skip(to=now)
            self._first_slot, self._slot = now + FIRST_AFTER, 0
        self._stage(self._site, now)
        self.outbox.add(self._site.readings(to=now))
        self._announce(now)
        self._last_tick = now
        if not self.is_silent:
            self.outbox.flush()

    def _ask(self, newest: NewestTimes) -> Mapping[tuple[str, str], datetime | None] | None:
        """Ask until the platform answers which readings it has; None if it won't say, or if it is time to stop."""
        failures = 0
        while True:
            try:
                return newest()
            except Unavailable as error:
                # Somebody may sit before an empty dashboard: ask every few seconds, but don't fill the log.
                pause = max(
                    min(LONGEST_FIRST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 5)), error.retry_after_s or 0.0
                )
                failures += 1
                if _is_power_of_two(failures):
                    self._say(f"{error.reason}; next try in {pause:.0f} s")
            except Refused as error:
                self._say(f"no history is sent, because the platform doesn't tell what it has: {error.reason}")
                return None
            if self._clock.wait(pause):
                return None

    def _stage(self, site: LivingSite, now: datetime) -> None:
        if self._every is None:
            return
        while (at := self._first_slot + self._slot * self._every) <= now:
            staged = slot(self.plan, number=self._slot, at=at, every=self._every)
            site.stage(staged)
            self._staged.extend(staged)
            self._slot += 1

    def _announce(self, now: datetime) -> None:
        for item in self._staged:
            where = item.unit.name if item.unit else "gateway"
            what = item.span.kind.replace("_", " ")
            if self._last_tick < item.span.start <= now:
                self._say(f"{where}: {what} begins, for {(item.span.end - item.span.start).total_seconds():.0f} s")
            if self._last_tick < item.span.end <= now:
                self._say(f"{where}: {what} ends")
        self._staged = [item for item in self._staged if item.span.end > now]


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0
