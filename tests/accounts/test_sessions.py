"""Which browsers are signed in, and ending what one doesn't recognise: the pages and the open sockets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from freshtrack.asgi import application
from organizations.models import User
from tests.accounts.client import Browser, Mailbox, person
from tests.factories import PASSWORD, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
FIREFOX = {"headers": {"User-Agent": "Firefox on a laptop"}}


def two_browsers(email: str = "chef@example.com") -> tuple[Browser, Browser]:
    person(email)
    here, elsewhere = Browser(), Browser()
    assert here.sign_in(email).status_code == 200
    assert elsewhere.sign_in(email, **FIREFOX).status_code == 200
    return here, elsewhere


def test_each_browser_is_listed_with_where_and_when_and_can_be_signed_out() -> None:
    here, elsewhere = two_browsers()
    mine, other = sorted(here.call("GET", "auth/sessions").json()["data"], key=lambda row: not row["is_current"])
    assert (mine["is_current"], mine["ip"]) == (True, here.address)
    assert (other["is_current"], other["ip"], other["user_agent"]) == (False, elsewhere.address, "Firefox on a laptop")
    assert other["last_seen_at"] >= other["created_at"]

    answer = here.call("DELETE", "auth/sessions", {"sessions": [other["id"]]})
    assert [row["id"] for row in answer.json()["data"]] == [mine["id"]]
    assert elsewhere.get("/api/v1/me/").status_code == 401
    assert here.get("/api/v1/me/").status_code == 200


def test_nobody_ends_somebody_else_s_session() -> None:
    two_browsers()
    victim = UserSession.objects.first()
    assert victim is not None
    person("other@example.com")
    stranger = Browser()
    stranger.sign_in("other@example.com")
    assert stranger.call("DELETE", "auth/sessions", {"sessions": [victim.pk]}).status_code == 400
    assert UserSession.objects.filter(pk=victim.pk).exists()


def test_when_a_session_was_last_seen_is_kept_to_five_minutes() -> None:
    here, _ = two_browsers()
    here.get("/api/v1/me/")
    long_ago = timezone.now() - timedelta(hours=3)
    UserSession.objects.update(last_seen_at=long_ago)
    here.get("/api/v1/me/")
    assert UserSession.objects.get(ip=here.address).last_seen_at == long_ago
    session = here.session
    session["seen_at"] = 0
    session.save()
    here.get("/api/v1/me/", REMOTE_ADDR="198.51.100.9")
    assert UserSession.objects.get(ip="198.51.100.9").last_seen_at > long_ago


def end_by_list(here: Browser, elsewhere: Browser) -> None:
    other = UserSession.objects.get(ip=elsewhere.address)
    here.call("DELETE", "auth/sessions", {"sessions": [other.pk]})


def end_by_new_password(here: Browser, elsewhere: Browser) -> None:
    change = {"current_password": PASSWORD, "new_password": "violet anchor 27 tram"}
    assert here.call("POST", "account/password/change", change).status_code == 200


def end_by_signing_out(here: Browser, elsewhere: Browser) -> None:
    assert elsewhere.call("DELETE", "auth/session").status_code == 401


@pytest.mark.parametrize("end", [end_by_list, end_by_new_password, end_by_signing_out])
def test_an_open_socket_ends_with_its_session_within_five_seconds(end: Callable[[Browser, Browser], None]) -> None:
    here, elsewhere = two_browsers()
    membership = MembershipFactory(user=User.objects.get())
    cookie = elsewhere.cookies[settings.SESSION_COOKIE_NAME].value

    async def watch() -> int:
        path = f"/ws/v1/orgs/{membership.organization.slug}/live/"
        headers = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()), (b"host", b"testserver")]
        socket = WebsocketCommunicator(application, path, headers=headers)
        connected, _ = await socket.connect(timeout=10)
        assert connected
        for _ in ("hello", "snapshot"):
            await socket.receive_json_from(timeout=10)
        await sync_to_async(end)(here, elsewhere)
        while True:
            said = await socket.receive_output(timeout=5)
            if said["type"] == "websocket.close":
                return int(said["code"])

    assert async_to_sync(watch)() == 4401


def test_staff_sign_somebody_out_and_take_away_a_lost_phone(mailbox: Mailbox) -> None:
    here, _ = two_browsers()
    user = User.objects.get()
    Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})
    Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": "x", "used_mask": 0})
    office = Client()
    office.force_login(UserFactory(is_staff=True, is_superuser=True))

    def act(model: str, action: str, rows: list[int]) -> None:
        address = reverse(f"admin:{model}_changelist")
        answer = office.post(address, {"action": action, "_selected_action": rows}, follow=True)
        assert answer.status_code == 200

    act("usersessions_usersession", "end", [*UserSession.objects.filter(user=user).values_list("pk", flat=True)])
    assert here.get("/api/v1/me/").status_code == 401
    assert Session.objects.count() == 1  # staff's own
    act("mfa_authenticator", "remove", [Authenticator.objects.get(type="totp").pk])
    assert not Authenticator.objects.exists()


def test_staff_cannot_weaken_each_other_s_accounts() -> None:
    boss = UserFactory(email="boss@example.com", is_staff=True, is_superuser=True)
    factor = Authenticator.objects.create(user=boss, type="totp", data={"secret": "x"})
    helper = UserFactory(is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(content_type__app_label="mfa"))
    office = Client()
    office.force_login(helper)
    address = reverse("admin:mfa_authenticator_changelist")
    office.post(address, {"action": "remove", "_selected_action": [factor.pk]}, follow=True)
    assert Authenticator.objects.filter(pk=factor.pk).exists()
