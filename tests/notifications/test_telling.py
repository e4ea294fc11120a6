"""Told once, everybody by the own way, and at the same cost however many they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import people
from notifications.models import Urgency
from notifications.telling import tell
from organizations.models import Role
from organizations.tenancy import acting_in
from tests.factories import (
    NOON,
    ContactMethodFactory,
    MembershipFactory,
    OrganizationFactory,
    PreferenceFactory,
    SiteFactory,
    UserFactory,
    as_system,
)
from tests.notifications.told import items, manager, messages, notice, tell_them

pytestmark = pytest.mark.django_db


def test_who_is_told_gets_an_e_mail_and_finds_it_in_the_app() -> None:
    organization = OrganizationFactory()
    member = manager(organization)
    what = notice(organization, 7)
    (message,) = tell_them(what, [member])
    (item,) = items()
    assert (message.to, message.subject, message.text) == (member.user.email, "Cooler 07 °C", "Cooler 07, in full.")
    assert (message.severity, message.urgency, message.item_id) == ("critical", Urgency.URGENT, item.pk)
    assert (message.site_id, message.extra) == (what.site_id, {"path": what.path})
    assert (item.user_id, item.subject, item.text, item.path) == (
        member.user_id,
        "Cooler 07 °C",
        "Cooler 07.",
        what.path,
    )
    assert (item.site_id, item.severity, item.about, item.created_at) == (what.site_id, "critical", "alert:7", NOON)


def test_the_same_twice_is_told_once() -> None:
    organization = OrganizationFactory()
    member = manager(organization)
    what = notice(organization)
    assert len(tell_them(what, [member])) == 1
    assert tell_them(what, [member], at=NOON + timedelta(hours=1)) == []
    assert (len(messages()), len(items())) == (1, 1)


def test_each_person_reads_it_in_the_own_scale_and_words_are_made_once_for_all_who_share_it() -> None:
    organization = OrganizationFactory()
    members = [manager(organization, user__temperature_unit=unit) for unit in ("c", "f", "c", "f")]
    made = []
    what = notice(organization, 1)
    words = what.words

    def counted(user: Any) -> Any:
        made.append(user.temperature_unit)
        return words(user)

    tell_them(notice(organization, 1, site_id=what.site_id, words=counted), members)
    said = {message.user_id: message.subject for message in messages()}
    assert [said[member.user_id] for member in members] == ["Cooler 01 °C", "Cooler 01 °F"] * 2
    assert sorted(made) == ["c", "f"]


def test_other_channels_than_e_mail_carry_the_short_words(settings: Any) -> None:
    settings.CHANNELS = {**settings.CHANNELS, "sms": "notifications.channels.email.sending"}
    organization = OrganizationFactory()
    member = manager(organization)
    ContactMethodFactory(user=member.user, kind="sms", address="+15550100")
    PreferenceFactory(organization=organization, user=member.user, severity="critical", channels=["sms", "email"])
    tell_them(notice(organization, 3), [member])
    texts = {message.channel: (message.text, message.html) for message in messages()}
    assert texts == {"sms": ("Cooler 03.", ""), "email": ("Cooler 03, in full.", "<p>Cooler 03, in full.</p>")}


def test_forty_people_cost_as_many_statements_as_one() -> None:
    organization = OrganizationFactory()
    members = [manager(organization) for _ in range(40)]
    first, second = notice(organization, 1), notice(organization, 2)

    def cost(what: Any, some: Any) -> int:
        with as_system(), CaptureQueriesContext(connection) as queries:
            tell_in_scope(what, some)
        return len(queries)

    one = cost(first, members[:1])
    assert cost(second, members) == one
    assert one <= 8
    assert len(messages(about="alert:2")) == 40


def tell_in_scope(what: Any, members: Any) -> None:
    tell(what, people=[member.user_id for member in members], at=NOON)


def test_who_is_restricted_to_a_site_may_cause_that_others_are_told_of_it() -> None:
    """A restricted manager ends a mute: what it kept quiet is told to the owner, in that manager's scope."""
    site = SiteFactory()
    owner = manager(site.organization)
    restricted = manager(site.organization, site_ids=[site.pk])
    with acting_in(site.organization, by=restricted.user, sites=[site.pk]):
        for number in range(14):
            tell_in_scope(notice_at(site, number), [owner, restricted])
    assert len(items(user=owner.user)) == 14
    (summary,) = messages(user=owner.user, event="summary")
    assert summary.site_id == site.pk, "in that scope nothing can be written that is of no site"


def notice_at(site: Any, number: int) -> Any:
    return notice(site.organization, number, site_id=site.pk)


class TestPeople:
    def test_only_current_active_members_with_the_role_count(self) -> None:
        organization = OrganizationFactory()

        def member(**fields: Any) -> Any:
            return MembershipFactory(organization=organization, **fields)

        good = member(role=Role.MANAGER)
        member(role=Role.STAFF)
        member(role=Role.OWNER, ended_at=NOON)
        member(role=Role.OWNER, user=UserFactory(is_active=False))
        MembershipFactory()
        with as_system():
            found = people.members(organization_id=organization.pk, site_id=None, roles=["manager", "owner"])
            assert list(found) == [good]

    def test_who_may_see_some_sites_only_is_told_of_these_only(self) -> None:
        here, elsewhere = SiteFactory(), SiteFactory()
        boss = MembershipFactory(organization=here.organization)
        restricted = MembershipFactory(organization=here.organization, role=Role.MANAGER, site_ids=[here.pk])
        # Elsewhere they may see everything: another organization's membership is no reason here.
        MembershipFactory(organization=elsewhere.organization, user=restricted.user)

        def told(site_id: Any) -> set[Any]:
            with as_system():
                found = people.members(
                    organization_id=here.organization_id, site_id=site_id, roles=["manager", "owner"]
                )
                return set(found)

        assert told(here.pk) == {boss, restricted}
        assert told(elsewhere.pk) == told(None) == {boss}

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("cook@example.com", "c•••@example.com"),
            ("+15550100", "•••0100"),
            ("12345", "•••"),
            ("@example.com", "•••@example.com"),
        ],
    )
    def test_an_address_is_shown_so_that_its_owner_knows_it_and_nobody_learns_it(
        self, address: str, shown: str
    ) -> None:
        assert people.masked(address) == shown
