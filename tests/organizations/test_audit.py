"""The audit trail: whatever was changed, however, tells who, through what and from where; and nobody can alter it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts.tasks import end_overrides
from freshtrack import requests
from ingest import native, pipeline
from ingest.authentication import Sender
from ingest.pipeline import Delivery
from organizations import security_events
from organizations.exports import ExportEnded
from organizations.models import Membership, Role, User
from organizations.tenancy import Origin, acting_in
from sensors.models import Site
from tests.factories import (
    NOON,
    AlertFactory,
    AreaFactory,
    MembershipFactory,
    OverrideFactory,
    SiteFactory,
    UnitFactory,
    UserFactory,
    as_system,
    token_of,
)
from tests.live.screens import Screen
from tests.organizations.people import base, client_of
from tests.stack import superuser

pytestmark = pytest.mark.django_db


class Trail:
    """The audit trail as somebody reads it."""

    def __init__(self, member: Membership) -> None:
        self.member, self.client = member, client_of(member.user)

    def ask(self, **query: Any) -> Any:
        return self.client.get(f"{base(self.member)}audit-events/", query)

    def read(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.ask(**query)
        assert answer.status_code == 200, answer.json()
        return list(answer.json()["results"])

    def table(self, **query: Any) -> list[dict[str, str]]:
        answer = self.ask(format="csv", **query)
        assert answer.status_code == 200
        text = b"".join(answer).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def admin() -> Membership:
    return MembershipFactory(role=Role.ADMIN, user__name="Ada")


@pytest.fixture
def trail(admin: Membership) -> Trail:
    return Trail(admin)


def person(user: User) -> dict[str, str]:
    return {"id": str(user.pk), "email": user.email, "name": user.name}


class TestEachWayOfChanging:
    """Who, through what, from where."""

    def test_the_api(self, admin: Membership, trail: Trail) -> None:
        answer = trail.client.post(f"{base(admin)}sites/", {"name": "Harbor"}, format="json", REMOTE_ADDR="192.0.2.7")
        assert answer.status_code == 201
        (event,) = trail.read(entity="site")
        assert event == {
            "id": event["id"],
            "at": event["at"],
            "actor": person(admin.user),
            "via": "api",
            "address": "192.0.2.7",
            "request_id": answer.headers["X-Request-Id"],
            "entity": "site",
            "object_id": answer.json()["id"],
            "site": answer.json()["id"],
            "action": "create",
            "changes": event["changes"],
        }
        assert event["changes"]["name"] == {"before": None, "after": "Harbor"}

    @pytest.mark.django_db(transaction=True)
    def test_the_socket(self, admin: Membership, trail: Trail) -> None:
        unit = UnitFactory(area__site__organization=admin.organization)
        alert = AlertFactory(unit=unit)
        token = token_of(admin.user)

        async def acknowledge() -> None:
            screen = Screen(admin.organization.slug, token)
            screen.scope["client"] = ["192.0.2.8", 50_000]
            await screen.open()
            await screen.next("snapshot")
            await screen.say(type="acknowledge", id=1, alert=str(alert.pk), note="On my way")
            assert (await screen.next("reply"))["ok"]
            await screen.disconnect()

        async_to_sync(acknowledge)()
        (event,) = trail.read(entity="alert", action="update")
        assert (event["actor"], event["via"], event["address"]) == (person(admin.user), "socket", "192.0.2.8")
        assert event["changes"]["status"] == {"before": "open", "after": "acknowledged"}
        assert event["changes"]["acknowledged_by"]["after"] == str(admin.user_id)

    def test_our_staff_in_the_back_office(self, admin: Membership, trail: Trail) -> None:
        staff = UserFactory(email="sam@freshtrack.example", is_staff=True, is_superuser=True)
        office = Client(REMOTE_ADDR="192.0.2.9")
        office.force_login(staff)
        site = {
            "organization": admin.organization_id,
            "name": "Pier",
            "timezone": "UTC",
            "kind": "other",
            "address": "",
        }
        assert office.post(reverse("admin:sensors_site_add"), site).status_code == 302
        (event,) = trail.read(via="admin")
        assert event["actor"] == {"id": str(staff.pk), "email": "", "name": "FreshTrack staff"}
        assert (event["address"], event["entity"]) == ("192.0.2.9", "site")
        assert event["request_id"]

    def test_a_task(self, admin: Membership, trail: Trail) -> None:
        OverrideFactory(
            organization=admin.organization,
            unit__organization=admin.organization,
            expires_at=NOON + timedelta(minutes=1),
        )
        end_overrides.apply(task_id="11111111-2222-3333-4444-555555555555")
        event = trail.read(entity="rule_override", action="update")[0]
        assert (event["actor"], event["via"], event["address"]) == (None, "sweep", "")
        assert event["changes"]["ended_at"]["after"] is not None
        assert event["request_id"] == "11111111-2222-3333-4444-555555555555", "the same as in the worker's log"

    def test_ingest(self, admin: Membership, trail: Trail) -> None:
        body = {"readings": [{"sensor": "NEW", "recorded_at": NOON.isoformat(), "temperature": 3.0}]}
        decoded = native.decode(json.dumps(body).encode(), at=NOON)
        sender = Sender(admin.organization_id, admin.organization.number, True)
        requests.go_back("-")  # the writer has a thread of its own
        pipeline.store([Delivery(sender, decoded)], at=NOON)
        (event,) = trail.read(entity="sensor")
        assert (event["actor"], event["via"], event["action"]) == (None, "ingest", "create")
        assert event["request_id"] == "", "one commit stores what came in many requests"
        assert event["changes"]["serial"]["after"] == "NEW"

    @pytest.mark.django_db(transaction=True)
    def test_the_shell(self, admin: Membership, trail: Trail) -> None:
        site = SiteFactory(organization=admin.organization)
        with superuser(connection.settings_dict["NAME"]) as db:
            db.execute("UPDATE sensors_site SET name = 'By hand' WHERE id = %s", [site.pk])
        (event,) = trail.read(entity="site", action="update")
        assert (event["actor"], event["via"], event["address"], event["request_id"]) == (None, "shell", "", "")

    def test_what_was_refused(self, admin: Membership, trail: Trail) -> None:
        with acting_in(admin.organization, by=admin.user, origin=Origin(via="api")):
            security_events.note(organization=admin.organization, kind="invitation_reused", detail="new@example.com")
        (event,) = trail.read(entity="security_event")
        assert event["changes"]["kind"]["after"] == "invitation_reused"

    def test_past_members_keep_their_names(self, admin: Membership, trail: Trail) -> None:
        former = MembershipFactory(organization=admin.organization, role=Role.MANAGER, user__name="Former")
        with acting_in(admin.organization, by=former.user):
            Site.objects.create(organization=admin.organization, name="Harbor")
        with as_system():
            Membership.objects.filter(pk=former.pk).update(ended_at=timezone.now())
        assert trail.read(entity="site")[0]["actor"] == person(former.user)

    def test_a_removed_account_is_not_taken_for_our_staff(self, admin: Membership, trail: Trail) -> None:
        with acting_in(admin.organization, by=UserFactory(), origin=Origin(via="api")):
            Site.objects.create(organization=admin.organization, name="Harbor")
        assert trail.read(entity="site")[0]["actor"]["name"] == "Somebody whose account was removed"


class TestReading:
    def test_is_for_administrators(self, admin: Membership) -> None:
        for role in (Role.MANAGER, Role.STAFF, Role.VIEWER):
            for query in ({}, {"format": "csv"}):
                answer = Trail(MembershipFactory(organization=admin.organization, role=role)).ask(**query)
                assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
                assert answer.json()["code"] == "permission_denied"

    def test_of_others_nothing_is_shown(self, trail: Trail) -> None:
        SiteFactory()
        assert trail.read(entity="site") == []
        assert trail.table(entity="site") == []

    def test_newest_first_in_pages(self, admin: Membership, trail: Trail) -> None:
        sites = [SiteFactory(organization=admin.organization) for _ in range(5)]
        seen, answer = [], trail.ask(entity="site", page_size=2).json()
        while True:
            seen += [row["object_id"] for row in answer["results"]]
            if answer["next"] is None:
                break
            answer = trail.client.get(answer["next"]).json()
        assert seen == [str(site.pk) for site in reversed(sites)]

    def test_a_page_costs_the_same_however_many_acted(self, admin: Membership, trail: Trail) -> None:
        counts = []
        trail.read()  # the token's first use is written
        for many in (1, 20):
            for _ in range(many):
                member = MembershipFactory(organization=admin.organization)
                with acting_in(admin.organization, by=member.user):
                    Site.objects.create(organization=admin.organization, name="Harbor")
            with CaptureQueriesContext(connection) as captured:
                actors = {row["actor"]["id"] for row in trail.read(entity="site")}
            counts.append(sum(" FROM " in query["sql"] for query in captured))
        assert len(actors) == 21
        assert counts == [4, 4], "the token, the membership, the rows, the people"

    def test_filters(self, admin: Membership, trail: Trail) -> None:
        other = MembershipFactory(organization=admin.organization)
        for member, via in ((admin, "api"), (other, "socket")):
            with acting_in(admin.organization, by=member.user, origin=Origin(via=via)):
                Site.objects.create(organization=admin.organization, name=via)
        by_api, by_socket = (
            next(row for row in trail.read(entity="site") if row["via"] == via) for via in ("api", "socket")
        )
        for query, found in (
            ({"actor": str(admin.user_id)}, [by_api]),
            ({"object_id": by_socket["object_id"]}, [by_socket]),
            ({"via": "socket"}, [by_socket]),
            ({"action": "create", "site": by_api["site"]}, [by_api]),
            ({"action": "delete"}, []),
            ({"after": by_socket["at"]}, [by_socket]),
            ({"before": by_api["at"]}, []),
            ({"before": (timezone.now() + timedelta(seconds=5)).isoformat()}, [by_socket, by_api]),
            ({"actor": [str(admin.user_id), str(other.user_id)]}, [by_socket, by_api]),
        ):
            assert trail.read(entity="site", **query) == found, query

    def test_what_left_a_site_is_found_there(self, admin: Membership, trail: Trail) -> None:
        unit = UnitFactory(area__site__organization=admin.organization)
        elsewhere = AreaFactory(site__organization=admin.organization)
        answer = trail.client.patch(f"{base(admin)}units/{unit.pk}/", {"area": str(elsewhere.pk)}, format="json")
        assert answer.status_code == 200
        moved = trail.read(entity="unit", action="update")
        assert moved
        for site in (unit.site_id, elsewhere.site_id):
            assert trail.read(entity="unit", action="update", site=str(site)) == moved

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("actor", "me"),
            ("site", "1"),
            ("action", "rename"),
            ("after", "yesterday"),
            ("entity", "x" * 65),
            ("object_id", "a\0b"),
            ("cursor", "?"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, trail: Trail, name: str, value: str) -> None:
        answer = trail.ask(**{name: value})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == name

    def test_cannot_be_changed_over_the_api(self, admin: Membership, trail: Trail) -> None:
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(trail.client, method)(f"{base(admin)}audit-events/", {}, format="json")
            assert answer.status_code in (403, 405)


class TestExport:
    def test_is_a_table_with_a_name_and_a_header(self, admin: Membership, trail: Trail) -> None:
        site = SiteFactory(organization=admin.organization, name='Café "Ost", Wien')
        answer = trail.client.get(f"{base(admin)}audit-events/?entity=site", headers={"Accept": "text/csv"})
        assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
        name = f"freshtrack-audit-{admin.organization.slug}-{timezone.now():%Y-%m-%d}.csv"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["Cache-Control"] == "no-store"
        (row,) = csv.DictReader(io.StringIO(b"".join(answer).decode(), newline=""))
        assert list(row)[:3] == ["at", "actor_name", "actor_email"]
        assert (row["entity"], row["object_id"], row["action"]) == ("site", str(site.pk), "create")
        assert row["at"].endswith("Z")
        assert json.loads(row["changes"])["name"]["after"] == 'Café "Ost", Wien'

    def test_has_no_cell_that_a_spreadsheet_would_calculate(self, admin: Membership, trail: Trail) -> None:
        for begin in ("=", "+", "-", "@", "\t", "\r", " ="):
            member = MembershipFactory(organization=admin.organization, user__name=f"{begin}HYPERLINK(1)")
            with acting_in(admin.organization, by=member.user):
                Site.objects.create(organization=admin.organization, name="Harbor")
        names = [row["actor_name"] for row in trail.table(entity="site")]
        assert len(names) == 7
        assert all(name.startswith("'") for name in names), names

    def test_is_itself_noted(self, admin: Membership, trail: Trail) -> None:
        assert trail.table(entity="site") == []
        (event,) = trail.read(entity="security_event")
        assert event["changes"]["kind"]["after"] == "audit_exported"
        assert "entity=site" in event["changes"]["detail"]["after"]
        assert event["actor"] == person(admin.user)

    def test_comes_in_parts_of_which_each_is_whole(self, admin: Membership, trail: Trail) -> None:
        with as_system():
            Site.objects.bulk_create([Site(organization=admin.organization, name=f"{n}") for n in range(2300)])
        parts = list(trail.ask(format="csv", entity="site"))
        assert [part.count(b"\r\n") for part in parts] == [1, 1000, 1000, 300]
        ids = [row["object_id"] for row in csv.DictReader(io.StringIO(b"".join(parts).decode(), newline=""))]
        assert len(set(ids)) == 2300

    def test_breaks_off_when_the_reader_is_removed_meanwhile(self, admin: Membership, trail: Trail) -> None:
        with as_system():
            Site.objects.bulk_create([Site(organization=admin.organization, name=f"{n}") for n in range(1001)])
        parts = iter(trail.ask(format="csv", entity="site"))
        next(parts), next(parts)
        with as_system():
            Membership.objects.filter(pk=admin.pk).update(role=Role.MANAGER)
        with pytest.raises(ExportEnded):
            next(parts)

    @pytest.mark.django_db(transaction=True)
    def test_is_sent_while_it_is_read(self, admin: Membership) -> None:
        """By the server as it is in production; Django would collect a plain iterator first."""
        with as_system():
            Site.objects.bulk_create([Site(organization=admin.organization, name=f"{n}") for n in range(1500)])
        token = token_of(admin.user)

        async def read() -> list[int]:
            address = f"{base(admin)}audit-events/?entity=site&format=csv"
            answer = await AsyncClient().get(address, headers={"Authorization": f"Bearer {token}"})
            assert answer.is_async
            sizes = []
            async for part in answer.streaming_content:
                sizes.append(part.count(b"\r\n"))
                if len(sizes) == 2:
                    await sync_to_async(rename)()
            return sizes

        def rename() -> None:
            with as_system():
                Site.objects.update(name="later")

        assert async_to_sync(read)() == [1, 1000, 500], "what happens meanwhile isn't part of it"


class TestNobodyAltersIt:
    @pytest.mark.parametrize("statement", ["UPDATE {} SET via = 'x'", "DELETE FROM {}", "INSERT INTO {0} TABLE {0}"])
    @pytest.mark.django_db(transaction=True)
    def test_neither_the_table_nor_its_months_in_any_role(self, statement: str) -> None:
        SiteFactory()
        tables = months()
        assert len(tables) >= 5
        for role in ("freshtrack_app", "freshtrack_tenant", "freshtrack_system"):
            for table in tables:
                with superuser(connection.settings_dict["NAME"]) as db:
                    db.execute(f"SET SESSION AUTHORIZATION freshtrack_app; SET ROLE {role}")
                    with pytest.raises(Exception, match=r"permission denied|row-level security"):
                        db.execute(statement.format(table))

    @pytest.mark.parametrize("role", ["freshtrack_tenant", "freshtrack_system"])
    @pytest.mark.django_db(transaction=True)
    def test_nor_empties_or_drops_a_month(self, role: str) -> None:
        for statement in ("TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} DISABLE TRIGGER ALL"):
            for table in months():
                with superuser(connection.settings_dict["NAME"]) as db:
                    db.execute(f"SET SESSION AUTHORIZATION freshtrack_app; SET ROLE {role}")
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        db.execute(statement.format(table))

    def test_the_runtime_login_was_given_reading_and_writing_of_tables_only(self) -> None:
        """Tests themselves give it TRUNCATE, to clean up: so ask what a new table would give."""
        with connection.cursor() as db:
            db.execute(
                "SELECT DISTINCT privilege_type FROM pg_default_acl, aclexplode(defaclacl) AS acl"
                " WHERE defaclobjtype = 'r' AND acl.grantee = 'freshtrack_app'::regrole"
            )
            assert {name for (name,) in db.fetchall()} == {"SELECT", "INSERT", "UPDATE", "DELETE"}


def months() -> list[str]:
    """The change log and its partitions."""
    with connection.cursor() as db:
        db.execute("SELECT relid::regclass::text FROM pg_partition_tree('organizations_change')")
        return [name for (name,) in db.fetchall()]


@pytest.mark.django_db(transaction=True)
class TestDroppingOldMonths:
    @pytest.fixture(autouse=True)
    def old_months(self) -> Iterator[None]:
        """January and February 2020, with two rows in January."""
        with as_system(), connection.cursor() as db:
            db.execute("SELECT freshtrack_make_partitions('organizations_change', '2020-01-01', 2)")
        with superuser(connection.settings_dict["NAME"]) as superman:
            superman.execute(
                "INSERT INTO organizations_change (organization_id, entity, entity_id, action, changes, at)"
                " SELECT gen_random_uuid(), 'site', n, 'create', '{}', '2020-01-31T23:59:59Z'"
                " FROM generate_series(1, 2) AS n"
            )
            yield
            superman.execute("DROP TABLE IF EXISTS organizations_change_2020_01, organizations_change_2020_02")

    @pytest.fixture
    def as_owner(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MIGRATION_DATABASE_URL", self.address("freshtrack_owner"))

    def address(self, login: str) -> str:
        database = connection.settings_dict
        return f"postgres://{login}@/{database['NAME']}?host={database['HOST']}"

    def run(self, *arguments: str) -> str:
        said = io.StringIO()
        call_command("drop_old_changes", *arguments, stdout=said)
        return said.getvalue()

    def test_without_being_told_so_it_drops_nothing(self, as_owner: None) -> None:
        before = months()
        said = self.run()
        assert "would drop 2020-01" in said
        assert "would drop 2020-02" in said
        assert "Nothing was changed" in said
        assert months() == before

    def test_says_what_it_dropped(self, as_owner: None) -> None:
        before = months()
        said = self.run("--drop").splitlines()
        assert re.fullmatch(r"dropped 2020-01 \(\d+\.\d MiB\): 2 rows, SHA-256 [0-9a-f]{64}", said[0])
        assert re.fullmatch(rf"dropped 2020-02 \(.*\): 0 rows, SHA-256 {hashlib.sha256().hexdigest()}", said[1])
        assert set(before) - set(months()) == {"organizations_change_2020_01", "organizations_change_2020_02"}
        assert self.run("--drop") == "No month of the change log is older than 36 months.\n"

    def test_keeps_as_long_as_it_is_told_to(self, as_owner: None, settings: Any) -> None:
        settings.AUDIT_KEEP_MONTHS = 12 * 50
        assert "No month" in self.run("--drop")

    def test_keeps_ninety_days_whatever_it_is_told(self, as_owner: None, settings: Any) -> None:
        today = timezone.now().date()
        with as_system(), connection.cursor() as db:
            db.execute(
                "SELECT freshtrack_make_partitions('organizations_change', %s, 8)", [today - timedelta(days=240)]
            )
        settings.AUDIT_KEEP_MONTHS = 0
        self.run("--drop")
        left = [name[-7:] for name in months() if name[-7:].replace("_", "").isdigit()]
        oldest = min(left)
        needed = today - timedelta(days=90)
        assert oldest <= f"{needed:%Y_%m}"
        assert oldest >= f"{today - timedelta(days=91 + 31):%Y_%m}", "what may go has gone"

    def test_refuses_the_logins_of_the_application(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MIGRATION_DATABASE_URL", self.address("freshtrack_app"))
        for arguments in ([], ["--drop"]):
            with pytest.raises(CommandError, match=r"freshtrack_app may not drop .* MIGRATION_DATABASE_URL"):
                self.run(*arguments)

    def test_does_not_hold_up_everybody_while_it_waits(self, as_owner: None) -> None:
        with superuser(connection.settings_dict["NAME"]) as busy, busy.transaction():
            busy.execute("LOCK TABLE organizations_change IN ACCESS SHARE MODE")
            with pytest.raises(CommandError, match="Try again at a quieter time"):
                self.run("--drop")
        assert "organizations_change_2020_01" in months()
