"""The steps of a policy, as they are kept in JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

# More than anybody has patience for, and few enough to be read in one look.
MOST_STEPS: Final = 20
MOST_TARGETS: Final = 20
LONGEST_WAIT_S: Final = 86_400
# Sooner than that the first haven't had the time to get up.
SHORTEST_REPEAT_S: Final = 60


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom a step tells. One of: a person, everybody with a role or a higher one, whoever is on duty in a schedule."""

    person: str = ""
    role: str = ""
    schedule: str = ""


class Step(msgspec.Struct, frozen=True):
    """Tell these, `wait_s` seconds after the step before (the first: after the alert opened).

    `urgent`: quiet hours don't hold it back, however little the alert matters.
    """

    targets: tuple[Target, ...]
    wait_s: int = 0
    urgent: bool = False


class Plan(msgspec.Struct, frozen=True):
    """The steps that an alert is given, and the policy they are of (id and name, as it was called then)."""

    policy: str
    name: str
    steps: tuple[Step, ...]
    repeat_s: int

    def nth(self, taken: int) -> Step:
        """The step that follows after so many were taken; after the last comes the first."""
        return self.steps[taken % len(self.steps)]

    def round_of(self, taken: int) -> int:
        """How often all of them were taken before it, 0 at first."""
        return taken // len(self.steps)

    def wait_before(self, taken: int) -> timedelta:
        """How long after the step before; the first of all has its own wait, in later rounds the policy's pause."""
        again = taken > 0 and taken % len(self.steps) == 0
        return timedelta(seconds=self.repeat_s if again else self.nth(taken).wait_s)


def encode(plan: Plan) -> dict[str, Any]:
    """As it is kept with an alert."""
    built: dict[str, Any] = msgspec.to_builtins(plan)
    return built


def decode(column: Mapping[str, Any] | None) -> Plan | None:
    """What `encode` wrote. None for an alert without one."""
    return msgspec.convert(column, Plan) if column else None


def steps_of(column: Any) -> tuple[Step, ...]:
    """The steps of a policy's column. Raises msgspec.ValidationError for anything else."""
    return msgspec.convert(column, tuple[Step, ...])


def written(steps: Any) -> list[dict[str, Any]]:
    """Steps as a policy keeps them."""
    built: list[dict[str, Any]] = msgspec.to_builtins(tuple(steps))
    return list(built)
