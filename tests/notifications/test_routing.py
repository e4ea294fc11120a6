"""By which way each person hears of it now."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifications import routing
from notifications.preferences import Hours, instant, quiet_until
from notifications.routing import Route
from organizations.models import Organization, User
from tests.factories import (
    NOON,
    ContactMethodFactory,
    OrganizationFactory,
    PreferenceFactory,
    RestFactory,
    UserFactory,
    as_system,
)

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestQuietHours:
    NIGHT = Hours(time(22, 0), time(7, 0))

    @pytest.mark.parametrize(
        ("at", "until"),
        [
            ("2026-11-20 20:59", None),  # 21:59 in Berlin
            ("2026-11-20 21:00", "2026-11-21 06:00"),
            ("2026-11-20 23:30", "2026-11-21 06:00"),  # past midnight
            ("2026-11-21 05:59", "2026-11-21 06:00"),
            ("2026-11-21 06:00", None),
        ],
    )
    def test_they_go_past_midnight_by_the_persons_clock(self, at: str, until: str | None) -> None:
        found = quiet_until(hours=self.NIGHT, zone=BERLIN, at=moment(at))
        assert found == (moment(until) if until else None)

    @pytest.mark.parametrize(("at", "until"), [("11:59", None), ("12:00", "13:00"), ("13:00", None)])
    def test_or_within_a_day(self, at: str, until: str | None) -> None:
        hours = Hours(time(12, 0), time(13, 0))
        found = quiet_until(hours=hours, zone=ZoneInfo("UTC"), at=moment(f"2026-11-20 {at}"))
        assert found == (moment(f"2026-11-20 {until}") if until else None)

    def test_the_night_in_which_clocks_go_forward_is_an_hour_shorter(self) -> None:
        """29 March 2026: 02:00 becomes 03:00."""
        for at in ("2026-03-28 21:30", "2026-03-29 00:59", "2026-03-29 01:00"):
            assert quiet_until(hours=self.NIGHT, zone=BERLIN, at=moment(at)) == moment("2026-03-29 05:00")
        assert quiet_until(hours=self.NIGHT, zone=BERLIN, at=moment("2026-03-29 05:00")) is None

    def test_the_night_in_which_clocks_go_back_is_an_hour_longer(self) -> None:
        """25 October 2026: 03:00 becomes 02:00."""
        for at in ("2026-10-24 20:00", "2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 05:59"):
            assert quiet_until(hours=self.NIGHT, zone=BERLIN, at=moment(at)) == moment("2026-10-25 06:00")
        assert quiet_until(hours=self.NIGHT, zone=BERLIN, at=moment("2026-10-25 06:00")) is None

    def test_an_end_that_the_clock_jumps_over_is_the_jump(self) -> None:
        hours = Hours(time(22, 0), time(2, 30))
        assert quiet_until(hours=hours, zone=BERLIN, at=moment("2026-03-29 00:30")) == moment("2026-03-29 01:00")
        assert quiet_until(hours=hours, zone=BERLIN, at=moment("2026-03-29 01:00")) is None
        assert instant(moment("2026-03-08").date(), time(2, 59), NEW_YORK) == moment("2026-03-08 07:00")

    def test_a_time_that_the_clock_shows_twice_is_the_first(self) -> None:
        hours = Hours(time(22, 0), time(2, 30))
        assert quiet_until(hours=hours, zone=BERLIN, at=moment("2026-10-24 23:00")) == moment("2026-10-25 00:30")
        assert quiet_until(hours=hours, zone=BERLIN, at=moment("2026-10-25 01:15")) is None, "02:15, once more"

    def test_they_begin_where_the_clock_shows_it_first_and_last_through_the_second_time(self) -> None:
        hours = Hours(time(2, 30), time(6, 0))
        for at in ("2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:29"):
            assert quiet_until(hours=hours, zone=BERLIN, at=moment(at)) == moment("2026-10-25 05:00")

    def test_zones_at_the_other_end_of_the_world(self) -> None:
        kiritimati = ZoneInfo("Pacific/Kiritimati")  # UTC+14
        found = quiet_until(hours=self.NIGHT, zone=kiritimati, at=moment("2026-11-20 10:00"))
        assert found == moment("2026-11-20 17:00")


@pytest.mark.django_db
class TestRoutes:
    @pytest.fixture
    def organization(self) -> Organization:
        organization: Organization = OrganizationFactory()
        return organization

    @pytest.fixture
    def cook(self) -> User:
        cook: User = UserFactory(time_zone="Europe/Berlin", email="cook@example.com")
        ContactMethodFactory(user=cook)
        return cook

    def routes(self, organization: Organization, *users: User, at: datetime = NOON, **how: Any) -> list[Route]:
        how = {"severity": "critical", **how}
        with as_system():
            return routing.routes([user.pk for user in users], organization_id=organization.pk, at=at, **how)

    def test_who_never_chose_is_told_by_every_verified_e_mail_address_that_works(
        self, organization: Organization, cook: User
    ) -> None:
        ContactMethodFactory(user=cook, address="second@example.com")
        ContactMethodFactory(user=cook, address="unverified@example.com", verified_at=None)
        ContactMethodFactory(user=cook, address="bounced@example.com", disabled_at=NOON, disabled_because="550")
        ContactMethodFactory(user=cook, kind="sms", address="+15550100")
        (route,) = self.routes(organization, cook)
        assert {way.contact.address for way in route.contacts} == {"cook@example.com", "second@example.com"}
        assert {(way.due_at, way.why) for way in route.contacts} == {(NOON, "By default.")}

    def test_a_preference_is_of_one_organization_and_severity(self, organization: Organization, cook: User) -> None:
        PreferenceFactory(user=cook, organization=organization, severity="warning", channels=[])
        (warning,) = self.routes(organization, cook, severity="warning")
        (critical,) = self.routes(organization, cook)
        (elsewhere,) = self.routes(OrganizationFactory(), cook, severity="warning")
        assert (len(warning.contacts), len(critical.contacts), len(elsewhere.contacts)) == (0, 1, 1)
        assert warning.reasons == ["Wants to find warnings in the app only."]

    def test_where_no_chosen_channel_has_an_address_that_works_e_mail_stands_in(
        self, organization: Organization, cook: User, settings: Any
    ) -> None:
        settings.CHANNELS = {**settings.CHANNELS, "sms": "notifications.channels.email.sending"}
        PreferenceFactory(user=cook, organization=organization, severity="critical", channels=["sms"])
        number = ContactMethodFactory(user=cook, kind="sms", address="+15550100", verified_at=None)
        (route,) = self.routes(organization, cook)
        assert [(way.contact.kind, way.why) for way in route.contacts] == [("email", "Instead of SMS.")]
        assert route.reasons == ["SMS: the address isn't verified yet."]
        with as_system():
            type(number).objects.filter(pk=number.pk).update(verified_at=NOON)
        (route,) = self.routes(organization, cook)
        assert [(way.contact.kind, way.why) for way in route.contacts] == [("sms", "Chosen.")]

    def test_a_channel_that_this_installation_cannot_send_by_silences_nobody(
        self, organization: Organization, cook: User
    ) -> None:
        PreferenceFactory(user=cook, organization=organization, severity="critical", channels=["voice"])
        ContactMethodFactory(user=cook, kind="voice", address="+15550100")
        (route,) = self.routes(organization, cook)
        assert [way.contact.kind for way in route.contacts] == ["email"]
        assert route.reasons == ["Voice call: nothing can be sent that way here yet."]

    def test_why_nothing_can_be_sent_is_said(self, organization: Organization) -> None:
        bounced, nobody = UserFactory(email="a@example.com"), UserFactory(email="b@example.com")
        ContactMethodFactory(user=bounced, disabled_at=NOON)
        first, second = self.routes(organization, bounced, nobody)
        assert (first.contacts, second.contacts) == ([], [])
        assert first.reasons == ["E-mail: the address was switched off, since nothing arrives there."]
        assert second.reasons == ["E-mail: there is no verified address for it that works."]

    @pytest.mark.parametrize("severity", ["info", "warning"])
    def test_quiet_hours_put_off_to_their_end(self, organization: Organization, cook: User, severity: str) -> None:
        RestFactory(user=cook, quiet_from=time(22, 0), quiet_to=time(7, 0))
        night = moment("2026-11-20 23:00")
        (route,) = self.routes(organization, cook, at=night, severity=severity)
        (way,) = route.contacts
        assert way.due_at == moment("2026-11-21 06:00")
        assert way.why == "Quiet hours until Sat 21 Nov, 07:00 (Europe/Berlin): then, with whatever else there is."

    def test_what_is_critical_passes_them(self, organization: Organization, cook: User) -> None:
        RestFactory(user=cook, quiet_from=time(22, 0), quiet_to=time(7, 0))
        night = moment("2026-11-20 23:00")
        (route,) = self.routes(organization, cook, at=night)
        assert [way.due_at for way in route.contacts] == [night]

    def away(self, user: User) -> None:
        RestFactory(user=user, away_from=NOON, away_until=NOON + timedelta(days=7))

    def test_who_is_away_finds_it_in_the_app(self, organization: Organization, cook: User) -> None:
        other = UserFactory(email="other@example.com")
        ContactMethodFactory(user=other)
        self.away(cook)
        absent, present = self.routes(organization, cook, other)
        assert (len(absent.contacts), len(present.contacts)) == (0, 1)
        assert absent.reasons == ["Away until Fri 27 Nov, 13:00 (Europe/Berlin): finds it in the app only."]
        for at in (NOON - timedelta(seconds=1), NOON + timedelta(days=7)):
            absent, _ = self.routes(organization, cook, other, at=at)
            assert len(absent.contacts) == 1, "before it begins, and once it is over"

    def test_unless_nobody_else_would_be_told_of_something_critical(
        self, organization: Organization, cook: User
    ) -> None:
        silent = UserFactory(email="silent@example.com")
        ContactMethodFactory(user=silent)
        PreferenceFactory(user=silent, organization=organization, severity="critical", channels=[])
        self.away(cook)
        absent, app_only = self.routes(organization, cook, silent)
        assert [way.why for way in absent.contacts] == ["Away, but nobody else would be told."]
        assert app_only.contacts == []
        (warning,) = self.routes(organization, cook, severity="warning")
        assert warning.contacts == []

    def test_a_time_zone_that_nobody_knows_keeps_nobody_from_being_told(
        self, organization: Organization, cook: User
    ) -> None:
        RestFactory(user=cook, quiet_from=time(11, 0), quiet_to=time(13, 0))
        with as_system():
            User.objects.filter(pk=cook.pk).update(time_zone="Mars/Olympus")
        (route,) = self.routes(organization, cook, severity="warning")
        assert [way.due_at for way in route.contacts] == [NOON + timedelta(hours=1)]

    def test_who_was_switched_off_is_left_out(self, organization: Organization) -> None:
        assert self.routes(organization, UserFactory(is_active=False)) == []

    def test_it_takes_two_statements_however_many_they_are(
        self, organization: Organization, django_assert_num_queries: Any
    ) -> None:
        users = [UserFactory() for _ in range(12)]
        for user in users:
            ContactMethodFactory(user=user)
            RestFactory(user=user, quiet_from=time(22, 0), quiet_to=time(7, 0))
            PreferenceFactory(user=user, organization=organization, severity="critical")
        with as_system(), django_assert_num_queries(2):
            found = routing.routes(
                [user.pk for user in users], organization_id=organization.pk, severity="critical", at=NOON
            )
        assert sum(len(route.contacts) for route in found) == 12
