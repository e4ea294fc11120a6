"""How allauth makes, checks and protects accounts here."""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import uuid4

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.account.utils import setup_user_email
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.headless.base.response import ConflictResponse
from allauth.usersessions.internal.flows.sessions import end_other_sessions
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from organizations.accounts import limits
from organizations.accounts.door import ALLAUTH_WAIT_S, too_fast
from organizations.models import User

_PROVED: Final = "proved_email"
# As long as somebody needs to fill in a form; the link that proved it can be opened again.
PROVED_FOR_S: Final = 3600
# By allauth, before it sends the first code; a test compares.
LOOKS_AT_A_NEW_ACCOUNT: Final = 6


def display_name(user: User) -> str:
    """ACCOUNT_USER_DISPLAY: the name, or the address of somebody who gave none."""
    return user.get_full_name()


class AccountAdapter(DefaultAccountAdapter):
    """What needs no messages; `notifications.accounts.MailingAdapter` adds those (ACCOUNT_ADAPTER)."""

    error_messages: Final = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "This address and password don’t belong together.",
        "incorrect_code": "This code is wrong.",
        "incorrect_password": "This password is wrong.",
        "enter_current_password": "This isn’t your present password.",
        "invalid_or_expired_key": "This link is too old or was used already.",
        "invalid_password_reset": "This link is too old or was used already.",
    }

    def stash_verified_email(self, request: HttpRequest, email: str) -> None:
        """Remember that whoever asks came by a link that only this mailbox got: signing up with it needs no code."""
        request.session[_PROVED] = {"email": email.lower(), "at": time.time()}

    def unstash_verified_email(self, request: HttpRequest) -> None:
        """Nothing: allauth would make it the account's address whatever the form says. See is_email_verified."""

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """Exactly the address that was proved in this session, and not long ago."""
        proved = request.session.get(_PROVED)
        return bool(proved and proved["email"] == email.lower() and time.time() - proved["at"] < PROVED_FOR_S)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Store somebody who signs up. Two taps on the button at once make one account: the second is a 409."""
        try:
            with transaction.atomic():
                stored: User = super().save_user(request, user, form, commit)
        except IntegrityError:
            raise ImmediateHttpResponse(ConflictResponse(request)) from None
        return stored

    def send_account_already_exists_mail(self, email: str) -> None:
        """Tell the owner that somebody tried to sign up again, after the work that a new account would have been."""
        with transaction.atomic():
            nobody = User(email=f"{uuid4()}@freshtrack.invalid")
            nobody.set_password(nobody.email)
            nobody.save()
            setup_user_email(context.request, nobody, [])
            for _ in range(LOOKS_AT_A_NEW_ACCOUNT):
                EmailAddress.objects.filter(user_id=nobody.pk).first()
            transaction.set_rollback(True)
        super().send_account_already_exists_mail(email)

    def post_login(self, request: HttpRequest, user: User, **hints: Any) -> Any:
        """Whoever is signed in has an address; what was proved is used up."""
        request.session.pop(_PROVED, None)
        return super().post_login(request, user, **hints)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Nothing: organizations.accounts.passwords locks, and by address; allauth would lock the owner out."""

    def set_password(self, user: User, password: str) -> None:
        """Store the new password, and end every other session with its open sockets."""
        super().set_password(user, password)
        request = context.request
        end_other_sessions(request, user)
        limits.forgive(user.email, self.get_client_ip(request))
        # Whoever knew the old password and guessed second factors doesn't get that far any more.
        ratelimit.clear(request, app="allauth.account", action="login_failed", key=f"mfa-auth-user-{user.pk}")

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """Too many wrong codes are a 429, not a mistake in a form. Raises ImmediateHttpResponse for those."""
        if code == "too_many_login_attempts":
            raise ImmediateHttpResponse(too_fast(ALLAUTH_WAIT_S))
        error: ValidationError = super().validation_error(code, *args)
        return error
