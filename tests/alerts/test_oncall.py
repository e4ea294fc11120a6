"""On-call schedules as customers make them: who is on duty, what differs, swaps with consent, calendars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import OnCallOverride, OnCallSchedule
from alerts.oncall import swaps
from alerts.tasks import expire_swaps
from notifications.models import Notification
from organizations.models import Change, Membership, Organization, Role
from tests.api.client import Api
from tests.factories import (
    ContactMethodFactory,
    MembershipFactory,
    OnCallOverrideFactory,
    OnCallScheduleFactory,
    OrganizationFactory,
    ShiftSwapFactory,
    SiteFactory,
    as_system,
    fresh,
)

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def organization() -> Organization:
    organization: Organization = OrganizationFactory()
    return organization


@pytest.fixture
def api(organization: Organization) -> Api:
    return Api(organization, role=Role.MANAGER, user__name="Mia Manager")


def member(organization: Organization, name: str, role: str = Role.STAFF, **fields: Any) -> Membership:
    """Somebody with an address."""
    found: Membership = MembershipFactory(organization=organization, role=role, user__name=name, **fields)
    ContactMethodFactory(user=found.user)
    return found


def weekly(*people: Membership, **fields: Any) -> dict[str, Any]:
    """Each a week, from a Monday at eight."""
    named = [str(person.user_id) for person in people]
    return {"name": "Weeks", "rotation": "weekly", "starts_on": "2026-01-05", "people": named, **fields}


def schedule(api: Api, *layers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"name": "Kitchen", "time_zone": "Europe/Berlin", "layers": list(layers), **fields}
    made: dict[str, Any] = api.write("on-call-schedules/", body)
    return made


def shown(rota: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(from, to, who)."""
    return [(one["starts_at"][:16], one["ends_at"][:16], one["name"]) for one in rota["results"]]


def soon(hours: float) -> datetime:
    """So many hours from now, on the minute."""
    return (timezone.now() + timedelta(hours=hours)).replace(second=0, microsecond=0)


class TestSchedules:
    def test_name_and_zone_are_enough(self, api: Api) -> None:
        made = api.write("on-call-schedules/", {"name": "Kitchen", "time_zone": "Europe/Berlin"})
        assert (made["layers"], made["holidays"], made["site"]) == ([], [], None)
        assert api.all("on-call-schedules/") == [made]

    def test_a_layer_says_everything_it_goes_by(self, api: Api, organization: Organization) -> None:
        anna = member(organization, "Anna")
        made = schedule(api, weekly(anna))
        assert made["layers"] == [
            {
                "name": "Weeks",
                "rotation": "weekly",
                "starts_on": "2026-01-05",
                "ends_on": None,
                "people": [str(anna.user_id)],
                "every": 1,
                "handover": "08:00",
                "hours": [],
                "weeks": 1,
                "shifts": [],
                "off_on_holidays": False,
            }
        ]

    def test_it_is_changed_and_removed(self, api: Api, organization: Organization) -> None:
        made = schedule(api, weekly(member(organization, "Anna")))
        path = f"on-call-schedules/{made['id']}/"
        assert api.write(path, {"name": "Cellar"}, status=200, method="patch") == {**made, "name": "Cellar"}
        assert api.write(path, {"layers": []}, status=200, method="patch")["layers"] == []
        api.write(path, status=204, method="delete")
        api.read(path, status=404)

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"time_zone": "Berlin"}, "time_zone"),
            ({"layers": [{"name": "x"}]}, "layers"),
            ({"layers": [{"name": "x", "rotation": "daily", "starts_on": "2026-01-05"}]}, "layers"),
            ({"layers": [{"name": "x", "rotation": "custom", "starts_on": "2026-01-05"}]}, "layers"),
            ({"layers": [{"name": "x", "rotation": "hourly", "starts_on": "2026-01-05", "people": []}]}, "layers"),
            ({"layers": [weekly(handover="24:00")]}, "layers"),
            ({"layers": [weekly(handover="8 am")]}, "layers"),
            ({"layers": [weekly(starts_on="1066-10-14")]}, "layers"),
            ({"layers": [weekly(starts_on="2026-02-02", ends_on="2026-02-01")]}, "layers"),
            ({"layers": [weekly(every=0)]}, "layers"),
            ({"holidays": [{"day": "25 December", "name": "Christmas"}]}, "holidays"),
            ({"holidays": [{"day": "2026-12-25", "name": "Christmas", "person": str(uuid4())}]}, "layers"),
            ({"site": str(uuid4())}, "site"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: Api, wrong: dict[str, Any], field: str) -> None:
        body = {"name": "Kitchen", "time_zone": "Europe/Berlin", **wrong}
        problem = api.write("on-call-schedules/", body, status=400)
        assert all(one["field"].split(".")[0] == field for one in problem["errors"]), problem

    def test_people_of_others_are_unknown(self, api: Api) -> None:
        stranger = member(OrganizationFactory(), "Stranger")
        body = {"name": "Kitchen", "time_zone": "Europe/Berlin", "layers": [weekly(stranger)]}
        problem = api.write("on-call-schedules/", body, status=400)
        assert str(stranger.user_id) in problem["errors"][0]["detail"]

    def test_who_is_restricted_to_sites_makes_and_changes_those_of_these(self, organization: Organization) -> None:
        site = SiteFactory(organization=organization)
        api = Api(organization, role=Role.MANAGER, site_ids=[site.pk])
        whole = OnCallScheduleFactory(organization=organization)
        api.write("on-call-schedules/", {"name": "K", "time_zone": "UTC"}, status=400)
        made = api.write("on-call-schedules/", {"name": "K", "time_zone": "UTC", "site": str(site.pk)})
        assert {row["id"] for row in api.all("on-call-schedules/")} == {made["id"], str(whole.pk)}
        api.write(f"on-call-schedules/{whole.pk}/", {"name": "X"}, status=403, method="patch")
        start, end = soon(1).isoformat(), soon(2).isoformat()
        body = {"user": str(api.member.user_id), "starts_at": start, "ends_at": end}
        api.write("on-call-overrides/", {**body, "schedule": str(whole.pk)}, status=403)
        api.write("on-call-overrides/", {**body, "schedule": made["id"]})


class TestWhoIsOnDuty:
    def test_the_final_schedule_over_both_changes_of_the_clock(self, api: Api, organization: Organization) -> None:
        anna, ben = member(organization, "Anna"), member(organization, "Ben")
        made = schedule(api, weekly(anna, ben))
        found = api.read(
            f"on-call-schedules/{made['id']}/final/", starts_at="2026-03-23T00:00:00Z", ends_at="2026-04-07T00:00:00Z"
        )
        assert shown(found) == [
            ("2026-03-23T00:00", "2026-03-23T07:00", "Anna"),
            ("2026-03-23T07:00", "2026-03-30T06:00", "Ben"),
            ("2026-03-30T06:00", "2026-04-06T06:00", "Anna"),
            ("2026-04-06T06:00", "2026-04-07T00:00", "Ben"),
        ]
        assert found["gaps"] == []

    def test_gaps_are_shown_and_layers_one_by_one(self, api: Api, organization: Organization) -> None:
        anna, ben = member(organization, "Anna"), member(organization, "Ben")
        nights = [{"day": day, "begin": "22:00", "end": "06:00"} for day in range(7)]
        made = schedule(
            api, weekly(anna, hours=nights, name="Nights"), weekly(ben, name="Later", starts_on="2026-11-30")
        )
        found = api.read(
            f"on-call-schedules/{made['id']}/final/", starts_at="2026-11-24T11:00:00Z", ends_at="2026-11-25T11:00:00Z"
        )
        assert shown(found) == [
            ("2026-11-24T11:00", "2026-11-24T21:00", ""),
            ("2026-11-24T21:00", "2026-11-25T05:00", "Anna"),
            ("2026-11-25T05:00", "2026-11-25T11:00", ""),
        ]
        assert [gap["user"] for gap in found["gaps"]] == [None, None]
        assert [(layer["name"], len(layer["results"])) for layer in found["layers"]] == [("Nights", 3), ("Later", 1)]

    def test_somebody_who_left_is_no_cover(self, api: Api, organization: Organization) -> None:
        anna = member(organization, "Anna")
        made = schedule(api, weekly(anna))
        with as_system():
            Membership.objects.filter(pk=anna.pk).update(ended_at=timezone.now())
        found = api.read(f"on-call-schedules/{made['id']}/final/")
        assert [(one["name"], one["left"]) for one in found["gaps"]][:1] == [("Anna", True)]

    def test_a_draft_is_looked_at_and_not_kept(self, api: Api, organization: Organization) -> None:
        anna = member(organization, "Anna")
        span = {"starts_at": "2026-11-24T00:00:00Z", "ends_at": "2026-11-25T00:00:00Z"}
        draft = {"time_zone": "UTC", "layers": [weekly(anna)], **span}
        found = api.write("on-call-schedules/preview/", draft, status=200)
        assert shown(found) == [("2026-11-24T00:00", "2026-11-25T00:00", "Anna")]
        with as_system():
            assert not OnCallSchedule.objects.exists()

    @pytest.mark.parametrize(("begin", "end"), [("2026-01-02", "2026-01-01"), ("2026-01-01", "2026-06-01")])
    def test_at_most_a_hundred_days_at_a_time(self, api: Api, begin: str, end: str) -> None:
        made = schedule(api)
        path = f"on-call-schedules/{made['id']}/final/"
        api.read(path, status=400, starts_at=f"{begin}T00:00:00Z", ends_at=f"{end}T00:00:00Z")

    def test_who_has_it_now_and_who_then(self, api: Api, organization: Organization) -> None:
        anna, ben = member(organization, "Anna"), member(organization, "Ben")
        made = schedule(api, weekly(anna))
        empty = schedule(api, name="Cellar")
        OnCallOverrideFactory(
            schedule=OnCallSchedule(pk=made["id"], organization=organization),
            user=ben.user,
            starts_at=soon(-1),
            ends_at=soon(1),
        )
        found = {one["schedule"]: one for one in api.read("on-call-schedules/on-duty/")["results"]}
        now, then = found[made["id"]]["now"], found[made["id"]]["next"]
        assert (now["name"], now["source"], then["name"], then["source"]) == ("Ben", "override", "Anna", "layer")
        assert (found[empty["id"]]["now"]["user"], found[empty["id"]]["next"]) == (None, None)

    def test_it_costs_the_same_however_many_schedules_and_people(self, api: Api, organization: Organization) -> None:
        costs = []
        for number in (1, 8):
            for index in range(number):
                schedule(api, weekly(member(organization, f"P{index}")), name=f"{number} {index}")
            with CaptureQueriesContext(connection) as asked:
                api.read("on-call-schedules/on-duty/")
            costs.append(len(asked))
        assert costs[1] <= costs[0]


class TestOverrides:
    def override(
        self, api: Api, made: dict[str, Any], who: Membership, begin: datetime, end: datetime, **how: Any
    ) -> Any:
        times = {"starts_at": begin.isoformat(), "ends_at": end.isoformat()}
        return api.write("on-call-overrides/", {"schedule": made["id"], "user": str(who.user_id), **times}, **how)

    def test_it_takes_the_duty_and_the_last_one_wins(self, api: Api, organization: Organization) -> None:
        anna, ben, cleo = (member(organization, name) for name in ("Anna", "Ben", "Cleo"))
        made = schedule(api, weekly(anna))
        self.override(api, made, ben, soon(1), soon(5))
        last = self.override(api, made, cleo, soon(2), soon(3))
        assert (last["source"], last["user_name"]) == ("hand", "Cleo")
        found = api.read(
            f"on-call-schedules/{made['id']}/final/", starts_at=soon(0).isoformat(), ends_at=soon(6).isoformat()
        )
        assert [name for _, _, name in shown(found)] == ["Anna", "Ben", "Cleo", "Ben", "Anna"]

    def test_one_that_is_to_come_is_deleted_one_that_runs_ends_now_one_that_is_over_stays(
        self, api: Api, organization: Organization
    ) -> None:
        row = OnCallScheduleFactory(organization=organization)
        anna = member(organization, "Anna")
        to_come, running, over = (
            OnCallOverrideFactory(schedule=row, user=anna.user, starts_at=soon(begin), ends_at=soon(begin + 2))
            for begin in (1, -1, -3)
        )
        api.write(f"on-call-overrides/{to_come.pk}/", status=204, method="delete")
        api.write(f"on-call-overrides/{running.pk}/", status=204, method="delete")
        problem = api.write(f"on-call-overrides/{over.pk}/", status=409, method="delete")
        assert problem["code"] == "override_is_over"
        with as_system():
            kept = set(OnCallOverride.objects.values_list("pk", flat=True))
        assert kept == {running.pk, over.pk}
        assert fresh(running).ends_at <= timezone.now()

    def test_what_is_wrong_is_refused(self, api: Api, organization: Organization) -> None:
        anna, stranger = member(organization, "Anna"), member(OrganizationFactory(), "Stranger")
        made = schedule(api)
        self.override(api, made, anna, soon(2), soon(1), status=400)
        self.override(api, made, anna, soon(-2), soon(-1), status=400)
        self.override(api, made, anna, soon(1), soon(1 + 24 * 101), status=400)
        self.override(api, made, stranger, soon(1), soon(2), status=400)
        theirs = {"id": str(OnCallScheduleFactory().pk)}
        self.override(api, theirs, anna, soon(1), soon(2), status=400)

    def test_the_change_log_says_who_changed_the_duty(self, api: Api, organization: Organization) -> None:
        made = schedule(api)
        override = self.override(api, made, member(organization, "Anna"), soon(1), soon(2))
        with as_system():
            rows = Change.objects.filter(entity__startswith="on_call").order_by("pk")
            found = list(rows.values_list("entity", "entity_id", "action", "actor_id"))
        assert found == [
            ("on_call_schedule", made["id"], "create", api.member.user_id),
            ("on_call_override", override["id"], "create", api.member.user_id),
        ]


class TestSwaps:
    @pytest.fixture
    def people(self, organization: Organization) -> tuple[Api, Api]:
        anna = Api(organization, role=Role.STAFF, user__name="Anna")
        ben = Api(organization, role=Role.STAFF, user__name="Ben")
        for one in (anna, ben):
            ContactMethodFactory(user=one.member.user)
        return anna, ben

    @pytest.fixture
    def duty(self, api: Api, people: tuple[Api, Api]) -> dict[str, Any]:
        """Anna, from a Monday long ago on."""
        return schedule(api, weekly(people[0].member))

    def offer(self, people: tuple[Api, Api], duty: dict[str, Any], status: int = 201, **fields: Any) -> Any:
        anna, ben = people
        body = {
            "schedule": duty["id"],
            "to": str(ben.member.user_id),
            "starts_at": soon(5).isoformat(),
            "ends_at": soon(9).isoformat(),
            **fields,
        }
        return anna.write("shift-swaps/", body, status=status)

    def told(self, one: Api) -> list[str]:
        with as_system():
            rows = Notification.objects.filter(user=one.member.user).order_by("created_at", "pk")
            return [row.subject for row in rows]

    def on_duty(self, api: Api, duty: dict[str, Any]) -> list[str]:
        found = api.read(
            f"on-call-schedules/{duty['id']}/final/", starts_at=soon(4).isoformat(), ends_at=soon(10).isoformat()
        )
        return [name for _, _, name in shown(found)]

    def test_nothing_changes_until_the_other_agrees(
        self, api: Api, people: tuple[Api, Api], duty: dict[str, Any]
    ) -> None:
        anna, ben = people
        swap = self.offer(people, duty, note="Wedding")
        assert (swap["status"], swap["offered_by_name"], swap["taken_by_name"]) == ("offered", "Anna", "Ben")
        assert self.on_duty(api, duty) == ["Anna"]
        assert self.told(ben) == ["Anna asks you to take a shift: Kitchen"]
        accepted = ben.write(f"shift-swaps/{swap['id']}/accept/", status=200)
        assert accepted["status"] == "accepted"
        assert self.on_duty(api, duty) == ["Anna", "Ben", "Anna"]
        assert self.told(anna) == ["Ben takes your shift: Kitchen"]
        with as_system():
            assert OnCallOverride.objects.get().source == "swap"

    def test_twice_is_the_same_as_once(self, people: tuple[Api, Api], duty: dict[str, Any]) -> None:
        anna, ben = people
        swap = self.offer(people, duty)
        for _ in range(2):
            ben.write(f"shift-swaps/{swap['id']}/accept/", status=200)
        with as_system():
            assert OnCallOverride.objects.count() == 1
        assert len(self.told(anna)) == 1

    def test_for_one_in_return_both_change(self, api: Api, people: tuple[Api, Api], duty: dict[str, Any]) -> None:
        _, ben = people
        row = OnCallSchedule(pk=duty["id"], organization=api.organization)
        OnCallOverrideFactory(schedule=row, user=ben.member.user, starts_at=soon(20), ends_at=soon(30))
        times = {"return_starts_at": soon(21).isoformat(), "return_ends_at": soon(22).isoformat()}
        swap = self.offer(people, duty, **times)
        ben.write(f"shift-swaps/{swap['id']}/accept/", status=200)
        found = api.read(
            f"on-call-schedules/{duty['id']}/final/", starts_at=soon(4).isoformat(), ends_at=soon(31).isoformat()
        )
        assert [name for _, _, name in shown(found)] == ["Anna", "Ben", "Anna", "Ben", "Anna", "Ben", "Anna"]

    def test_declined_or_withdrawn_it_stays_whose_it_was(
        self, api: Api, people: tuple[Api, Api], duty: dict[str, Any]
    ) -> None:
        anna, ben = people
        first, second = self.offer(people, duty), self.offer(people, duty)
        assert ben.write(f"shift-swaps/{first['id']}/decline/", status=200)["status"] == "declined"
        assert anna.write(f"shift-swaps/{second['id']}/withdraw/", status=200)["status"] == "withdrawn"
        for swap in (first, second):
            problem = ben.write(f"shift-swaps/{swap['id']}/accept/", status=409)
            assert problem["code"] == "swap_is_decided"
        assert self.on_duty(api, duty) == ["Anna"]
        assert self.told(anna) == ["Ben doesn’t take your shift: it stays yours: Kitchen"]
        assert self.told(ben)[-1] == "Anna doesn’t need you for the shift any more: Kitchen"

    def test_only_whoever_is_asked_decides(self, api: Api, people: tuple[Api, Api], duty: dict[str, Any]) -> None:
        anna, ben = people
        swap = self.offer(people, duty)
        for who, act in ((anna, "accept"), (api, "accept"), (api, "decline"), (ben, "withdraw")):
            problem = who.write(f"shift-swaps/{swap['id']}/{act}/", status=403)
            assert problem["code"] == "not_your_swap"
        assert self.on_duty(api, duty) == ["Anna"]

    def test_only_ones_own_duty_can_be_given_away(
        self, api: Api, people: tuple[Api, Api], duty: dict[str, Any]
    ) -> None:
        anna, ben = people
        problem = self.offer((ben, anna), duty, to=str(anna.member.user_id), status=409)
        assert problem["code"] == "not_on_duty"
        row = OnCallSchedule(pk=duty["id"], organization=api.organization)
        OnCallOverrideFactory(schedule=row, user=ben.member.user, starts_at=soon(6), ends_at=soon(7))
        assert self.offer(people, duty, status=409)["code"] == "not_on_duty"

    def test_a_schedule_that_changed_since_is_checked_again(
        self, api: Api, people: tuple[Api, Api], duty: dict[str, Any]
    ) -> None:
        _, ben = people
        swap = self.offer(people, duty)
        api.write(f"on-call-schedules/{duty['id']}/", {"layers": []}, status=200, method="patch")
        assert ben.write(f"shift-swaps/{swap['id']}/accept/", status=409)["code"] == "not_on_duty"

    def test_the_past_and_half_a_time_are_refused(self, people: tuple[Api, Api], duty: dict[str, Any]) -> None:
        anna, _ = people
        self.offer(people, duty, starts_at=soon(-1).isoformat(), status=400)
        self.offer(people, duty, ends_at=soon(4).isoformat(), status=400)
        self.offer(people, duty, ends_at=soon(24 * 40).isoformat(), status=400)
        self.offer(people, duty, return_starts_at=soon(20).isoformat(), status=400)
        self.offer(people, duty, to=str(anna.member.user_id), status=400)
        self.offer(people, duty, to=str(uuid4()), status=400)

    def test_what_nobody_took_in_time_ends_and_is_said(self, people: tuple[Api, Api], duty: dict[str, Any]) -> None:
        anna, ben = people
        swap = self.offer(people, duty)
        with as_system():
            assert swaps.expire(at=soon(4), most=10) == 0
            assert swaps.expire(at=soon(5), most=10) == 1
            assert swaps.expire(at=soon(5), most=10) == 0
        assert self.told(anna) == ["Nobody took your shift: it stays yours: Kitchen"]
        assert ben.write(f"shift-swaps/{swap['id']}/accept/", status=409)["code"] == "swap_is_decided"

    def test_one_that_no_sweep_has_ended_yet_can_not_be_taken_late(self, people: tuple[Api, Api]) -> None:
        anna, ben = people
        row = OnCallScheduleFactory(organization=anna.organization)
        swap = ShiftSwapFactory(
            schedule=row, offered_by=anna.member.user, taken_by=ben.member.user, starts_at=soon(-1), ends_at=soon(1)
        )
        assert ben.write(f"shift-swaps/{swap.pk}/accept/", status=409)["code"] == "swap_is_decided"

    def test_ones_own_are_found(self, api: Api, people: tuple[Api, Api], duty: dict[str, Any]) -> None:
        swap = self.offer(people, duty)
        assert [row["id"] for row in people[1].all("shift-swaps/", mine="true")] == [swap["id"]]
        assert api.all("shift-swaps/", mine="true") == []
        assert [row["id"] for row in api.all("shift-swaps/?status=offered")] == [swap["id"]]


@pytest.mark.django_db(transaction=True)
def test_the_timetable_ends_offers_whose_time_has_come() -> None:
    swap = ShiftSwapFactory(starts_at=soon(-1), ends_at=soon(1))
    assert expire_swaps() == 1
    assert fresh(swap).status == "expired"
