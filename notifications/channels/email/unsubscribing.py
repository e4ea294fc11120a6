"""One click in the mail program ends messages that can wait. No click there silences what can't (docs/adr/0022)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings

from notifications import inbox, links
from notifications.addresses import SETTINGS_PATH
from notifications.channels import Parcel
from notifications.models import (
    ContactKind,
    Digest,
    InboxItem,
    NotificationPreference,
    Period,
    Severity,
)
from organizations.models import Organization, User

# RFC 8058 leaves it open; who finds an old message must still get rid of the new ones.
GOOD_FOR: Final = timedelta(days=366)

_PURPOSE: Final = "unsubscribe"
_DIGEST: Final = "digest."


class Wish(NamedTuple):
    """Whose messages of which kind end: `what` is a digest's period or a severity."""

    what: str
    user_id: UUID
    organization_id: UUID

    @property
    def words(self) -> str:
        """What isn't sent any more."""
        if self.what in Period.values:
            return f"the {self.what} digest"
        return "e-mails about warnings" if self.what == Severity.WARNING else "e-mails that are for information only"


def headers(parcel: Parcel, *, at: datetime) -> dict[str, str]:
    """List-Unsubscribe with one click (RFC 8058), for what a person may do without."""
    wish = _wish(parcel)
    if wish is None:
        return {}
    content = links.Sealed(wish.what, wish.user_id, wish.organization_id)
    token = links.seal(content, purpose=_PURPOSE, until=at + GOOD_FOR)
    return {
        "List-Unsubscribe": f"<{settings.PUBLIC_URL}/unsubscribe/{token}/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _wish(parcel: Parcel) -> Wish | None:
    """None: critical, about the account, or a letter that somebody asked for."""
    if parcel.confidential or parcel.user_id is None or parcel.organization_id is None:
        return None
    period = parcel.event.removeprefix(_DIGEST)
    if parcel.event.startswith(_DIGEST) and period in Period.values:
        return Wish(period, parcel.user_id, parcel.organization_id)
    if parcel.severity == Severity.CRITICAL:
        return None
    return Wish(parcel.severity, parcel.user_id, parcel.organization_id)


def wish_of(token: str, *, at: datetime) -> Wish:
    """What a link ends. Raises links.Worthless, links.TooOld."""
    content = links.unseal(token, purpose=_PURPOSE, at=at)
    return Wish(content.word, content.first, content.second)


def names(wish: Wish) -> tuple[str, str] | None:
    """The person's address and the organization's name, for the page; None if one is gone. In a system transaction."""
    email = User.objects.filter(pk=wish.user_id, is_active=True).values_list("email", flat=True).first()
    organization = (
        Organization.objects.filter(pk=wish.organization_id, deleted_at=None).values_list("name", flat=True).first()
    )
    return None if email is None or organization is None else (email, organization)


def switch_off(*, wish: Wish, at: datetime) -> bool:
    """Send no more of it; False if nothing was sent anyway. The person finds a note in the app's inbox.

    Call inside a system transaction; twice is the same as once.
    """
    off = _digest_off(wish) if wish.what in Period.values else _severity_off(wish)
    if off:
        item = InboxItem(
            organization_id=wish.organization_id,
            user_id=wish.user_id,
            event="unsubscribed",
            subject=f"Switched off: {wish.words}",
            text="Somebody used the link in one of them. Switch it on again in your settings if it wasn't you.",
            path=SETTINGS_PATH,
            dedupe_key=f"unsubscribed:{uuid4()}",
            created_at=at,
        )
        inbox.put([item], at=at)
    return off


def _digest_off(wish: Wish) -> bool:
    mine = Digest.objects.filter(user=wish.user_id, organization=wish.organization_id, period=wish.what, enabled=True)
    return bool(mine.update(enabled=False))


def _severity_off(wish: Wish) -> bool:
    # No row means by e-mail, so there must be one that says otherwise.
    preference, made = NotificationPreference.objects.select_for_update().get_or_create(
        user_id=wish.user_id, organization_id=wish.organization_id, severity=wish.what, defaults={"channels": []}
    )
    if made:
        return True
    if ContactKind.EMAIL not in preference.channels:
        return False
    preference.channels = [channel for channel in preference.channels if channel != ContactKind.EMAIL]
    preference.save(update_fields=["channels"])
    return True
