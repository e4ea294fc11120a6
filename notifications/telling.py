"""Tell people what happened. Rooms say what, to whom and in which words; this one decides how each person is told.

Whatever the way (Note [Routes] in routing.py), everybody finds it in the app's inbox. What would come too thick, or in
quiet hours, comes together (Note [Storms] in summaries.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from notifications import inbox, outbox, routing, summaries
from notifications.models import ContactKind, InboxItem, Notification, Severity, Urgency
from notifications.routing import Route, Way
from organizations.models import User


@dataclass(frozen=True)
class Words:
    """What happened, in words. `short` is one sentence for SMS, push and the inbox; it names the unit, too.

    Where a link belongs that answers in the person's name, text and html say links.ANSWER_LINK.
    """

    subject: str
    text: str
    html: str
    short: str


@dataclass(frozen=True)
class Notice:
    """Something that happened, and how to say it.

    `path` is where it is in the app, beginning with a slash. `key` says what happened, once ("alert:<id>:opened"): with
    the same key nobody is told twice. `words` depend on the person's scale, language and time zone only, and are made
    once for all who share these. What is `urgent` passes quiet hours and absences as what is critical does.
    """

    organization_id: UUID
    site_id: UUID | None
    event: str
    about: str
    severity: str
    path: str
    key: str
    words: Callable[[User], Words]
    urgent: bool = False


def tell(notice: Notice, *, people: Iterable[UUID], at: datetime) -> list[Notification]:
    """Tell these people, each by the way they chose; returns the messages that are new. Twice is the same as once.

    A handful of statements however many people. Call inside a transaction.
    """
    return tell_all([notice], people=people, at=at)


def tell_all(notices: Sequence[Notice], *, people: Iterable[UUID], at: datetime) -> list[Notification]:
    """The same of several things that happened at once, all of one organization, site, severity and urgency.

    No more statements than for one. Call inside a transaction.
    """
    if not notices:
        return []
    organization_id, site_id = notices[0].organization_id, notices[0].site_id
    first = notices[0]
    routes = routing.routes(
        people, organization_id=organization_id, severity=first.severity, urgent=first.urgent, at=at
    )
    if not routes:
        return []
    said = [(notice, _said(notice, routes)) for notice in notices]
    items = inbox.put(
        [_item(notice, route.user, words[route.user.pk], at=at) for notice, words in said for route in routes], at=at
    )
    messages = [
        (
            f"{notice.key}:{way.contact.pk}",
            _message(notice, way, words[route.user.pk], item_id=items[_inbox_key(notice, route.user)]),
        )
        for notice, words in said
        for route in routes
        for way in route.contacts
    ]
    gathered = summaries.gather(messages, organization_id=organization_id, site_id=site_id, at=at)
    return outbox.promise_all(gathered, at=at)


def urgency_of(severity: str) -> Urgency:
    """Which queue something of this severity waits in."""
    return Urgency.DEFAULT if severity == Severity.INFO else Urgency.URGENT


def _said(notice: Notice, routes: Iterable[Route]) -> dict[UUID, Words]:
    """Each person's words, made once for all who read them alike."""
    made: dict[tuple[str, str, str], Words] = {}
    said = {}
    for user in (route.user for route in routes):
        alike = (user.temperature_unit, user.language, user.time_zone)
        if alike not in made:
            made[alike] = notice.words(user)
        said[user.pk] = made[alike]
    return said


def _item(notice: Notice, user: User, words: Words, *, at: datetime) -> InboxItem:
    return InboxItem(
        organization_id=notice.organization_id,
        user_id=user.pk,
        site_id=notice.site_id,
        event=notice.event,
        about=notice.about,
        severity=notice.severity,
        subject=words.subject[:300],
        text=words.short[:1000],
        path=notice.path,
        dedupe_key=_inbox_key(notice, user),
        created_at=at,
    )


def _inbox_key(notice: Notice, user: User) -> str:
    return f"{notice.key}:{user.pk}"


def _message(notice: Notice, way: Way, words: Words, *, item_id: UUID) -> outbox.Message:
    in_full = way.contact.kind == ContactKind.EMAIL
    return outbox.Message(
        organization_id=notice.organization_id,
        site_id=notice.site_id,
        contact=way.contact,
        event=notice.event,
        about=notice.about,
        severity=notice.severity,
        urgency=urgency_of(notice.severity),
        subject=words.subject,
        text=words.text if in_full else words.short,
        html=words.html if in_full else "",
        extra={"path": notice.path},
        item_id=item_id,
        due_at=way.due_at,
    )
