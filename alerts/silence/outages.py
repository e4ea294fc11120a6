"""When it was us who didn't listen: how long the sweep waits for those who are just about to deliver.

Note [Outages]. After an outage of ours everybody looks silent, and most are about to deliver what they kept. Two
witnesses tell of one. The last round of the sweep, kept in the database: if it was long ago, workers or the database
were away, and so perhaps everything else. And while rounds go on, the newest `last_received_at` of the installation: if
nothing came from anybody although sensors of several organizations are overdue, it is our door that is shut. Of few
organizations that isn't said: theirs may be silent together. Readings can't tell afterwards whether the door was open
while nobody swept, since a sensor keeps only its newest; so that pause counts as an outage, too.

Whose silence fell due after we listened last gets `GRACE_S` from our return before it opens, with its true times and
`found_at`. What was due before waits no longer. No crash loop extends that for ever: an outage holds a silence for at
most `LONGEST_GRACE_S` after the first return, another one holds only what fell due after the round before it, and a
shut door is waited for until `LONGEST_SHUT_S` after the last reading.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from django.db import connection

from alerts.models import Listening

# Rounds come every 15 s and take 12 s at most; a worker that is restarted for a new release is away for a minute.
AWAY_AFTER_S: Final = 90.0
# Within this a sensor of the usual interval (five minutes) has had its turn, and a gateway has tried again.
GRACE_S: Final = 6 * 60.0
# However often we come and go: what falls due during an outage isn't held longer after the first return.
LONGEST_GRACE_S: Final = 10 * 60.0
# After this the reason no longer matters: nobody watches the food, and people must hear of it.
LONGEST_SHUT_S: Final = 30 * 60.0
# So many sensors of so many organizations don't fall silent at the same moment by themselves.
FEWEST_OVERDUE: Final = 20
FEWEST_ORGANIZATIONS: Final = 5


class Attention(NamedTuple):
    """How well the sweep has listened, as of its round `at`. Seconds since 1970.

    `since` is until when we listened for certain before the last outage, `back` when rounds went on after it, `until`
    how long silences that fell due after `since` are held.
    """

    at: float
    since: float | None = None
    back: float | None = None
    until: float | None = None

    @property
    def is_patient(self) -> bool:
        """Whether a grace wasn't over in this round."""
        return self.until is not None and self.until > self.at

    def is_of_outage(self, due: float) -> bool:
        """Whether a silence fell due while we were away, or before everybody had a chance to deliver."""
        return self.since is not None and self.until is not None and self.since < due < self.until

    def facts(self, due: float) -> dict[str, Any]:
        """What an alert that was held keeps of the reason (`Alert.facts`); nothing where there is none."""
        if self.since is None or self.back is None or not self.is_of_outage(due):
            return {}
        return {"outage": {"from": _iso(self.since), "to": _iso(self.back)}}

    def holds(self, due: float) -> bool:
        """Whether a silence that fell due at that moment isn't told yet."""
        return self.is_patient and self.since is not None and self.since < due


class Door(NamedTuple):
    """When anything came last from anybody (seconds since 1970), and whether more should have come since."""

    newest: float | None
    is_shut: bool


def following(before: Attention | None, door: Door, *, now: float) -> Attention:
    """What a round knows, by what the one before it knew. Pure. The very first one knows of no outage."""
    if before is None:
        return Attention(now)
    if now - before.at > AWAY_AFTER_S:
        return _returned(before, now=now)
    if door.is_shut and door.newest is not None:
        return _shut(before, door.newest, now=now)
    if before.is_patient and before.back is not None and not _has_come(door, before.since):
        # We are back, but nothing has come from anybody: the door isn't, or they are just trying again.
        return before._replace(at=now, until=min(now + GRACE_S, before.back + LONGEST_GRACE_S))
    return before._replace(at=now)


def _returned(before: Attention, *, now: float) -> Attention:
    if before.is_patient and before.back is not None:
        until = min(now + GRACE_S, before.back + LONGEST_GRACE_S)
        if until > now:
            return before._replace(at=now, until=until)
    return Attention(now, since=before.at, back=now, until=now + GRACE_S)


def _shut(before: Attention, newest: float, *, now: float) -> Attention:
    if not before.is_patient or before.since is None or before.until is None:
        # Once it was waited for long enough, the same shut door is no reason any more.
        if before.since is not None and newest <= before.since + 0.001:
            return before._replace(at=now)
        return Attention(now, since=newest, back=now, until=min(now + GRACE_S, newest + LONGEST_SHUT_S))
    if now >= before.since + LONGEST_SHUT_S:
        return before._replace(at=now)
    until = min(now + GRACE_S, before.since + LONGEST_SHUT_S)
    return before._replace(at=now, back=now, until=max(before.until, until))


def _has_come(door: Door, since: float | None) -> bool:
    return since is not None and door.newest is not None and door.newest > since + 0.001


_NEWEST: Final = """
SELECT extract(epoch FROM max(last_received_at))::float8 FROM sensors_sensor
WHERE retired_at IS NULL AND unit_id IS NOT NULL
"""
# Those that spoke in time before the door was shut, if it was, and have missed a reading since.
_OVERDUE: Final = """
SELECT count(*), count(DISTINCT organization_id) FROM sensors_sensor
WHERE retired_at IS NULL AND unit_id IS NOT NULL
  AND last_received_at + expected_interval_s * interval '1.5 seconds' BETWEEN to_timestamp(%s) AND %s
"""


def look_at_door(*, at: datetime) -> Door:
    """Whether readings reach us. Call inside a transaction of the system: it is about the whole installation."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        [newest] = cursor.fetchone()
        if newest is None or at.timestamp() - newest <= AWAY_AFTER_S:
            return Door(newest, is_shut=False)
        cursor.execute(_OVERDUE, [newest, at])
        sensors, organizations = cursor.fetchone()
    return Door(newest, is_shut=sensors >= FEWEST_OVERDUE and organizations >= FEWEST_ORGANIZATIONS)


def begin_round(*, at: datetime) -> Attention:
    """Write down that a round of the sweep begins; what it has to know of outages. Call inside a transaction of the
    system. May be repeated, and run twice at once.
    """
    row = Listening.objects.select_for_update().filter(pk=Listening.ONLY).first()
    before = None if row is None else _attention(row)
    now = following(before, look_at_door(at=at), now=at.timestamp())
    written = Listening(
        pk=Listening.ONLY,
        round_at=at,
        heard_until=_moment(now.since),
        back_at=_moment(now.back),
        patient_until=_moment(now.until),
    )
    columns = ["round_at", "heard_until", "back_at", "patient_until"]
    Listening.objects.bulk_create([written], update_conflicts=True, unique_fields=["id"], update_fields=columns)
    return now


def _attention(row: Listening) -> Attention:
    moments = (row.heard_until, row.back_at, row.patient_until)
    return Attention(row.round_at.timestamp(), *(None if at is None else at.timestamp() for at in moments))


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
