"""Who is it here? Note [Linking accounts] in organizations/accounts/providers.py says whose word counts for what."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.utils.module_loading import import_string

from organizations import security_events
from organizations.models import AccessToken, ExternalIdentity, Membership, User
from organizations.names import ZONES
from organizations.oidc.tokens import BadToken, Claims
from organizations.tenancy import acting_as_system

LAST_USED_RESOLUTION: Final = timedelta(minutes=1)
# Two first requests at once: one makes the account, the other finds it. A third attempt is for a third request.
ATTEMPTS: Final = 3
LONGEST_NAME: Final = 150
LONGEST_EMAIL: Final = 254


def person_of(*, claims: Claims, at: datetime) -> User:
    """The person whom the token speaks for, with an account made or linked at the first time. Opens its transactions.

    Raises BadToken for somebody who is switched off, or new without an address that the issuer verified.
    """
    for attempt in range(ATTEMPTS):
        try:
            with acting_as_system("sign-in"):
                return _known(claims, at=at) or _newcomer(claims, at=at)
        except IntegrityError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError  # the last attempt returns or raises


def _known(claims: Claims, *, at: datetime) -> User | None:
    """Once linked it is the subject that counts, whatever the address became."""
    identity = (
        ExternalIdentity.objects.select_related("user").filter(issuer=claims.issuer, subject=claims.subject).first()
    )
    if identity is None:
        return None
    _must_be_active(identity.user)
    if identity.last_used_at is None or at - identity.last_used_at > LAST_USED_RESOLUTION:
        ExternalIdentity.objects.filter(pk=identity.pk).update(last_used_at=at)
    return identity.user


def _newcomer(claims: Claims, *, at: datetime) -> User:
    email = _address(claims)
    # Locked before anything is judged by it: of two at once the second sees what the first made of it.
    unproved = User.objects.select_for_update().filter(email__iexact=email).first()
    proved = EmailAddress.objects.select_related("user").filter(email=email, verified=True).first()
    if proved is not None:
        user: User = proved.user
        _must_be_active(user)
    else:
        user = _made(email, claims) if unproved is None else _emptied(unproved, at=at)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        for furnish in settings.NEWCOMERS:
            import_string(furnish)(user=user)
    ExternalIdentity.objects.create(user=user, issuer=claims.issuer, subject=claims.subject, last_used_at=at)
    return user


def _address(claims: Claims) -> str:
    try:
        if claims.email is None or len(claims.email) > LONGEST_EMAIL:
            raise ValidationError("none")
        validate_email(claims.email)
    except ValidationError:
        raise BadToken(
            "You are new here, and your identity provider doesn't say that it verified your e-mail address.",
            code="email_not_verified",
        ) from None
    return claims.email


def _made(email: str, claims: Claims) -> User:
    language = claims.language.replace("_", "-").lower()
    known = [code for code in (language, language.partition("-")[0]) if code in dict(settings.LANGUAGES)]
    return User.objects.create_user(
        email,
        name=claims.name[:LONGEST_NAME],
        language=known[0][:8] if known else "en",
        time_zone=claims.time_zone if claims.time_zone in ZONES else "UTC",
    )


def _emptied(user: User, *, at: datetime) -> User:
    """An account with an address that nobody ever proved to be theirs, as an empty shell for the address's owner.

    Whoever made it may be lying in wait: everything that it can be entered with ends.
    """
    _must_be_active(user)
    if user.is_staff or user.is_superuser:
        # Made by hand, with rights over every customer: nobody gets near it by an address alone.
        raise BadToken("Confirm your address here first, then sign in this way.", code="email_not_verified")
    user.set_unusable_password()
    user.save(update_fields=["password"])
    sessions = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    for rows in (
        sessions,
        Authenticator.objects.filter(user=user),
        SocialAccount.objects.filter(user=user),
        ExternalIdentity.objects.filter(user=user),
        EmailAddress.objects.filter(user=user),
    ):
        rows.delete()
    AccessToken.objects.filter(user=user, revoked_at=None).update(revoked_at=at)
    for membership in Membership.objects.current().filter(user=user).select_related("organization"):
        security_events.note(
            organization=membership.organization,
            kind="account_reclaimed",
            detail="Somebody proved the address of an account that never had; its password, sessions and tokens ended.",
            user=user,
        )
    return user


def _must_be_active(user: User) -> None:
    if not user.is_active:
        raise BadToken("This account is switched off.", code="account_disabled")
