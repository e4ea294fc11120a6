"""Who would be told now, how, and why not: before it matters."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organizations.models import Membership, Organization, Role
from tests.api.client import Api
from tests.factories import (
    ContactMethodFactory,
    MembershipFactory,
    MuteFactory,
    OrganizationFactory,
    PreferenceFactory,
    RestFactory,
    SiteFactory,
    UnitFactory,
    as_system,
)
from tests.notifications.told import manager

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    organization: Organization = OrganizationFactory()
    return organization


@pytest.fixture
def api(organization: Organization) -> Api:
    """Somebody who asks and has an address."""
    api = Api(organization, role="manager", user__email="asker@example.com", user__name="Ask Er")
    ContactMethodFactory(user=api.member.user)
    return api


def reached(api: Api, **query: Any) -> dict[str, Any]:
    return {one["name"]: one for one in api.read("alerts/reach/", **query)["results"]}


def warnings(api: Api, **query: Any) -> list[str]:
    found: list[str] = api.read("alerts/reach/", **query)["warnings"]
    return found


def test_it_names_everybody_who_would_be_told_and_masks_what_is_not_the_askers_own(
    organization: Organization, api: Api
) -> None:
    manager(organization, user__email="boss@example.com", user__name="Big Boss")
    MembershipFactory(organization=organization, role=Role.STAFF, user__name="Carl Cook")
    found = reached(api)
    assert set(found) == {"Ask Er", "Big Boss"}
    (own,), (other,) = found["Ask Er"]["channels"], found["Big Boss"]["channels"]
    assert (own["kind"], own["to"], own["why"]) == ("email", "asker@example.com", "By default.")
    assert other["to"] == "b•••@example.com"
    assert [one["told"] for one in found.values()] == [True, True]
    assert warnings(api) == []


def test_whoever_is_not_told_stands_there_with_the_reason(organization: Organization, api: Api) -> None:
    here, there = (SiteFactory(organization=organization) for _ in range(2))
    unit = UnitFactory(area__site=here)

    def named(name: str, **fields: Any) -> Membership:
        return manager(organization, user__name=name, **fields)

    named("Elsewhere", site_ids=[there.pk])
    named("Here", site_ids=[here.pk])
    quiet = named("App Only")
    PreferenceFactory(organization=organization, user=quiet.user, severity="critical", channels=[])
    away = named("Away")
    now = timezone.now()
    RestFactory(user=away.user, away_from=now - timedelta(days=1), away_until=now + timedelta(days=1))
    bounced = named("Bounced")
    with as_system():
        bounced.user.contact_methods.update(disabled_at=now, disabled_because="550 bounced@example.com")
        named("Gone").user.__class__.objects.filter(name="Gone").update(is_active=False)
    for query in ({"unit": str(unit.pk)}, {"site": str(here.pk)}):
        found = reached(api, **query)
        assert {name for name, one in found.items() if one["told"]} == {"Ask Er", "Here"}
        assert found["Elsewhere"]["reasons"] == ["Is restricted to other sites."]
        assert found["App Only"]["reasons"] == ["Wants to find what is critical in the app only."]
        assert found["Away"]["reasons"][0].startswith("Away until ")
        assert found["Bounced"]["reasons"] == ["E-mail: the address was switched off, since nothing arrives there."]
        assert found["Gone"]["reasons"] == ["The account is switched off."]
    assert reached(api)["Here"]["reasons"] == ["Is restricted to some sites."]


def test_one_person_alone_or_nobody_is_said(organization: Organization, api: Api) -> None:
    assert warnings(api) == ["Only Ask Er would be told at once. If that message is missed, nobody hears of it."]
    PreferenceFactory(organization=organization, user=api.member.user, severity="critical", channels=[])
    assert warnings(api) == ["Nothing would be sent to anybody. Whoever is concerned finds it in the app only."]


def test_quiet_hours_say_when_it_would_be_sent(organization: Organization, api: Api) -> None:
    now = timezone.now().astimezone(ZoneInfo("UTC"))
    start, end = now - timedelta(hours=1), now + timedelta(hours=1)
    RestFactory(user=api.member.user, quiet_from=clock(start), quiet_to=clock(end))
    (channel,) = reached(api, severity="warning")["Ask Er"]["channels"]
    assert channel["why"].startswith("Quiet hours until ")
    assert channel["at"].startswith(f"{end:%Y-%m-%dT%H:%M}:00")
    assert warnings(api, severity="warning") == ["Nobody would be told at once: everybody who is told has quiet hours."]
    assert not reached(api)["Ask Er"]["channels"][0]["why"].startswith("Quiet")


def clock(moment: Any) -> time:
    return time(moment.hour, moment.minute)


def test_a_mute_is_told_where_it_holds(organization: Organization, api: Api) -> None:
    here, there = (SiteFactory(organization=organization, timezone="Europe/Berlin") for _ in range(2))
    manager(organization)
    now = timezone.now()
    MuteFactory(
        organization=organization, site=here, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(days=1)
    )
    (warning,) = warnings(api, site=str(here.pk))
    assert warning.startswith("A mute is in force until ")
    assert "(Europe/Berlin): nobody is told before" in warning
    assert warnings(api, site=str(there.pk)) == warnings(api) == []


def test_nobody_is_told_of_what_is_only_information(api: Api) -> None:
    (one,) = reached(api, severity="info").values()
    assert (one["told"], one["channels"]) == (False, [])
    assert warnings(api, severity="info") == [one["reasons"][0]]


def test_places_that_are_not_there_are_refused_by_name(organization: Organization, api: Api) -> None:
    elsewhere = UnitFactory()
    here = UnitFactory(area__site__organization=organization)
    for query, field in (
        ({"unit": str(elsewhere.pk)}, "unit"),
        ({"site": str(elsewhere.site_id)}, "site"),
        ({"unit": str(here.pk), "site": str(here.site_id)}, "site"),
        ({"unit": "x"}, "unit"),
        ({"severity": "loud"}, "severity"),
    ):
        assert api.read("alerts/reach/", 400, **query)["errors"][0]["field"] == field


def test_who_is_restricted_asks_about_the_own_sites(organization: Organization) -> None:
    here, there = (SiteFactory(organization=organization) for _ in range(2))
    restricted = Api(organization, role="manager", site_ids=[here.pk])
    manager(organization, user__name="Boss")
    manager(organization, user__name="Elsewhere", site_ids=[there.pk])
    found = reached(restricted, site=str(here.pk))
    assert "Boss" in found
    assert "Elsewhere" not in found, "who works where is nobody's business elsewhere"
    assert restricted.read("alerts/reach/", 400, site=str(there.pk))["errors"][0]["field"] == "site"


def test_staff_do_not_see_it(organization: Organization) -> None:
    Api(organization, role="staff").read("alerts/reach/", 403)


def test_it_costs_the_same_however_many_work_here(organization: Organization, api: Api) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            reached(api)
        return len(queries)

    reached(api)
    one = cost()
    for _ in range(30):
        manager(organization)
    assert cost() == one
    assert len(reached(api)) == 31
