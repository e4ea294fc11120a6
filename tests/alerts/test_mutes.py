"""Times in which nobody is told: they end, they hide nothing, and what lasts through them is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import lifecycle, mutes
from alerts.models import Alert, Mute
from alerts.tasks import sweep_due
from organizations.models import Role
from organizations.tenancy import acting_as_system
from sensors.models import Gateway
from tests.alerts.people import HOUR, MINUTE, Cooler, cooler, messages, sweep, timeline, told
from tests.factories import (
    NOON,
    AlertFactory,
    GatewayFactory,
    MembershipFactory,
    MuteFactory,
    OrganizationFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
    fresh,
    token_of,
)
from tests.sensors.test_api import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Cooler:
    return cooler()


def mute(place: Cooler, **fields: Any) -> Mute:
    """From noon for an hour; of everything, unless said otherwise."""
    row: Mute = MuteFactory(organization=place.unit.organization, **fields)
    return row


class TestWhatAMuteDoes:
    def test_the_alert_opens_as_ever_and_nobody_is_told(self, place: Cooler) -> None:
        row = mute(place)
        alert = fresh(place.opens())
        assert (alert.status, alert.muted_by_id, alert.tell_at) == ("open", row.pk, row.ends_at)
        assert timeline(alert) == [("opened", "readings"), ("muted", "clock")]
        assert fresh(place.unit).severity == "critical", "screens show it as ever"
        assert told() == []

    def test_an_excursion_that_lasts_through_it_alarms_at_its_end(self, place: Cooler) -> None:
        """The hole: a sensor that is isolated while out of range doesn't alarm after the isolation ends."""
        mute(place)
        alert = place.opens(NOON + 10 * MINUTE)
        assert sweep(NOON + 59 * MINUTE) == 0
        assert sweep(NOON + HOUR) == 1
        assert told() == [("alert.opened", NOON + HOUR)]
        (message,) = messages(user__name="Olga Owner")
        assert "kept quiet by a mute" in message.text
        assert timeline(alert)[-1] == ("unmuted", "clock")
        assert sweep(NOON + HOUR) == 0

    def test_what_is_over_by_then_is_never_told_and_still_on_record(self, place: Cooler) -> None:
        mute(place)
        alert = place.opens()
        place.clears(NOON + 30 * MINUTE)
        assert sweep(NOON + HOUR) == 0
        assert told() == []
        assert [event for event, _ in timeline(alert)] == ["opened", "muted", "resolved"]

    def test_recovery_of_what_was_told_before_is_told_during_it(self, place: Cooler) -> None:
        place.opens(NOON - HOUR)
        mute(place)
        place.clears(NOON + MINUTE)
        assert told() == [("alert.opened", NOON - HOUR), ("alert.resolved", NOON + MINUTE)]

    def test_an_acknowledgement_that_lapses_in_it_is_told_at_its_end(self, place: Cooler) -> None:
        alert = place.opens(NOON - 4 * HOUR)
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON - 4 * HOUR))
        mute(place)
        assert sweep(NOON) == 1
        assert fresh(alert).status == "open"
        assert len(told()) == 1
        assert sweep(NOON + HOUR) == 1
        assert told()[1:] == [("alert.opened", NOON + HOUR)]

    def test_a_snooze_that_ends_in_it_waits_for_its_end(self, place: Cooler) -> None:
        alert = place.opens(NOON - HOUR)
        with as_system():
            lifecycle.snooze(alert=alert, **place.who(NOON - HOUR), until=NOON + 10 * MINUTE)
        mute(place)
        assert sweep(NOON + 10 * MINUTE) == 1
        assert fresh(alert).tell_at == NOON + HOUR
        assert sweep(NOON + HOUR) == 1
        assert len(told()) == 2

    def test_of_two_the_later_end_counts_and_a_third_takes_over(self, place: Cooler) -> None:
        mute(place)
        longer = mute(place, unit=place.unit, ends_at=NOON + 2 * HOUR)
        alert = place.opens()
        assert fresh(alert).muted_by_id == longer.pk
        third = mute(place, unit=place.unit, starts_at=NOON + HOUR, ends_at=NOON + 3 * HOUR)
        assert sweep(NOON + 2 * HOUR) == 1
        assert (fresh(alert).muted_by_id, fresh(alert).tell_at) == (third.pk, NOON + 3 * HOUR)
        assert told() == []
        assert sweep(NOON + 3 * HOUR) == 1
        assert len(told()) == 1

    def test_what_was_found_late_in_it_is_told_at_its_end_if_it_lasts(self, place: Cooler) -> None:
        mute(place)
        lasting = place.found(place.incident(NOON - 5 * HOUR, None), NOON)
        over = AlertFactory(unit=place.unit, rule=RuleFactory(organization=place.unit.organization), resolved=True)
        assert lasting is not None
        with as_system():
            lifecycle.promise_found(alerts=[lasting, over], at=NOON)
        assert told() == []
        assert fresh(lasting).tell_at == NOON + HOUR
        assert sweep(NOON + HOUR) == 1
        assert told() == [("alert.opened", NOON + HOUR)]


class TestWhatItIsAbout:
    @pytest.mark.parametrize("scope", ["everything", "site", "unit", "rule"])
    def test_a_site_a_unit_a_rule_or_everything(self, place: Cooler, scope: str) -> None:
        what = {
            "everything": {},
            "site": {"site": place.site},
            "unit": {"unit": place.unit},
            "rule": {"rule": place.rule},
        }
        mute(place, **what[scope])
        place.opens()
        assert told() == []

    @pytest.mark.parametrize("scope", ["site", "unit", "rule", "customer"])
    def test_another_site_unit_rule_or_customer_is_none_of_its_business(self, place: Cooler, scope: str) -> None:
        organization = place.unit.organization
        other: dict[str, Any] = {
            "site": {"site": SiteFactory(organization=organization)},
            "unit": {"unit": UnitFactory(area=place.unit.area)},
            "rule": {"rule": RuleFactory(organization=organization)},
            "customer": {"organization": OrganizationFactory()},
        }
        MuteFactory(**{"organization": organization, **other[scope]})
        place.opens()
        assert len(told()) == 1

    @pytest.mark.parametrize(("starts", "ends"), [(-120, 0), (1, 60)])
    def test_before_and_after_it_people_are_told(self, place: Cooler, starts: int, ends: int) -> None:
        mute(place, starts_at=NOON + starts * MINUTE, ends_at=NOON + ends * MINUTE)
        place.opens()
        assert len(told()) == 1

    def test_a_gateways_alert_is_of_the_gateways_site(self, place: Cooler) -> None:
        gateway: Gateway = GatewayFactory(site=place.site)
        SensorFactory(unit=place.unit, gateway=gateway)
        rule = RuleFactory(organization=place.unit.organization, metric="gateway", condition="no_data", threshold=None)
        mute(place, site=place.site)
        alert = fresh(place.opens(rule=rule, unit=None, gateway=gateway))
        assert (alert.site_id, alert.tell_at) == (place.site.pk, NOON + HOUR)
        assert sweep(NOON + HOUR) == 1
        (message,) = messages(user__name="Olga Owner")
        assert "Walk-in cooler" in message.text


class TestChangingIt:
    def test_ending_it_tells_what_lasts(self, place: Cooler) -> None:
        row = mute(place)
        alert = place.opens()
        with as_system():
            mutes.end(mute=row, at=NOON + 5 * MINUTE)
            mutes.end(mute=row, at=NOON + 6 * MINUTE)
        assert fresh(row).ends_at == NOON + 5 * MINUTE
        assert fresh(alert).tell_at == NOON + 5 * MINUTE
        assert sweep(NOON + 5 * MINUTE) == 1
        assert len(told()) == 1

    def test_another_end_is_another_time_to_tell(self, place: Cooler) -> None:
        row = mute(place)
        alert = place.opens()
        for minutes in (20, 180):
            with as_system():
                mutes.change(mute=row, at=NOON, ends_at=NOON + minutes * MINUTE)
            assert fresh(alert).tell_at == NOON + minutes * MINUTE

    def test_what_was_acknowledged_since_waits_for_something_else(self, place: Cooler) -> None:
        row = mute(place)
        alert = place.opens()
        with as_system():
            lifecycle.acknowledge(alert=alert, **place.who(NOON))
            mutes.end(mute=row, at=NOON + MINUTE)
        assert fresh(alert).tell_at == NOON + 4 * HOUR

    def test_one_that_has_not_begun_never_will(self, place: Cooler) -> None:
        row = mute(place, starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
        with as_system():
            mutes.end(mute=row, at=NOON)
        place.opens(NOON + HOUR)
        assert len(told()) == 1

    def test_what_has_ended_stays_as_it_was(self, place: Cooler) -> None:
        row = mute(place)
        with as_system(), pytest.raises(mutes.MuteIsOver):
            mutes.change(mute=row, at=NOON + HOUR, ends_at=NOON + 3 * HOUR)

    def test_whoever_is_changing_it_keeps_nobody_waiting_and_nothing_quiet(self, transactional_db: None) -> None:
        """An alert that opens at that moment is told: it must not wait for an end that is no longer true."""
        place = cooler()
        row = mute(place)
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT set_config('role', 'freshtrack_system', true)")
                cursor.execute("SELECT id FROM alerts_mute WHERE id = %s FOR NO KEY UPDATE", [row.pk])
                place.opens()
                cursor.execute("ROLLBACK")
        finally:
            other.close()
        assert len(told()) == 1

    def test_two_alerts_are_kept_quiet_by_one_at_the_same_time(self, transactional_db: None) -> None:
        place = cooler()
        row = mute(place)
        alert = place.opens()
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT set_config('role', 'freshtrack_system', true)")
                cursor.execute("SELECT id FROM alerts_mute WHERE id = %s FOR SHARE", [row.pk])
                with acting_as_system("tests"):
                    found = mutes.covering(alert=alert, at=NOON)
                cursor.execute("ROLLBACK")
        finally:
            other.close()
        assert found == row


class TestTheApi:
    @pytest.fixture
    def api(self, place: Cooler) -> Api:
        return Api(place.unit.organization)

    def test_a_mute_from_now_on(self, api: Api, place: Cooler) -> None:
        before = timezone.now()
        ends = (before + HOUR).replace(microsecond=0)
        made = api.write("mutes/", {"unit": str(place.unit.pk), "ends_at": ends.isoformat(), "reason": "Cleaning"})
        assert (made["kind"], made["unit"], made["site"], made["rule"]) == ("mute", str(place.unit.pk), None, None)
        assert (made["active"], made["silenced"], made["reason"]) == (True, 0, "Cleaning")
        assert made["created_by"] == str(api.member.user_id)
        with as_system():
            row = Mute.objects.get(pk=made["id"])
        assert before <= row.starts_at <= timezone.now()
        assert row.ends_at == ends

    def test_scope_and_until_are_other_ways_to_say_it(self, api: Api, place: Cooler) -> None:
        until = (timezone.now() + HOUR).isoformat()
        for name, pk in (("site", place.site.pk), ("unit", place.unit.pk), ("rule", place.rule.pk)):
            made = api.write("mutes/", {"scope": {name: str(pk)}, "until": until, "kind": "maintenance"})
            assert (made[name], made["kind"]) == (str(pk), "maintenance")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"ends_at": None}, "ends_at"),
            ({"ends_at": -1}, "ends_at"),
            ({"starts_at": 120}, "ends_at"),
            ({"ends_at": 31 * 24 * 60}, "ends_at"),
            ({"scope": {"planet": "Earth"}}, "scope"),
            ({"scope": {"site": True, "unit": True}}, "scope"),
            ({"kind": "vacation"}, "kind"),
            ({"unit": "not-a-uuid"}, "unit"),
            ({"reason": "x" * 501}, "reason"),
        ],
    )
    def test_one_without_an_end_or_beyond_reason_is_refused(
        self, api: Api, place: Cooler, changes: dict[str, Any], field: str
    ) -> None:
        body: dict[str, Any] = {"ends_at": 60, **changes}
        for name in ("starts_at", "ends_at"):
            if body.get(name) is not None:
                body[name] = (timezone.now() + body[name] * MINUTE).isoformat()
        if set(body.get("scope", {})) == {"site", "unit"}:
            body["scope"] = {"site": str(place.site.pk), "unit": str(place.unit.pk)}
        body = {name: value for name, value in body.items() if value is not None}
        problem = api.write("mutes/", body, status=400)
        assert [error["field"] for error in problem["errors"]] == [field]
        with as_system():
            assert not Mute.objects.exists()

    def test_ending_it_early_tells_what_lasts_and_the_row_stays(self, api: Api, place: Cooler) -> None:
        row = mute(place, starts_at=timezone.now() - HOUR, ends_at=timezone.now() + HOUR)
        alert = place.opens(timezone.now())
        assert told() == []
        assert api.read(f"mutes/{row.pk}/")["silenced"] == 1
        api.write(f"mutes/{row.pk}/", status=204, method="delete")
        assert sweep_due() == 1
        assert len(told()) == 1
        kept = api.read(f"mutes/{row.pk}/")
        assert (kept["active"], kept["silenced"]) == (False, 1)
        assert fresh(alert).status == "open"

    def test_end_and_reason_change_and_nothing_else(self, api: Api, place: Cooler) -> None:
        row = mute(place, starts_at=timezone.now(), ends_at=timezone.now() + HOUR)
        later = (timezone.now() + 2 * HOUR).replace(microsecond=0)
        changed = api.write(
            f"mutes/{row.pk}/", {"until": later.isoformat(), "reason": "Longer"}, status=200, method="patch"
        )
        assert (changed["ends_at"], changed["reason"]) == (later.isoformat().replace("+00:00", "Z"), "Longer")
        api.write(f"mutes/{row.pk}/", {"unit": str(place.unit.pk)}, status=400, method="patch")
        api.write(f"mutes/{row.pk}/", {"ends_at": NOON.isoformat()}, status=400, method="patch")
        api.write(f"mutes/{row.pk}/", status=204, method="delete")
        assert api.write(f"mutes/{row.pk}/", {"reason": "?"}, status=409, method="patch")["code"] == "mute_is_over"

    def test_the_list_is_narrowed_down(self, api: Api, place: Cooler) -> None:
        now = timezone.now()
        mine = mute(place, unit=place.unit, starts_at=now, ends_at=now + HOUR)
        mute(place)  # long over
        mute(
            place, site=SiteFactory(organization=place.unit.organization), starts_at=now + HOUR, ends_at=now + 2 * HOUR
        )
        for query, expected in (
            ("active=true", 1),
            ("active=false", 2),
            (f"site={place.site.pk}", 1),
            (f"unit={place.unit.pk}&active=true", 1),
            ("kind=maintenance", 0),
        ):
            assert len(api.read(f"mutes/?{query}")["results"]) == expected, query
        assert api.read("mutes/?active=true")["results"][0]["id"] == str(mine.pk)
        api.read("mutes/?active=perhaps", status=400)

    def test_the_list_asks_as_much_for_many_as_for_one(self, api: Api, place: Cooler) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                api.read("mutes/")
            return len(queries)

        mute(place)
        cost()  # the first notes that the token was used
        one = cost()
        for _ in range(4):
            AlertFactory(unit=place.unit, muted_by=mute(place), resolved=True)
        assert cost() == one

    def test_somebody_restricted_sees_what_quiets_every_site_and_leaves_it_alone(self, place: Cooler) -> None:
        member = MembershipFactory(organization=place.unit.organization, role=Role.MANAGER, site_ids=[place.site.pk])
        api = Api(place.unit.organization)
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(member.user)}")
        row = mute(place, starts_at=timezone.now(), ends_at=timezone.now() + HOUR)
        assert [found["id"] for found in api.read("mutes/")["results"]] == [str(row.pk)]
        assert api.write(f"mutes/{row.pk}/", status=403, method="delete")["code"] == "outside_your_sites"
        ends_at = (timezone.now() + HOUR).isoformat()
        api.write("mutes/", {"ends_at": ends_at, "rule": str(place.rule.pk)}, status=400)
        made = api.write("mutes/", {"ends_at": ends_at, "site": str(place.site.pk)})
        alert = place.opens(timezone.now())
        with as_system():
            Alert.objects.filter(pk=alert.pk).update(muted_by=made["id"], tell_at=made["ends_at"])
        api.write(f"mutes/{made['id']}/", status=204, method="delete")
        assert fresh(alert).tell_at <= timezone.now() + timedelta(seconds=1)
