"""Messages about a person's own account: codes, links, and notices of what was changed."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from notifications import people
from notifications.letters import promise_letter
from organizations.accounts.adapter import AccountAdapter
from organizations.models import User
from organizations.tenancy import acting_as_system

# What the owner hears of, and why it matters. Other messages have templates of their own.
NOTICES: Final = {
    "account/email/email_changed": (
        "Your sign-in address was changed",
        "You sign in to FreshTrack with {to_email} from now on. This address, {from_email}, doesn't work any more.",
    ),
    "account/email/password_changed": ("Your password was changed", "The password of your account was changed."),
    "account/email/password_set": ("Your account has a password", "A password was added to your account."),
    "account/email/password_reset": (
        "Your password was changed",
        "The password of your account was changed with a link from an e-mail. All devices were signed out.",
    ),
    "mfa/email/totp_activated": (
        "Signing in asks for a code now",
        "An authenticator app was added to your account: signing in takes a code from it.",
    ),
    "mfa/email/totp_deactivated": (
        "Signing in doesn't ask for a code any more",
        "The authenticator app was removed from your account.",
    ),
    "mfa/email/recovery_codes_generated": (
        "You have new recovery codes",
        "New recovery codes were made for your account. The old ones are worth nothing any more.",
    ),
    "mfa/email/webauthn_added": ("A passkey was added", "A passkey was added to your account."),
    "mfa/email/webauthn_removed": ("A passkey was removed", "A passkey was removed from your account."),
    "socialaccount/email/account_connected": (
        "You can sign in with {provider}",
        "Your account was connected with {provider}: whoever is signed in there can sign in here.",
    ),
    "socialaccount/email/account_disconnected": (
        "You can't sign in with {provider} any more",
        "Your account isn't connected with {provider} any more.",
    ),
}


_CODE_SENT: Final = "account/messages/email_confirmation_sent.txt"
_PROMISED: Final = "_account_mail_promised"


class MailingAdapter(AccountAdapter):
    """ACCOUNT_ADAPTER. No request waits for a mail server: messages go through the outbox, where nobody reads them."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Promise the message `template_prefix` names to this address. Opens its own transaction."""
        words = {**context, "email": email, "public_url": settings.PUBLIC_URL, "link": self._link(context)}
        words["hours"] = settings.PASSWORD_RESET_TIMEOUT // 3600
        if template_prefix == "account/email/unknown_account":
            # Making a link asks for the account's address once more: both must cost the same.
            EmailAddress.objects.get_primary_email(User(email=email))
        if template_prefix in NOTICES:
            subject, sentence = (part.format(**_shown(context)) for part in NOTICES[template_prefix])
            words |= {"subject": subject, "sentence": sentence}
            template_prefix, event = "account/email/notice", template_prefix
        else:
            subject, event = render_to_string(f"{template_prefix}_subject.txt", words), template_prefix
        text = render_to_string(f"{template_prefix}_message.txt", words)
        html = render_to_string(f"{template_prefix}_message.html", words)
        user = context.get("user")
        setattr(self.request, _PROMISED, True)
        with acting_as_system("account mail"):
            promise_letter(
                organization=None,
                user=user if isinstance(user, User) else None,
                to=email,
                event=f"account.{event.rpartition('/')[2]}",
                about="",
                subject=subject,
                text=text,
                html=html,
                dedupe_key=f"account:{uuid4()}",
                at=timezone.now(),
            )

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        *rest: Any,
        **more: Any,
    ) -> None:
        """Nothing to show: the app asks. But where allauth says that a code was sent and sent none, it would be seen.

        That is when somebody asks for another code for an address that has an account: its owner hears of that as well.
        """
        if message_template == _CODE_SENT and message_context and not getattr(request, _PROMISED, False):
            self.send_mail("account/email/account_already_exists", message_context["email"], {})
        super().add_message(request, level, message_template, message_context, *rest, **more)

    def _link(self, context: dict[str, Any]) -> str:
        """Where the code can be handed in without typing it."""
        return f"{settings.PUBLIC_URL}/verify-email/{context['code']}" if "code" in context else ""

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell the owner what was changed."""
        super().send_notification_mail(template_prefix, user, {**(context or {}), "user": user}, email)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """A verified address is where its person is told of alerts, in place of the one it replaces."""
        former = User.objects.values_list("email", flat=True).get(pk=email_address.user_id)
        confirmed = bool(super().confirm_email(request, email_address))
        if confirmed:
            with acting_as_system("own account"):
                people.replace_sign_in_address(user=email_address.user, former=former)
        return confirmed

    def post_login(self, request: HttpRequest, user: User, **hints: Any) -> Any:
        """Nobody is signed in without a verified address, however it was verified."""
        with acting_as_system("own account"):
            people.keep_sign_in_address(user=user)
        return super().post_login(request, user, **hints)


def _shown(context: dict[str, Any]) -> dict[str, Any]:
    provider = context.get("provider")
    account = context.get("account")
    if provider is None and account is not None:
        provider = account.get_provider()
    return {**context, "provider": getattr(provider, "name", "")}
