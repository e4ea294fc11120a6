"""Why somebody isn't reached: shifts nobody has, schedules and people that are gone, addresses that don't work. Pure.

Each is critical if a policy for critical alerts that needs it reaches nobody at some time, otherwise a warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.coverage.holes import About, Hole, Kind, Paths, clock, span
from alerts.coverage.knowing import Duty
from alerts.coverage.reaching import Reaching
from alerts.models import EscalationPolicy, Severity
from notifications import preferences
from notifications.models import ContactMethod
from notifications.people import masked
from organizations import permissions
from organizations.models import Role


class Named(NamedTuple):
    """As what a policy tells somebody, in words; `policy` is None for a manager where no policy holds."""

    policy: EscalationPolicy | None
    how: str
    schedule: UUID | None = None
    since: datetime | None = None


class Causes:
    """What to look at, and which policies fail (policies.Found.critical)."""

    def __init__(self, reaching: Reaching, *, critical: Collection[UUID], asker: UUID | None) -> None:
        self._reaching, self._known = reaching, reaching.known
        self._critical, self._asker = critical, asker
        self._paths = Paths(self._known.organization)
        self._zone = ZoneInfo(self._known.organization.time_zone)
        # Schedule -> the policies that name it.
        self._users: dict[str, list[EscalationPolicy]] = defaultdict(list)
        for policy in self._known.policies:
            for schedule in self._known.schedules_of(policy):
                self._users[schedule].append(policy)

    def of_schedules(self) -> list[Hole]:
        """Shifts that nobody has, and schedules that are gone."""
        holes = []
        for schedule, policies in self._users.items():
            duty = self._known.duties.get(schedule)
            if duty is None and self._known.restricted:
                continue  # it is another site's
            if duty is None or duty.gone:
                holes += [self._gone(schedule, duty, policy) for policy in policies]
            else:
                holes += self._empty_shifts(schedule, duty, policies)
        return holes

    def of_people(self) -> list[Hole]:
        """Those who left, those who can't be written to, and addresses that fail."""
        holes = list(self._left())
        for person, named in self._named().items():
            contacts = self._known.contacts(person)
            if not any(preferences.is_usable(contact) for contact in contacts):
                holes.append(self._without_contact(person, named))
            holes += [self._failed(contact, named) for contact in contacts if self._fails(contact)]
        return holes

    # --- schedules ---------------------------------------------------------------------------------------------------

    def _gone(self, schedule: str, duty: Duty | None, policy: EscalationPolicy) -> Hole:
        called = f", “{duty.row.name}”" if duty else ""
        return Hole(
            Kind.SCHEDULE_GONE,
            self._severity([policy]),
            f"“{policy.name}” names an on-call schedule that was deleted{called}.",
            About(policy=policy.pk, schedule=UUID(schedule)),
            self._paths.policy(policy.pk),
        )

    def _empty_shifts(self, schedule: str, duty: Duty, policies: Collection[EscalationPolicy]) -> Iterator[Hole]:
        at, until = self._known.at, self._known.until
        for start, stop in self._reaching.gaps(schedule, able=frozenset(self._known.people)):
            end = stop if stop < until else None
            when = span(start, end, zone=self._zone)
            if start <= at:
                when = f"now, until {clock(end, zone=self._zone)} ({self._zone.key})" if end else "now"
            yield Hole(
                Kind.EMPTY_SHIFT,
                self._severity(policies),
                f"Nobody is on duty in “{duty.row.name}” {when}.",
                About(schedule=duty.row.pk, policy=_only(policies)),
                self._paths.schedule(duty.row.pk),
                start,
                end,
            )

    # --- people ------------------------------------------------------------------------------------------------------

    def _left(self) -> Iterator[Hole]:
        known = self._known
        for policy in known.policies:
            named = [target.person for step in known.steps[policy.pk] for target in step.targets if target.person]
            for person in (UUID(one) for one in dict.fromkeys(named)):
                if person in known.left:
                    yield Hole(
                        Kind.PERSON_LEFT,
                        self._severity([policy]),
                        f"“{policy.name}” names {known.left[person]}, who left.",
                        About(policy=policy.pk, person=person),
                        self._paths.policy(policy.pk),
                    )
        for schedule, policies in self._users.items():
            duty = known.duties.get(schedule)
            for person in duty.named if duty is not None and not duty.gone else ():
                if duty is not None and person in known.left:
                    yield Hole(
                        Kind.PERSON_LEFT,
                        self._severity(policies),
                        f"The on-call schedule “{duty.row.name}” names {known.left[person]}, who left.",
                        About(schedule=duty.row.pk, person=person, policy=_only(policies)),
                        self._paths.schedule(duty.row.pk),
                    )

    def _named(self) -> dict[UUID, list[Named]]:
        """Everybody whom a policy tells at a place that the asker may see, by name, by role, on duty; or as manager."""
        known, found = self._known, defaultdict[UUID, list[Named]](list)
        for policy in known.policies:
            own = policy.unit.site_id if policy.unit else policy.site_id
            places = [site for site in self._reaching.sites if own is None or (site is not None and site.pk == own)]
            sees = frozenset(person for site in places for person in self._reaching.sees(site))
            for step in known.steps[policy.pk]:
                for target in step.targets:
                    if target.role:
                        for one in self._with_role(target.role, sees):
                            role = Role(known.people[one].role).label.lower()
                            found[one].append(Named(policy, f"“{policy.name}” tells this person as {role}"))
                    elif target.person and UUID(target.person) in sees:
                        found[UUID(target.person)].append(Named(policy, f"“{policy.name}” names this person"))
                    elif target.schedule:
                        for one, named in self._on_duty(policy, target.schedule, sees):
                            found[one].append(named)
        for site in known.sites:
            if None in self._reaching.general[site.pk]:
                for one in self._with_role(Role.MANAGER.value, self._reaching.sees(site)):
                    found[one].append(Named(None, "is told where no policy holds"))
        return found

    def _with_role(self, role: str, sees: Iterable[UUID]) -> list[UUID]:
        roles = permissions.roles_from(role)
        return [one for one in sees if self._known.people[one].role in roles]

    def _on_duty(self, policy: EscalationPolicy, schedule: str, sees: Collection[UUID]) -> Iterator[tuple[UUID, Named]]:
        duty = self._known.duties.get(schedule)
        first: dict[UUID, datetime] = {}
        for one in duty.spans if duty is not None and not duty.gone else ():
            if one.person and UUID(one.person) in sees:
                first.setdefault(UUID(one.person), one.start)
        for person, since in first.items():
            how = f"has shifts in “{duty.row.name}”" if duty else ""
            yield person, Named(policy, how, UUID(schedule), since)

    def _without_contact(self, person: UUID, named: list[Named]) -> Hole:
        first = named[0]
        times = [one.since for one in named]
        since = [time for time in times if time is not None]
        return Hole(
            Kind.PERSON_WITHOUT_CONTACT,
            self._severity(one.policy for one in named),
            f"{self._known.people[person].name} has no address that works, and {first.how}.",
            About(policy=None if first.policy is None else first.policy.pk, schedule=first.schedule, person=person),
            self._paths.person(person, asker=self._asker),
            # Only on duty: from the first shift on.
            min(since) if len(since) == len(times) else None,
        )

    def _fails(self, contact: ContactMethod) -> bool:
        return contact.disabled_at is not None or (
            contact.verified_at is not None and contact.pk in self._known.failing
        )

    def _failed(self, contact: ContactMethod, named: list[Named]) -> Hole:
        name, address = self._known.people[contact.user_id].name, masked(contact.address)
        words = f"The last messages to {name} at {address} failed."
        if contact.disabled_at is not None:
            words = f"{address} of {name} was switched off, since nothing arrives there."
        return Hole(
            Kind.ADDRESS_FAILED,
            self._severity(one.policy for one in named),
            words,
            About(person=contact.user_id),
            self._paths.person(contact.user_id, asker=self._asker),
            contact.disabled_at,
        )

    def _severity(self, policies: Iterable[EscalationPolicy | None]) -> str:
        critical = any(policy is not None and policy.pk in self._critical for policy in policies)
        return (Severity.CRITICAL if critical else Severity.WARNING).value


def _only(policies: Collection[EscalationPolicy]) -> UUID | None:
    return next(iter(policies)).pk if len(policies) == 1 else None
