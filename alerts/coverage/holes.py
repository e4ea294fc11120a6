"""A hole in who is told: what it is, how bad, and where it is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import dateformat

from alerts.models import Severity
from notifications.addresses import SETTINGS_PATH
from organizations.models import Organization
from sensors.models import Site

# So many sites are named in a sentence.
_MOST_NAMED: Final = 3


class Kind(StrEnum):
    """What is wrong. In the order in which people read of them."""

    NOBODY_FOR_PLACE = "nobody_for_place"
    POLICY_REACHES_NOBODY = "policy_reaches_nobody"
    EMPTY_SHIFT = "empty_shift"
    SCHEDULE_GONE = "schedule_gone"
    PERSON_LEFT = "person_left"
    PERSON_WITHOUT_CONTACT = "person_without_contact"
    ADDRESS_FAILED = "address_failed"
    STEP_REACHES_NOBODY = "step_reaches_nobody"
    ONLY_ONE_PERSON = "only_one_person"


@dataclass(frozen=True)
class About:
    """What it is about, by id; `step` counts from 1."""

    policy: UUID | None = None
    schedule: UUID | None = None
    person: UUID | None = None
    site: UUID | None = None
    step: int | None = None


@dataclass(frozen=True)
class Hole:
    """One hole. `text` is a sentence, `path` where in the app it is mended.

    `starts_at`: from then on (None: at any time), to `ends_at` (None: nobody knows, or beyond what is looked at).
    """

    kind: Kind
    severity: str
    text: str
    about: About
    path: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True)
class Coverage:
    """Every hole of an organization at a moment, worst first."""

    checked_at: datetime
    holes: Sequence[Hole]

    @property
    def ok(self) -> bool:
        """Nothing to mend."""
        return not self.holes

    @property
    def critical(self) -> int:
        """How many of them matter for what is critical."""
        return sum(hole.severity == Severity.CRITICAL for hole in self.holes)

    @property
    def warning(self) -> int:
        """The others."""
        return len(self.holes) - self.critical


class Paths:
    """Where in the app things are mended."""

    def __init__(self, organization: Organization) -> None:
        self._home = f"/o/{organization.slug}"

    def policy(self, policy: UUID) -> str:
        """An escalation policy."""
        return f"{self._home}/escalation/{policy}"

    def members(self) -> str:
        """Who works here."""
        return f"{self._home}/members"

    def schedule(self, schedule: UUID) -> str:
        """An on-call schedule."""
        return f"{self._home}/on-call/{schedule}"

    def person(self, person: UUID, *, asker: UUID | None) -> str:
        """Addresses are one's own to mend; of others one sees who they are."""
        return SETTINGS_PATH if person == asker else self.members()


def rank(hole: Hole) -> tuple[bool, int, float, str]:
    """Worst first, then what is soonest."""
    soon = hole.starts_at.timestamp() if hole.starts_at else 0.0
    return hole.severity != Severity.CRITICAL, list(Kind).index(hole.kind), soon, hole.text


def clock(moment: datetime, *, zone: ZoneInfo) -> str:
    """A moment on the wall clock of the organization."""
    return dateformat.format(moment.astimezone(zone), "D j M, H:i")


def span(begin: datetime, end: datetime | None, *, zone: ZoneInfo) -> str:
    """From when to when, in words."""
    until = f" to {clock(end, zone=zone)}" if end else " on"
    return f"from {clock(begin, zone=zone)}{until} ({zone.key})"


def where(sites: Sequence[Site | None], *, all_of: int) -> str:
    """At which sites, to be put behind a verb; nothing where it is at all of them."""
    names = [site.name for site in sites if site is not None]
    if not names or len(sites) == all_of:
        return ""
    more = len(names) - _MOST_NAMED
    if more > 0:
        return f" at {', '.join(names[:_MOST_NAMED])} and {more} more"
    return f" at {' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"
