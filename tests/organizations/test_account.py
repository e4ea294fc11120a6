"""What people say about themselves: name, time zone, language."""

from __future__ import annotations

from typing import Any

import pytest

from organizations.models import Role
from tests.factories import MembershipFactory, UserFactory, as_system, fresh, token_of
from tests.organizations.people import client_of

pytestmark = pytest.mark.django_db

ME = "/api/v1/me/"


def test_name_time_zone_and_language_can_be_changed() -> None:
    member = MembershipFactory(role=Role.STAFF)
    client = client_of(member.user)
    wanted = {"name": "Zoë Chef", "time_zone": "Europe/Berlin", "language": "de", "temperature_unit": "f"}
    answer = client.patch(ME, wanted, format="json")
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in wanted} == wanted
    assert client.get(ME).json() == answer.json()
    assert len(answer.json()["memberships"]) == 1


def test_what_is_left_out_stays() -> None:
    user = UserFactory(name="Chef", time_zone="Asia/Tokyo")
    assert client_of(user).patch(ME, {"language": "fr"}, format="json").status_code == 200
    assert client_of(user).patch(ME, {}, format="json").status_code == 200
    changed = fresh(user)
    assert (changed.name, changed.time_zone, changed.language) == ("Chef", "Asia/Tokyo", "fr")


def test_the_name_may_be_taken_back() -> None:
    user = UserFactory(name="Chef")
    assert client_of(user).patch(ME, {"name": ""}, format="json").json()["name"] == ""


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "x" * 10_000},
        {"name": "Chef\r\nBcc: everybody@example.com"},
        {"name": "Chef\u202e"},
        {"name": None},
        {"time_zone": "Berlin"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
        {"language": "klingon"},
        {"temperature_unit": "k"},
        {"language": "x" * 10_000},
    ],
    ids=str,
)
def test_what_can_not_be_is_refused_in_words(wanted: dict[str, Any]) -> None:
    user = UserFactory(name="Chef")
    answer = client_of(user).patch(ME, wanted, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == list(wanted)
    assert fresh(user).name == "Chef"


def test_nobody_becomes_staff_or_takes_an_address_that_is_not_verified() -> None:
    user = UserFactory(email="chef@example.com")
    wanted = {"is_staff": True, "is_superuser": True, "email": "owner@example.com", "id": str(UserFactory().pk)}
    assert client_of(user).patch(ME, wanted, format="json").status_code == 200
    changed = fresh(user)
    assert (changed.is_staff, changed.is_superuser, changed.email) == (False, False, "chef@example.com")


def test_a_token_for_reading_changes_nothing_of_a_person() -> None:
    user = UserFactory(name="Chef")
    client = client_of(None)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user, scopes=['read'])}")
    assert client.get(ME).status_code == 200
    for method, path in (("patch", ME), ("post", "/api/v1/orgs/"), ("post", "/api/v1/invitations/accept/")):
        answer = getattr(client, method)(path, {"name": "Other", "token": "x"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    with as_system():
        assert fresh(user).name == "Chef"
