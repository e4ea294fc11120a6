"""A phone sends again what it got no answer for."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.models import AlertEvent
from organizations.idempotency import forget_answers
from organizations.models import IdempotentAnswer
from sensors.models import Site
from tests.api.client import Api
from tests.factories import AlertFactory, OrganizationFactory, as_system


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


def rows(model: Any, **where: Any) -> int:
    with as_system():
        return int(model.objects.filter(**where).count())


def post(api: Api, rest: str, body: Any, key: str) -> Any:
    return api.post(api.path(rest), body, format="json", headers={"Idempotency-Key": key})


@pytest.mark.django_db
class TestRepeats:
    def test_a_site_is_made_once(self, api: Api) -> None:
        first, second = (post(api, "sites/", {"name": "Harbor"}, "a key") for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.json() == first.json()
        assert second["ETag"] == first["ETag"]
        assert "Idempotency-Replayed" not in first
        assert second["Idempotency-Replayed"] == "true"
        assert rows(Site, organization=api.organization) == 1

    @pytest.mark.parametrize("what", ["comment", "acknowledge", "resolve"])
    def test_what_was_done_about_an_alert_stands_there_once(self, api: Api, what: str) -> None:
        alert = AlertFactory(unit__area__site__organization=api.organization)
        body = {"note": "On my way"} if what != "resolve" else {"corrective_action": "Closed the door"}
        first, second = (post(api, f"alerts/{alert.pk}/{what}/", body, "k1") for _ in range(2))
        assert second.json() == first.json()
        assert second.status_code == first.status_code < 300
        assert rows(AlertEvent, alert=alert) == 1

    def test_without_a_key_each_request_counts(self, api: Api) -> None:
        for _ in range(2):
            api.write("sites/", {"name": "Harbor"})
        assert rows(Site, organization=api.organization) == 2

    @pytest.mark.parametrize(
        ("rest", "body"),
        [("sites/", {"name": "Other"}), ("areas/", {"name": "Harbor"}), ("sites/?x=1", {"name": "Harbor"})],
    )
    def test_a_key_belongs_to_one_request(self, api: Api, rest: str, body: dict[str, str]) -> None:
        post(api, "sites/", {"name": "Harbor"}, "k1")
        other = post(api, rest, body, "k1")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert rows(Site, organization=api.organization) == 1

    def test_an_error_can_be_tried_again(self, api: Api) -> None:
        assert post(api, "sites/", {"name": ""}, "k1").status_code == 400
        assert rows(IdempotentAnswer) == 0
        assert post(api, "sites/", {"name": "Harbor"}, "k1").status_code == 201

    def test_another_member_with_the_same_key_is_somebody_else(self, api: Api) -> None:
        colleague = Api(api.organization, role="owner")
        assert post(api, "sites/", {"name": "Harbor"}, "k1").status_code == 201
        theirs = post(colleague, "sites/", {"name": "Station"}, "k1")
        assert (theirs.status_code, theirs.json()["name"]) == (201, "Station")

    def test_who_may_not_any_more_gets_no_answer_of_former_times(self, api: Api) -> None:
        post(api, "sites/", {"name": "Harbor"}, "k1")
        api.member.role = "viewer"
        with as_system():
            api.member.save()
        assert post(api, "sites/", {"name": "Harbor"}, "k1").status_code == 403

    @pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "ümlaut"])
    def test_a_key_that_cannot_be_one_is_refused(self, api: Api, key: str) -> None:
        refused = post(api, "sites/", {"name": "Harbor"}, key)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
        assert rows(Site, organization=api.organization) == 0

    def test_answers_are_forgotten_after_two_days(self, api: Api) -> None:
        post(api, "sites/", {"name": "Old"}, "old")
        with as_system():
            IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=49))
        post(api, "sites/", {"name": "New"}, "new")
        forget_answers.run()
        with as_system():
            assert [answer.key for answer in IdempotentAnswer.objects.all()] == ["new"]


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_leave_one_comment_and_get_the_same_answer(api: Api) -> None:
    alert = AlertFactory(unit__area__site__organization=api.organization)
    answers: list[Any] = []
    start = threading.Barrier(8)

    def comment() -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=api.authorization)
        start.wait()
        answers.append(
            client.post(
                api.path(f"alerts/{alert.pk}/comment/"),
                {"note": "Compressor is dead"},
                format="json",
                headers={"Idempotency-Key": "k1"},
            )
        )
        connection.close()

    threads = [threading.Thread(target=comment) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 7
    assert rows(AlertEvent, alert=alert, event="commented") == 1
