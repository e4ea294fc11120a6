"""Signing in with an account elsewhere, through a real provider's redirects. Note [Linking accounts]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from notifications.models import ContactMethod
from organizations.models import Membership, User
from tests.accounts.client import Browser, Mailbox, code_in, person
from tests.accounts.openid import CLIENT, SECRET, Provider, openid_provider
from tests.factories import MembershipFactory, UserFactory, as_system

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "violet anchor 27 tram"
COOK = {"sub": "1234", "email": "Cook@Example.com", "email_verified": True, "name": "Cora Cook"}


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with openid_provider() as running:
        app = {
            "provider_id": "acme",
            "name": "Acme",
            "client_id": CLIENT,
            "secret": SECRET,
            "settings": {"server_url": running.issuer, "oauth_pkce_enabled": True},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
        yield running


def follow(browser: Browser, process: str = "login") -> str:
    """Press the button and go where the redirects lead; returns the address of the app one comes back to."""
    form = {"provider": "acme", "callback_url": "/sign-in/back", "process": process}
    answer = browser.post("/_allauth/browser/v1/auth/provider/redirect", form)
    assert answer.status_code == 302, answer.content
    there = httpx.get(answer["Location"])
    assert there.status_code == 302
    back = browser.get(there.headers["Location"].removeprefix("http://testserver"))
    assert back.status_code == 302, back.content
    return str(back["Location"])


def signed_in(browser: Browser) -> str | None:
    answer = browser.get("/api/v1/me/")
    return answer.json()["email"] if answer.status_code == 200 else None


def test_without_providers_there_is_no_button_and_with_one_there_is(provider: Provider, settings: Any) -> None:
    (button,) = Browser().call("GET", "config").json()["data"]["socialaccount"]["providers"]
    assert (button["id"], button["name"]) == ("acme", "Acme")
    settings.SOCIALACCOUNT_PROVIDERS = {}
    assert Browser().call("GET", "config").json()["data"]["socialaccount"]["providers"] == []


def test_the_first_time_makes_the_account_and_the_second_finds_it(provider: Provider, mailbox: Mailbox) -> None:
    provider.person = COOK
    browser = Browser()
    assert follow(browser) == "/sign-in/back"
    assert signed_in(browser) == "cook@example.com"
    user = User.objects.get()
    assert (user.name, user.has_usable_password()) == ("Cora Cook", False)
    assert EmailAddress.objects.filter(user=user, email="cook@example.com", verified=True, primary=True).exists()
    with as_system():
        assert ContactMethod.objects.filter(user=user, address="cook@example.com").exists()
    assert mailbox.messages() == []
    # Nothing of what the provider said is kept but who it is.
    assert SocialAccount.objects.get().extra_data == {"email": "cook@example.com"}

    provider.person = {**COOK, "email": "new@example.com"}
    again = Browser()
    follow(again)
    assert signed_in(again) == "cook@example.com"
    assert User.objects.count() == 1


def test_one_address_verified_on_both_sides_is_one_person(provider: Provider, mailbox: Mailbox) -> None:
    cook = person("cook@example.com")
    provider.person = COOK
    browser = Browser()
    follow(browser)
    assert signed_in(browser) == "cook@example.com"
    assert SocialAccount.objects.get().user == cook
    assert Browser().sign_in("cook@example.com").status_code == 200  # the password stays good
    assert mailbox.subjects("cook@example.com") == ["You can sign in with Acme"]


@pytest.mark.parametrize("verified", [False, "false", None, 0, "no"])
def test_an_address_the_provider_has_not_verified_is_never_linked(
    provider: Provider, mailbox: Mailbox, verified: Any
) -> None:
    person("cook@example.com")
    provider.person = {**COOK, "email_verified": verified}
    browser = Browser()
    follow(browser)
    assert signed_in(browser) is None
    assert not SocialAccount.objects.exists()
    # As far as the browser sees, a code was sent; the owner hears of the attempt instead.
    assert mailbox.subjects("cook@example.com") == ["You have an account with FreshTrack already"]


def test_an_unverified_address_of_somebody_new_takes_a_code(provider: Provider, mailbox: Mailbox) -> None:
    provider.person = {**COOK, "email_verified": False}
    browser = Browser()
    follow(browser)
    assert signed_in(browser) is None
    code = code_in(mailbox.last("cook@example.com"))
    assert browser.call("POST", "auth/email/verify", {"key": code}).status_code == 200
    assert signed_in(browser) == "cook@example.com"


def test_who_signed_up_with_somebody_elses_address_is_left_with_nothing(provider: Provider, mailbox: Mailbox) -> None:
    attacker = Browser()
    attacker.sign_up("cook@example.com", NEW, name="Not Cora")
    squatter = User.objects.get()
    provider.person = COOK
    browser = Browser()
    follow(browser)
    assert signed_in(browser) == "cook@example.com"
    owner = User.objects.get()
    assert owner.pk != squatter.pk
    assert (owner.name, owner.has_usable_password()) == ("Cora Cook", False)

    assert Browser().sign_in("cook@example.com", NEW).status_code == 400
    code = code_in(mailbox.texts("cook@example.com")[0])
    assert attacker.call("POST", "auth/email/verify", {"key": code}).status_code == 400
    assert signed_in(attacker) is None


@pytest.mark.parametrize("who", ["staff", "member"])
def test_an_account_that_is_somebodys_is_neither_linked_nor_lost(
    provider: Provider, mailbox: Mailbox, who: str
) -> None:
    user = UserFactory(email="cook@example.com", is_staff=who == "staff")
    if who == "member":
        MembershipFactory(user=user)
    provider.person = COOK
    browser = Browser()
    follow(browser)
    assert signed_in(browser) is None
    assert User.objects.get() == user
    with as_system():
        assert Membership.objects.count() == (1 if who == "member" else 0)
    assert not SocialAccount.objects.exists()


def test_saying_no_at_the_provider_leads_back_with_a_reason(provider: Provider) -> None:
    browser = Browser()
    where = follow(browser)
    assert parse_qs(urlsplit(where).query)["error"] == ["cancelled"]
    assert signed_in(browser) is None


def test_a_callback_that_nobody_asked_for_signs_nobody_in(provider: Provider) -> None:
    provider.person = COOK
    browser = Browser()
    for query in ("", "?code=made-up&state=made-up"):
        answer = browser.get(f"/_allauth/oidc/acme/login/callback/{query}")
        assert answer.status_code == 302
        assert "error=" in answer["Location"]
    assert signed_in(browser) is None


def test_one_can_only_come_back_to_the_app(provider: Provider) -> None:
    form = {"provider": "acme", "callback_url": "https://evil.example/", "process": "login"}
    answer = Browser().post("/_allauth/browser/v1/auth/provider/redirect", form)
    assert "evil.example" not in answer.headers.get("Location", "")
    assert provider.issuer not in answer.headers.get("Location", "")


def test_a_provider_that_is_away_leads_back_with_a_reason(provider: Provider, settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = "http://127.0.0.1:9"
    form = {"provider": "acme", "callback_url": "/sign-in/back", "process": "login"}
    answer = Browser().post("/_allauth/browser/v1/auth/provider/redirect", form)
    assert answer.status_code == 302, answer.content
    assert "error=" in answer["Location"]


def test_an_identity_token_from_elsewhere_is_not_taken(provider: Provider) -> None:
    """It could be anybody's who saw one: only the redirect proves that this browser asked."""
    token = {"provider": "acme", "process": "login", "token": {"client_id": CLIENT, "id_token": "anything"}}
    assert Browser().call("POST", "auth/provider/token", token).status_code == 404


def test_connecting_and_disconnecting_needs_the_password_once_more(provider: Provider, mailbox: Mailbox) -> None:
    person("owner@example.com")
    browser = Browser()
    browser.sign_in("owner@example.com")
    provider.person = COOK
    assert "error=reauthentication_required" in follow(browser, "connect")
    assert browser.say_it_again().status_code == 200
    assert follow(browser, "connect") == "/sign-in/back"
    account = SocialAccount.objects.get()
    assert account.user.email == "owner@example.com"
    answer = browser.call("DELETE", "account/providers", {"provider": "acme", "account": account.uid})
    assert answer.status_code == 200
    assert not SocialAccount.objects.exists()
    assert mailbox.subjects("owner@example.com") == [
        "You can sign in with Acme",
        "You can't sign in with Acme any more",
    ]
