"""Gateways that bring their parcels one after the other and are satisfied with nothing but an answer.

They speak as the simulated gateways do (ingest/posting.py); what isn't answered is sent again, the same bytes, to
another door if there is one. A road tells how far all of them have come, and lets nobody run ahead.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.posting import Answer, Door, Reading, Refused, Unavailable

PATIENCE_S = 20.0


@dataclass
class Road:
    """How many parcels have arrived, and how many may."""

    limit: float = float("inf")
    arrived: int = 0
    unavailable: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def set_out(self) -> None:
        """Wait until one more may be brought."""
        with self.changed:
            self.changed.wait_for(lambda: self.arrived < self.limit or self.problems)

    def arrive(self) -> None:
        """One more was answered."""
        with self.changed:
            self.arrived += 1
            self.changed.notify_all()

    def fail(self, problem: str) -> None:
        """Somebody was answered what he can't live with."""
        with self.changed:
            self.problems.append(problem)
            self.changed.notify_all()

    def open_until(self, limit: float) -> None:
        """Let so many arrive."""
        with self.changed:
            self.limit = limit
            self.changed.notify_all()

    def wait_for(self, arrived: int, *, seconds: float) -> None:
        """Until so many have arrived."""
        with self.changed:
            in_time = self.changed.wait_for(lambda: self.problems or self.arrived >= arrived, timeout=seconds)
            assert not self.problems, self.problems
            assert in_time, f"{self.arrived} of {arrived} parcels were answered within {seconds:.0f} s"


class Courier(threading.Thread):
    """One gateway."""

    def __init__(self, name: str, parcels: Sequence[Sequence[Reading]], *, doors: Sequence[Door], road: Road) -> None:
        super().__init__(name=name, daemon=True)
        self.parcels, self.answers, self.attempts = parcels, list[Answer](), list[int]()
        self._doors, self._road, self._chance = list(doors), road, random.Random(name)
        self._pause = threading.Event()

    def run(self) -> None:
        for parcel in self.parcels:
            self._road.set_out()
            try:
                answer, attempts = self._bring(parcel)
            except Refused as refusal:
                self._road.fail(f"{self.name} was refused: {refusal.status} {refusal.reason}")
                return
            self.answers.append(answer)
            self.attempts.append(attempts)
            self._road.arrive()

    def _bring(self, parcel: Sequence[Reading]) -> tuple[Answer, int]:
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._doors[0].post(parcel), attempts
            except Unavailable as error:
                self._road.unavailable[error.reason.partition(": ")[2][:60]] += 1
            self._doors.append(self._doors.pop(0))
            self._pause.wait(self._chance.uniform(0.05, 0.25))
