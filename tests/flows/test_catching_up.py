"""Catching up: nothing is missed, nothing twice, and nobody sees more than their lists show.

Here and not beside the other tests of organizations, which run two at a time: a transaction that runs anywhere in the
cluster holds up what is told, and theirs would.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organizations import changes
from organizations.changes import Cursor
from organizations.models import Membership, Organization, Role
from organizations.tenancy import acting_as_system, acting_in
from sensors.models import Site, Unit
from tests.factories import (
    AreaFactory,
    MembershipFactory,
    RuleFactory,
    SensorFactory,
    SiteFactory,
    UnitFactory,
    as_system,
)
from tests.organizations.people import base, client_of

# Committed: a transaction that runs hides its changes from every cursor, the test's own too.
pytestmark = pytest.mark.django_db(transaction=True)


class Reader:
    """Somebody who catches up over HTTP."""

    def __init__(self, member: Membership) -> None:
        self.member, self.client = member, client_of(member.user)
        self.cursor = self.ask().json()["cursor"]

    def ask(self, **query: Any) -> Any:
        return self.client.get(f"{base(self.member)}changes/", query)

    def next(self, **query: Any) -> list[dict[str, Any]]:
        """What changed since the last time."""
        answer = self.ask(cursor=self.cursor, **query)
        assert answer.status_code == 200, answer.json()
        self.cursor = answer.json()["cursor"]
        return list(answer.json()["results"])


@pytest.fixture
def owner() -> Membership:
    return MembershipFactory()


def says(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["entity"], row["action"], row["id"]


class TestCatchingUp:
    def test_begins_with_nothing_and_the_cursor_of_now(self, owner: Membership) -> None:
        SiteFactory(organization=owner.organization)
        answer = Reader(owner).ask()
        assert answer.json()["results"] == []
        assert answer.json()["cursor"]

    def test_tells_what_was_made_changed_and_deleted_in_order(self, owner: Membership) -> None:
        reader = Reader(owner)
        site = SiteFactory(organization=owner.organization, name="Harbor")
        with as_system():
            Site.objects.filter(pk=site.pk).update(name="Market")
            Site.objects.filter(pk=site.pk).delete()
        made, renamed, deleted = reader.next()
        assert [says(row) for row in (made, renamed, deleted)] == [
            ("site", action, str(site.pk)) for action in ("create", "update", "delete")
        ]
        assert made["changes"]["name"] == {"before": None, "after": "Harbor"}
        assert renamed["changes"] == {"name": {"before": "Harbor", "after": "Market"}}
        assert deleted["changes"]["name"] == {"before": "Market", "after": None}
        assert set(made) == {"cursor", "entity", "id", "action", "changes", "at"}
        assert reader.next() == []

    def test_goes_on_behind_any_change_it_told(self, owner: Membership) -> None:
        reader = Reader(owner)
        sites = [SiteFactory(organization=owner.organization) for _ in range(3)]
        first, *rest = reader.next()
        reader.cursor = first["cursor"]
        assert reader.next() == rest
        assert [row["id"] for row in rest] == [str(site.pk) for site in sites[1:]]

    def test_comes_in_pages(self, owner: Membership) -> None:
        reader = Reader(owner)
        sites = [SiteFactory(organization=owner.organization) for _ in range(5)]
        pages = [[row["id"] for row in reader.next(page_size=2)] for _ in range(4)]
        assert pages == [[str(site.pk) for site in part] for part in (sites[:2], sites[2:4], sites[4:], [])]

    def test_a_page_costs_the_same_however_long_it_is(self, owner: Membership) -> None:
        reader = Reader(owner)
        counts = []
        for many in (1, 40):
            for _ in range(many):
                SiteFactory(organization=owner.organization)
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert len(reader.next()) == many
            counts.append(len(captured))
        assert counts[0] == counts[1] < 15

    def test_of_others_nothing_is_told(self, owner: Membership) -> None:
        reader = Reader(owner)
        SiteFactory()
        assert reader.next() == []

    @pytest.mark.parametrize(
        "cursor",
        ["nonsense", "1-2", "1-2-3-4", "-1-2-3", "1-2-x", f"{2**63}-1-1", "1-1-" + "9" * 12, "٣-1-1", "1\0-1-1"],
    )
    def test_what_is_no_cursor_is_refused(self, owner: Membership, cursor: str) -> None:
        answer = Reader(owner).ask(cursor=cursor)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert answer.json()["errors"][0]["field"] == "cursor"

    @pytest.mark.parametrize("size", ["0", "501", "-1", "many", "1e2"])
    def test_an_impossible_page_size_is_refused(self, owner: Membership, size: str) -> None:
        answer = Reader(owner).ask(page_size=size)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "page_size")

    @pytest.mark.parametrize(("days", "status"), [(89, 200), (91, 410)])
    def test_goes_back_ninety_days(self, owner: Membership, days: int, status: int) -> None:
        issued = int((timezone.now() - timedelta(days=days)).timestamp())
        answer = Reader(owner).ask(cursor=str(Cursor(1, 0, issued)))
        assert answer.status_code == status
        if status == 410:
            assert answer.json()["code"] == "cursor_too_old"
            assert answer.headers["Content-Type"] == "application/problem+json"

    def test_a_cursor_from_before_a_restore_is_too_old(self, owner: Membership) -> None:
        """The restored database counts its transactions from where it was."""
        reader = Reader(owner)
        now = Cursor.of(reader.cursor)
        ahead = reader.ask(cursor=str(Cursor(now.transaction + 1_000_000, 0, now.issued)))
        assert (ahead.status_code, ahead.json()["code"]) == (410, "cursor_too_old")
        later = reader.ask(cursor=str(Cursor(now.transaction, 0, now.issued + 10 * 86_400)))
        assert later.status_code == 410

    def test_looks_into_the_months_since_the_cursor_only(self, owner: Membership) -> None:
        with as_system(), connection.cursor() as db:
            db.execute("SELECT freshtrack_make_partitions('organizations_change', current_date, 13)")
            db.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'organizations_change'::regclass")
            assert db.fetchone()[0] >= 12
        with acting_in(owner.organization, by=owner.user):
            where = Cursor.of(changes.cursor())
            rows = changes._after(
                Cursor(1, 0, where.issued),
                issued=datetime.fromtimestamp(where.issued, UTC) + timedelta(days=330),
                below=where.transaction,
                membership=owner,
            )
            plan = rows[:100].explain()
        assert 0 < plan.count("organizations_change_2") <= 8, plan
        assert "Seq Scan on organizations_change" not in plan or "default" in plan


class TestNames:
    """Fields are called as the API calls them."""

    def test_parents_lose_the_ending_of_their_columns(self, owner: Membership) -> None:
        area = AreaFactory(site__organization=owner.organization)
        reader = Reader(owner)
        unit = UnitFactory(area=area)
        (made,) = reader.next()
        assert made["changes"]["site"] == {"before": None, "after": str(area.site_id)}
        assert made["changes"]["area"]["after"] == str(area.pk)
        assert not {"id", "organization", "organization_id", "site_id", "severity"} & set(made["changes"])
        shown = reader.client.get(f"{base(owner)}units/{unit.pk}/").json()
        assert set(made["changes"]) <= set(shown)
        assert {name: values["after"] for name, values in made["changes"].items() if not name.endswith("_at")} == {
            name: shown[name] for name in made["changes"] if not name.endswith("_at")
        }

    def test_the_organization_has_a_timezone(self, owner: Membership) -> None:
        reader = Reader(owner)
        answer = reader.client.patch(base(owner), {"timezone": "Europe/Berlin"}, format="json")
        assert answer.status_code == 200
        assert reader.next()[0]["changes"] == {"timezone": {"before": "UTC", "after": "Europe/Berlin"}}

    def test_moments_are_written_with_z(self, owner: Membership) -> None:
        reader = Reader(owner)
        at = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)
        with acting_as_system("tests"), connection.cursor() as db:
            db.execute("SET LOCAL timezone = 'Asia/Kolkata'")
            Site.objects.create(organization=owner.organization, name="Harbor", created_at=at)
        (made,) = reader.next()
        assert made["changes"]["created_at"]["after"] == "2026-07-01T12:00:00.250Z"
        assert made["at"].endswith("Z")

    def test_a_rule_has_a_scope(self, owner: Membership) -> None:
        site = SiteFactory(organization=owner.organization)
        reader = Reader(owner)
        rule = RuleFactory(organization=owner.organization)
        answer = reader.client.patch(
            f"{base(owner)}alert-rules/{rule.pk}/", {"scope": {"site": str(site.pk)}}, format="json"
        )
        assert answer.status_code == 200, answer.json()
        made, moved = reader.next()
        assert made["changes"]["scope"] == {"before": None, "after": {}}
        assert moved["changes"] == {"scope": {"before": {}, "after": {"site": str(site.pk)}}}

    def test_a_sensor_is_named_by_its_public_id(self, owner: Membership) -> None:
        unit = UnitFactory(area__site__organization=owner.organization)
        reader = Reader(owner)
        sensor = SensorFactory(unit=unit)
        (made,) = reader.next()
        assert (made["entity"], made["id"]) == ("sensor", str(sensor.public_id))
        assert not {"id", "public_id", "temperature", "status"} & set(made["changes"])


class TestWhoMaySeeWhat:
    def test_a_viewer_learns_nothing_of_keys_invitations_and_messages(self, owner: Membership) -> None:
        viewer = Reader(MembershipFactory(organization=owner.organization, role=Role.VIEWER))
        admin = Reader(owner)
        SiteFactory(organization=owner.organization)
        admin.client.post(f"{base(owner)}invitations/", {"email": "new@example.com", "role": "staff"}, format="json")
        assert {row["entity"] for row in viewer.next()} == {"site"}
        assert {"site", "invitation"} <= {row["entity"] for row in admin.next()}

    @pytest.fixture
    def here(self, owner: Membership) -> Unit:
        return UnitFactory(area__site__organization=owner.organization, name="Here")

    @pytest.fixture
    def there(self, owner: Membership) -> Unit:
        return UnitFactory(area__site__organization=owner.organization, name="There")

    @pytest.fixture
    def restricted(self, owner: Membership, here: Unit) -> Reader:
        return Reader(MembershipFactory(organization=owner.organization, role=Role.MANAGER, site_ids=[here.site_id]))

    def move(self, owner: Membership, unit: Unit, to: Unit) -> None:
        answer = client_of(owner.user).patch(
            f"{base(owner)}units/{unit.pk}/", {"area": str(to.area_id), "name": "Secret name"}, format="json"
        )
        assert answer.status_code == 200, answer.json()

    def test_members_of_some_sites_hear_of_these(
        self, owner: Membership, here: Unit, there: Unit, restricted: Reader
    ) -> None:
        mine, _ = UnitFactory(area=here.area), UnitFactory(area=there.area)
        SensorFactory(unclaimed=True, organization=owner.organization)
        RuleFactory(organization=owner.organization, site=there.site)
        everywhere = RuleFactory(organization=owner.organization)
        assert [says(row)[2] for row in restricted.next()] == [str(mine.pk), str(everywhere.pk)]

    def test_what_leaves_their_sites_is_deleted_for_them(
        self, owner: Membership, here: Unit, there: Unit, restricted: Reader
    ) -> None:
        everything = Reader(owner)
        self.move(owner, here, to=there)
        (seen,) = restricted.next()
        assert says(seen) == ("unit", "delete", str(here.pk))
        assert seen["changes"]["name"] == {"before": "Here", "after": None}
        assert "Secret name" not in json.dumps(seen)
        assert str(there.site_id) not in json.dumps(seen)
        assert says(everything.next()[0]) == ("unit", "update", str(here.pk))

    def test_what_comes_into_their_sites_comes_without_its_past(
        self, owner: Membership, here: Unit, there: Unit, restricted: Reader
    ) -> None:
        self.move(owner, there, to=here)
        (seen,) = restricted.next()
        assert says(seen) == ("unit", "update", str(there.pk))
        assert seen["changes"]["name"] == {"before": None, "after": "Secret name"}
        assert str(there.area_id) not in json.dumps(seen)

    def test_a_rule_that_now_watches_every_site_stays(self, owner: Membership, here: Unit, restricted: Reader) -> None:
        rule = RuleFactory(organization=owner.organization, site=here.site)
        restricted.next()
        answer = client_of(owner.user).patch(f"{base(owner)}alert-rules/{rule.pk}/", {"scope": {}}, format="json")
        assert answer.status_code == 200
        (seen,) = restricted.next()
        assert says(seen)[:2] == ("alert_rule", "update")

    def test_of_colleagues_they_learn_the_sites_they_know(
        self, owner: Membership, here: Unit, there: Unit, restricted: Reader
    ) -> None:
        colleague = MembershipFactory(
            organization=owner.organization, role=Role.STAFF, site_ids=[here.site_id, there.site_id]
        )
        seen = [row for row in restricted.next() if row["id"] == str(colleague.pk)]
        assert [row["changes"]["sites"]["after"] for row in seen] == [[str(here.site_id)]]

    def test_of_people_at_other_sites_they_learn_nothing(
        self, owner: Membership, here: Unit, restricted: Reader
    ) -> None:
        there = SiteFactory(organization=owner.organization)
        MembershipFactory(organization=owner.organization, role=Role.STAFF, site_ids=[there.pk])
        beside = MembershipFactory(organization=owner.organization, role=Role.STAFF, site_ids=[here.site_id])
        told = [change["id"] for change in restricted.next() if change["entity"] == "membership"]
        assert told == [str(beside.pk)]


class RolledBack(Exception):
    """A transaction that thinks better of it."""


class Writer(threading.Thread):
    """Makes sites in transactions of random length until the time is over; some are rolled back."""

    def __init__(self, organization: Organization, number: int, until: float) -> None:
        super().__init__()
        self.organization, self.number, self.until = organization, number, until
        self.chance = random.Random(number)
        self.committed: list[str] = []
        self.rolled_back: list[str] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while time.monotonic() < self.until:
                self.write()
        except BaseException as error:
            self.failure = error
        finally:
            connection.close()

    def write(self) -> None:
        names = [f"{self.number}-{self.chance.random()}" for _ in range(self.chance.randint(1, 4))]
        try:
            with acting_in(self.organization), connection.cursor() as db:
                for name in names:
                    Site.objects.create(organization=self.organization, name=name)
                    # Short ones mostly, and now and then one that many others overtake.
                    db.execute("SELECT pg_sleep(%s)", [self.chance.choice([0, 0.001, 0.01, 0.4])])
                if self.chance.random() < 0.2:
                    raise RolledBack
        except RolledBack:
            self.rolled_back += names
        else:
            self.committed += names


def test_eight_writers_and_a_reader_miss_and_repeat_nothing(owner: Membership, settings: Any) -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    unlimited = {scope: "1000000/min" for scope in rates}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": unlimited}
    reader = Reader(owner)
    until = time.monotonic() + 20
    writers = [Writer(owner.organization, number, until) for number in range(8)]
    for writer in writers:
        writer.start()
    seen: list[dict[str, Any]] = []
    polls = 0
    while any(writer.is_alive() for writer in writers):
        seen += reader.next(page_size=20)
        polls += 1
    while more := reader.next(page_size=20):
        seen += more
    assert [writer.failure for writer in writers] == [None] * 8

    names = [row["changes"]["name"]["after"] for row in seen]
    assert sorted(names) == sorted(name for writer in writers for name in writer.committed)
    for writer in writers:
        # Whoever writes finds the own changes in the order in which they were made.
        assert [name for name in names if name in set(writer.committed)] == writer.committed
    # It was worth the time: they overtook each other, some thought better of it, and the reader was there meanwhile.
    numbers = [Cursor.of(row["cursor"]).id for row in seen]
    assert sum(after < before for before, after in itertools.pairwise(numbers)) > 20
    assert sum(len(writer.rolled_back) for writer in writers) > 20
    assert polls > 20
