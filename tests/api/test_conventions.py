"""What holds for every answer: errors, pages, orders, filters, names."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from freshtrack.pagination import CursorPages
from freshtrack.words import plain
from tests.api.client import Api
from tests.factories import (
    NOON,
    AlertFactory,
    AreaFactory,
    MembershipFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api(OrganizationFactory())


def assert_problem(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json"), response.content
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= problem.keys()
    assert problem["status"] == status
    assert problem["request_id"] == response["X-Request-Id"] != "-"
    assert code is None or problem["code"] == code
    return problem


class TestErrors:
    def test_each_is_a_problem_with_the_id_that_the_log_has(self, api: Api) -> None:
        site = SiteFactory(organization=api.organization)
        one = api.path(f"sites/{site.pk}/")
        assert_problem(api.get("/api/v1/nothing/here/"), 404)
        assert_problem(api.get(api.path("nothing/")), 404)
        assert_problem(api.get(api.path("sites/no-id/")), 404)
        assert_problem(api.get(api.path(f"sites/{api.organization.pk}/")), 404)
        assert_problem(APIClient().get(one), 401)
        assert_problem(api.put(api.path("sites/")), 405)
        assert_problem(api.get(one, headers={"Accept": "application/xml"}), 406)
        assert_problem(api.post(api.path("sites/"), b"<site/>", content_type="application/xml"), 415)
        assert_problem(api.post(api.path("sites/"), b"{", content_type="application/json"), 400)
        assert_problem(api.post(api.path("sites/"), b'"' + b"x" * 3_000_000, content_type="application/json"), 413)
        viewer = Api(api.organization, role="viewer")
        assert_problem(viewer.delete(one), 403, "permission_denied")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"null",
            b"7",
            b'{"name": NaN}',
            b'{"name": "\\ud800"}',
            b'{"kind": "\\ud800"}',
            b'{"\\ud800": 1, "name": "x"}',
            b'{"name": "nul\\u0000"}',
            b'{"name": {"a": 1}}',
            b'{"name": ["x"]}',
            b'{"name": "x", "kind": []}',
            b'{"name": "x", "timezone": "../../etc/passwd"}',
            b"[" * 100_000,
            b'{"name": ' + b"9" * 5_000 + b"}",
            b"\xff\xfe",
            b'{"name": "\xc3"}',
        ],
    )
    def test_no_body_breaks_the_server(self, api: Api, body: bytes) -> None:
        assert_problem(api.post(api.path("sites/"), body, content_type="application/json"), 400)

    def test_neither_does_a_number_or_id_that_no_column_holds(self, api: Api) -> None:
        site = api.write("sites/", {"name": "S"})
        refused = api.post(api.path("areas/"), {"site": 10**30, "name": "Kitchen"}, format="json")
        assert_problem(refused, 400)
        for body in (
            {"serial": "A", "expected_interval_s": 10**30},
            {"serial": "A", "expected_interval_s": -1},
            {"serial": "A", "expected_interval_s": 1.5e300},
            {"serial": "A", "unit": "no id"},
            {"serial": "A", "unit": site["id"]},
        ):
            assert_problem(api.post(api.path("sensors/"), body, format="json"), 400)
        for body in (
            {"metric": "temperature", "condition": "above", "severity": "info", "threshold": "1e999"},
            {"metric": "temperature", "condition": "above", "severity": "info", "threshold": 1, "delay_s": 2**40},
            {"metric": "temperature", "condition": "above", "severity": "info", "threshold": 1, "hysteresis": -1},
        ):
            assert_problem(api.post(api.path("alert-rules/"), body, format="json"), 400)

    @pytest.mark.parametrize(
        "query",
        [
            "sites/?page_size=0",
            "sites/?page_size=501",
            "sites/?page_size=many",
            "sites/?page_size=٣",
            "sites/?cursor=nonsense",
            "sites/?cursor=%00",
            "sites/?cursor=W10=",
            "sites/?cursor=" + "A" * 5000,
            "sites/?ordering=secret",
            "sites/?ordering=--name",
            "sites/?ordering=organization__email",
            "sites/?kind=castle",
            "sites/?search=%00",
            "units/?site=no-id",
            "units/?site=%00",
            "sensors/?status=open",
            "sensors/?unclaimed=perhaps",
            "sensors/?serial=%00",
            "alert-rules/?enabled=perhaps",
            "alerts/?opened_after=yesterday",
            "alerts/?status=closed",
            "alerts/?severity=mild",
        ],
    )
    def test_a_parameter_that_cannot_be_is_named(self, api: Api, query: str) -> None:
        problem = assert_problem(api.get(api.path(query)), 400, "invalid")
        assert problem["errors"][0]["field"] == re.split(r"[?=]", query)[1]

    def test_two_who_make_the_same_at_once_are_told_so(self, api: Api) -> None:
        SensorFactory(unit__area__site__organization=api.organization, serial="A1")
        problem = assert_problem(api.post(api.path("sensors/"), {"serial": "A1"}, format="json"), 409, "already_known")
        assert "A1" in problem["detail"]


class TestWords:
    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({}, "Please fill this in."),
            ({"name": " "}, "Please fill this in."),
            ({"name": None}, "Please fill this in."),
            ({"name": "x" * 10_000}, "At most 120 characters fit here."),
            ({"name": "two\nlines"}, "Line ends and invisible characters aren't allowed."),
            ({"name": "\u202eevil"}, "Line ends and invisible characters aren't allowed."),
            ({"name": "\u2066evil"}, "Line ends and invisible characters aren't allowed."),
            ({"name": "bell\u0007"}, "Line ends and invisible characters aren't allowed."),
            ({"name": "nul\u0000"}, "Control characters aren't allowed."),
            ({"name": 7.5, "kind": "x" * 10_000}, f"“{'x' * 40}…” isn't one of the choices."),
            ({"name": "x", "kind": "a\nb"}, "“a·b” isn't one of the choices."),
            ({"name": True}, "Text is expected here."),
            ({"name": "x", "address": "x\r\nBcc: y"}, "Line ends and invisible characters aren't allowed."),
        ],
    )
    def test_a_person_understands_what_is_wrong(self, api: Api, body: dict[str, Any], words: str) -> None:
        response = api.post(api.path("sites/"), body, format="json")
        assert assert_problem(response, 400)["errors"][0]["detail"] == words
        assert len(response.content) < 1000

    def test_other_messages_stay_but_cannot_break_a_line(self) -> None:
        assert plain("Something\r\nelse.") == "Something··else."

    @pytest.mark.parametrize("name", ["O'Neil & Söhne <Küche>", "خانه‌ای", "👩‍🍳 Küche", "冷蔵庫"])
    def test_names_of_all_writings_stay_as_they_are(self, api: Api, name: str) -> None:
        assert api.write("sites/", {"name": name})["name"] == name

    def test_a_note_may_have_lines_but_nothing_invisible(self, api: Api) -> None:
        area = AreaFactory(site__organization=api.organization)
        body = {"area": str(area.pk), "name": "Cooler", "note": "one\r\ntwo\tthree"}
        assert api.write("units/", body)["note"] == body["note"]
        api.write("units/", {**body, "note": "\u202eevil"}, status=400)

    def test_unknown_fields_are_ignored(self, api: Api) -> None:
        site = api.write("sites/", {"name": "S", "organization": "other", "id": "mine", "colour": "red"})
        assert site["id"] != "mine"


class TestPages:
    def test_every_row_comes_once_whatever_the_order(self, api: Api) -> None:
        """With values that repeat and values that are missing, in both directions, and back again."""
        unit = UnitFactory(area__site__organization=api.organization)
        for number in range(11):
            newest = None if number % 3 == 0 else NOON.replace(minute=number // 4)
            SensorFactory(unit=unit, serial=f"S{number:02}", name="same", last_reading_at=newest)
        for ordering in ("serial", "-serial", "name", "-name", "last_reading_at", "-last_reading_at", "created_at"):
            whole = [row["id"] for row in api.read("sensors/", ordering=ordering)["results"]]
            assert len(set(whole)) == 11, ordering
            for size in (1, 2, 3, 5):
                pages = [api.read("sensors/", ordering=ordering, page_size=size)]
                while pages[-1]["next"]:
                    pages.append(api.get(pages[-1]["next"]).json())
                assert [row["id"] for page in pages for row in page["results"]] == whole, (ordering, size)
                back = [pages[-1]]
                while back[-1]["previous"]:
                    back.append(api.get(back[-1]["previous"]).json())
                assert [row["id"] for page in reversed(back) for row in page["results"]] == whole, (ordering, size)

    def test_missing_values_are_the_greatest(self, api: Api) -> None:
        unit = UnitFactory(area__site__organization=api.organization)
        SensorFactory(unit=unit, serial="silent", last_reading_at=None)
        SensorFactory(unit=unit, serial="new", last_reading_at=NOON)
        rising = [row["serial"] for row in api.read("sensors/", ordering="last_reading_at")["results"]]
        falling = [row["serial"] for row in api.read("sensors/", ordering="-last_reading_at")["results"]]
        assert (rising, falling) == (["new", "silent"], ["silent", "new"])

    def test_rows_that_come_in_shift_nothing(self, api: Api) -> None:
        for name in "bdf":
            SiteFactory(organization=api.organization, name=name)
        first = api.read("sites/", page_size=2)
        SiteFactory(organization=api.organization, name="a")
        SiteFactory(organization=api.organization, name="e")
        assert [row["name"] for row in api.get(first["next"]).json()["results"]] == ["e", "f"]

    def test_an_empty_page_leads_back(self, api: Api) -> None:
        sites = [SiteFactory(organization=api.organization, name=name) for name in "abc"]
        last = api.read("sites/", page_size=2)["next"]
        api.write(f"sites/{sites[2].pk}/", method="delete", status=204)
        empty = api.get(last).json()
        assert (empty["results"], empty["next"]) == ([], None)
        assert [row["name"] for row in api.get(empty["previous"]).json()["results"]] == ["a", "b"]

    def test_a_cursor_of_another_order_is_refused(self, api: Api) -> None:
        for name in "abc":
            SiteFactory(organization=api.organization, name=name)
        link = api.read("sites/", page_size=1)["next"]
        assert_problem(api.get(f"{link}&ordering=-name"), 400)

    def test_a_timeline_keeps_its_order(self, api: Api) -> None:
        alert = AlertFactory(unit__area__site__organization=api.organization)
        assert api.read(f"alerts/{alert.pk}/events/", ordering="opened_at")["results"] == []

    def test_up_to_five_hundred_rows_a_page(self, api: Api) -> None:
        assert api.read("sites/", page_size=500)["results"] == []
        assert CursorPages.max_page_size == 500


class TestFilters:
    def test_several_values_are_any_of_them(self, api: Api) -> None:
        units = [UnitFactory(area__site__organization=api.organization) for _ in range(3)]
        sites = [str(unit.site_id) for unit in units[:2]]
        assert {row["site"] for row in api.read("units/", site=sites)["results"]} == set(sites)
        AlertFactory(unit=units[0])
        AlertFactory(unit=units[0], status="acknowledged", acknowledged_at=NOON)
        AlertFactory(unit=units[0], resolved=True)
        found = api.read("alerts/?status=open&status=resolved")["results"]
        assert {row["status"] for row in found} == {"open", "resolved"}

    def test_parents_narrow_down(self, api: Api) -> None:
        here = SensorFactory(unit__area__site__organization=api.organization)
        SensorFactory(unit__area__site__organization=api.organization)
        for query in (
            {"site": here.site_id},
            {"area": here.unit.area_id},
            {"unit": here.unit_id},
            {"serial": here.serial},
        ):
            assert [row["id"] for row in api.read("sensors/", **query)["results"]] == [str(here.public_id)], query

    def test_an_id_that_nobody_has_finds_nothing(self, api: Api) -> None:
        UnitFactory(area__site__organization=api.organization)
        foreign = SiteFactory()
        assert api.read("units/", site=foreign.pk)["results"] == []
        assert api.read("units/", site=api.organization.pk)["results"] == []


class TestStatements:
    """Lists cost as many SQL statements for a hundred rows as for one: those of sign-in and scope included."""

    LEAST = 10

    def test_below_ten_for_a_hundred(self, api: Api) -> None:
        area = AreaFactory(site__organization=api.organization)
        for _ in range(100):
            SensorFactory(unit=UnitFactory(area=area))
        for _ in range(20):
            AlertFactory(unit__area__site__organization=api.organization)
            RuleFactory(organization=api.organization)
            MembershipFactory(organization=api.organization, role="staff")
        for room in (
            *("sites", "areas", "units", "gateways", "sensors", "alert-rules", "alerts", "members", "invitations"),
            *("notifications", "units/?search=cooler&ordering=-name", "sensors/?search=probe"),
        ):
            rest = room if "?" in room else f"{room}/"
            api.get(api.path(rest))  # when the token was used last is written once a minute
            with CaptureQueriesContext(connection) as captured:
                assert api.get(api.path(rest)).status_code == 200
            # A test's own transaction undoes by hand what COMMIT would have undone.
            by_hand = ("SAVEPOINT", "RELEASE", "SELECT set_config('role', 'none'", "SELECT set_config('freshtrack")
            texts = [row["sql"] for row in captured.captured_queries]
            statements = [text for text in texts if not text.startswith(by_hand) or "freshtrack_" in text]
            assert len(statements) < self.LEAST, (room, statements)


def test_times_are_utc_with_z(api: Api) -> None:
    site = api.write("sites/", {"name": "S"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", site["created_at"])
    assert site["created_at"][:10] == f"{timezone.now():%Y-%m-%d}"
