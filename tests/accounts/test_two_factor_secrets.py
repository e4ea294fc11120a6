"""How second-factor secrets lie in the database, and how their key is changed."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.core.management import CommandError, call_command

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"


def code_of(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))


def test_secrets_are_encrypted_and_codes_still_fit() -> None:
    user = UserFactory()
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    stored = {row.type: row for row in Authenticator.objects.filter(user=user)}
    assert SECRET not in str(stored["totp"].data)
    assert TOTP(stored["totp"]).validate_code(code_of(SECRET))
    codes = RecoveryCodes(stored["recovery_codes"]).get_unused_codes()
    assert len(codes) == 10
    assert RecoveryCodes(stored["recovery_codes"]).validate_code(codes[0])
    assert not RecoveryCodes(stored["recovery_codes"]).validate_code(codes[0])


def test_a_former_key_opens_until_the_secrets_are_stored_anew(settings: Any, capsys: Any) -> None:
    user = UserFactory()
    former = settings.SECRET_KEY
    TOTP.activate(user, SECRET)
    before = Authenticator.objects.get(user=user).data["secret"]

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new key" * 6, [former]
    assert TOTP(Authenticator.objects.get(user=user)).validate_code(code_of(SECRET))
    call_command("rotate_secret_key")
    assert "1 second-factor secrets" in capsys.readouterr().out

    settings.SECRET_KEY_FALLBACKS = []
    row = Authenticator.objects.get(user=user)
    assert row.data["secret"] != before
    assert decrypt(row.data["secret"]) == SECRET  # a code counts once, so it can't be tried again here


def test_a_secret_that_no_key_opens_is_named(settings: Any) -> None:
    TOTP.activate(UserFactory(), SECRET)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key" * 6, []
    with pytest.raises(CommandError, match="1 can't be opened"):
        call_command("rotate_secret_key")
