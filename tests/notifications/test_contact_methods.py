"""Where a person is told: an address counts once a code that only its owner got came back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications import contacts, people
from notifications.models import ContactMethod, Notification, NotificationStatus
from organizations.models import User
from tests.factories import ContactMethodFactory, UserFactory, as_system, fresh, token_of
from tests.mail import mail_server
from tests.organizations.people import client_of
from tests.outbox import send_all

pytestmark = pytest.mark.django_db

MINE = "/api/v1/me/contact-methods/"


@pytest.fixture
def chef() -> User:
    user: User = UserFactory(email="chef@example.com")
    ContactMethodFactory(user=user)
    return user


def add(user: User, address: str = "night@example.com", kind: str = "email") -> Any:
    return client_of(user).post(MINE, {"kind": kind, "address": address}, format="json")


def letter(address: str = "night@example.com") -> Notification:
    with as_system():
        found = Notification.objects.filter(to=address, event="contact.code").latest("created_at", "pk")
    assert isinstance(found, Notification)
    return found


def code_in(words: str) -> str:
    (code,) = re.findall(r"\d{4,8}", words)
    return str(code)


def verify(user: User, pk: Any, code: str) -> Any:
    return client_of(user).post(f"{MINE}{pk}/verify/", {"code": code}, format="json")


def test_a_code_comes_by_mail_and_proves_the_address(chef: User, settings: Any) -> None:
    made = add(chef, " Night@Example.com ")
    assert made.status_code == 201
    assert made.json()["address"] == "Night@example.com"
    assert (made.json()["verified_at"], made.json()["sign_in"]) == (None, False)
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        send_all()
        (message,) = sink.messages
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    code = code_in(text.get_content())
    assert code_in(html.get_content()) == code, "it is the only number of this length"
    assert message["List-Unsubscribe"] is None
    row = letter("Night@example.com")
    assert (row.status, row.confidential, row.text, row.html) == (NotificationStatus.SENT, True, "", "")
    assert row.organization_id is None

    answer = verify(chef, made.json()["id"], f" {code[:3]} {code[3:]} ")
    assert answer.status_code == 200
    assert answer.json()["verified_at"] is not None
    listed = client_of(chef).get(MINE).json()["results"]
    assert [(one["address"], one["sign_in"]) for one in listed] == [
        ("chef@example.com", True),
        ("Night@example.com", False),
    ]
    assert verify(chef, made.json()["id"], code).status_code == 400, "a code works once"


def test_the_code_itself_is_not_stored(chef: User) -> None:
    made = add(chef).json()
    row = fresh(ContactMethod(pk=made["id"]))
    assert code_in(letter().text) not in row.code_hash
    assert len(row.code_hash) == 64
    assert "code_hash" not in made


def test_five_wrong_codes_are_enough_and_a_new_one_helps(chef: User) -> None:
    pk = add(chef).json()["id"]
    code = code_in(letter().text)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    said = [verify(chef, pk, wrong) for _ in range(5)]
    assert {answer.status_code for answer in said} == {400}
    assert said[0].json()["errors"] == [{"field": "code", "code": "wrong", "detail": "This code is wrong."}]
    assert said[-1].json()["errors"][0]["code"] == "too_often"
    assert verify(chef, pk, code).status_code == 400, "even the right one is worth nothing now"
    assert client_of(chef).post(f"{MINE}{pk}/send-code/").status_code == 200
    assert verify(chef, pk, code_in(letter().text)).status_code == 200


def test_a_code_is_good_for_a_quarter_of_an_hour_and_the_last_one_counts(chef: User) -> None:
    now = timezone.now()
    with as_system():
        contact = contacts.add(user=chef, kind="email", address="night@example.com", at=now)
    first = code_in(letter().text)
    late = now + timedelta(minutes=15, seconds=1)
    with as_system():
        assert contacts.try_code(contact=contact, code=first, at=late)[1] == contacts.Tried.TOO_OLD
        contacts.send_code(contact=contact, at=late)
        second = code_in(letter().text)
        if first != second:
            assert contacts.try_code(contact=contact, code=first, at=late)[1] == contacts.Tried.WRONG
        verified, tried = contacts.try_code(contact=contact, code=second, at=late)
    assert (tried, verified.verified_at) == (contacts.Tried.RIGHT, late)
    assert verify(chef, contact.pk, second).json()["errors"][0]["code"] == "none_sent"


def test_an_address_that_was_switched_off_works_again_once_it_is_proved(chef: User) -> None:
    off = ContactMethodFactory(
        user=chef, address="night@example.com", disabled_at=timezone.now(), disabled_because="550 5.1.1"
    )
    assert client_of(chef).get(f"{MINE}{off.pk}/").json()["disabled_because"] == "550 5.1.1"
    assert client_of(chef).post(f"{MINE}{off.pk}/send-code/").status_code == 200
    assert fresh(off).disabled_at is not None, "asking for a code proves nothing"
    answer = verify(chef, off.pk, code_in(letter().text))
    assert (answer.json()["disabled_at"], answer.json()["disabled_because"]) == (None, "")
    again = client_of(chef).post(f"{MINE}{off.pk}/send-code/")
    assert (again.status_code, again.json()["code"]) == (409, "already_verified")


def test_the_sign_in_address_stays(chef: User) -> None:
    (mine,) = client_of(chef).get(MINE).json()["results"]
    answer = client_of(chef).delete(f"{MINE}{mine['id']}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "sign_in_address")
    other = add(chef).json()["id"]
    assert client_of(chef).delete(f"{MINE}{other}/").status_code == 204
    assert client_of(chef).get(f"{MINE}{other}/").status_code == 404


@pytest.mark.parametrize("kind", ["sms", "voice", "push", "webhook", "slack"])
def test_what_nothing_can_be_sent_by_is_refused_in_words(kind: str, chef: User) -> None:
    answer = add(chef, "+15550100", kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_available")
    assert "isn't available here yet" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("Night@EXAMPLE.com", "unique"),
        ("CHEF@example.com", "unique"),
        ("nobody", "invalid"),
        ("", "blank"),
        ("a@b.example\r\nBcc: c@d.example", "invalid"),
        ("x" * 400, "max_length"),
    ],
)
def test_what_is_no_address_or_is_there_already_is_refused(address: str, code: str, chef: User) -> None:
    assert add(chef).status_code == 201
    answer = add(chef, address)
    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("address", code)]
    assert client_of(chef).post(MINE, {"kind": "pigeon", "address": "x"}, format="json").status_code == 400


def test_somebody_elses_is_not_there(chef: User) -> None:
    theirs = ContactMethodFactory(verified_at=None, address="theirs@example.com")
    client = client_of(chef)
    assert client.get(f"{MINE}{theirs.pk}/").status_code == 404
    assert client.delete(f"{MINE}{theirs.pk}/").status_code == 404
    assert client.post(f"{MINE}{theirs.pk}/send-code/").status_code == 404
    assert verify(chef, theirs.pk, "123456").status_code == 404
    assert "theirs@example.com" not in client.get(MINE).content.decode()
    assert add(chef, "theirs@example.com").status_code == 201, "people may share a mailbox"
    assert fresh(theirs).code_tries == 0


def test_nobody_is_asked_to_sign_in_and_a_token_for_reading_reads(chef: User) -> None:
    assert client_of(None).get(MINE).status_code == 401
    assert client_of(None).post(MINE, {}, format="json").status_code == 401
    client = client_of(None)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(chef, scopes=['read'])}")
    assert client.get(MINE).status_code == 200
    assert client.post(MINE, {"kind": "email", "address": "n@example.com"}, format="json").status_code == 403


def test_codes_are_rationed_by_person_and_by_mailbox(chef: User, settings: Any) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "codes": "3/hour"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    settings.RATE_ACCOUNT_MAIL = "2/hour"
    first = add(chef, "n1@example.com").json()["id"]
    assert client_of(chef).post(f"{MINE}{first}/send-code/").status_code == 200
    again = client_of(chef).post(f"{MINE}{first}/send-code/")
    assert (again.status_code, again.json()["code"]) == (429, "throttled"), "two an hour to this mailbox"
    assert int(again.headers["Retry-After"]) > 0
    assert add(chef, "n2@example.com").status_code == 429, "three an hour of this person"
    other = UserFactory()
    assert add(other, "N1@example.com").status_code == 429, "whoever asks"
    assert add(other, "n3@example.com").status_code == 201
    assert client_of(chef).get(MINE).status_code == 200


def test_nobody_has_more_than_anybody_reads(chef: User) -> None:
    for number in range(contacts.MOST_CONTACTS - 1):
        ContactMethodFactory(user=chef, address=f"n{number}@example.com")
    answer = add(chef)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many")


def test_a_list_takes_as_many_statements_as_one(chef: User, django_assert_max_num_queries: Any) -> None:
    for number in range(10):
        ContactMethodFactory(user=chef, address=f"n{number}@example.com")
    client = client_of(chef)
    client.get(MINE)
    with django_assert_max_num_queries(10):  # two, and what opens and closes two transactions
        assert len(client.get(MINE).json()["results"]) == 11


def test_a_sign_in_address_that_was_added_before_is_proved_by_signing_in(chef: User) -> None:
    made = add(chef, "New@example.com").json()["id"]
    with as_system():
        User.objects.filter(pk=chef.pk).update(email="new@example.com")
        kept = people.replace_sign_in_address(user=fresh(chef), former="chef@example.com")
    assert (str(kept.pk), kept.verified_at is None) == (made, False)
    assert [one["sign_in"] for one in client_of(fresh(chef)).get(MINE).json()["results"]] == [True], "one, not two"


def test_signing_in_switches_nothing_on_but_a_code_from_the_mailbox_does(chef: User) -> None:
    with as_system():
        ContactMethod.objects.filter(user=chef).update(disabled_at=timezone.now(), disabled_because="550")
        assert people.keep_sign_in_address(user=chef).disabled_at is not None
        assert people.replace_sign_in_address(user=chef, former=chef.email).disabled_at is None
