"""What must hold of the code and the database as they are written, so that a gap is found before it is used."""

from __future__ import annotations

import ast
import functools
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models

from notifications.models import Attempt
from organizations.models import Change
from organizations.owned import OwnedModel, OwnedQuerySet
from organizations.tenancy import SYSTEM_REASONS

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = (
    *("alerts", "billing", "compliance", "deploy", "freshtrack", "ingest", "live", "maintenance"),
    *("notifications", "organizations", "sensors"),
)

# Owned rows that belong to no site, and why members who are restricted to some may see them (or never meet them).
ORGANIZATION_WIDE: Final = {
    "organizations.FormerSlug": "a name of the whole organization; no view shows it",
    "organizations.Membership": "who works here is known to all; views show restricted members those of their sites",
    "organizations.Invitation": "only who may change members reads them, and nobody restricted may",
    "organizations.ApiKey": "only who may see keys reads them, and nobody restricted may",
    "organizations.IdempotentAnswer": "the person's own answers, looked up by person and key",
    "organizations.LegalHold": "only who may see holds reads them, and nobody restricted may",
    "notifications.NotificationPreference": "a person's own wishes, which no view shows to others",
    "notifications.Digest": "a person's own wishes, which no view shows to others",
    "organizations.SecurityEvent": "part of the audit trail, which nobody restricted may read",
}

# Who opens the scope that sees every organization: file -> reasons. A new user of it needs a line here, and an eye.
SYSTEM_SCOPE: Final[dict[str, set[str]]] = {
    "alerts/tasks.py": {"sweep", "auditor"},
    "alerts/views/oncall.py": {"calendar"},
    "alerts/management/commands/lay_default_rules.py": {"sweep"},
    "alerts/silence/sweeping.py": {"sweep"},
    "alerts/views/answers.py": {"link in a message"},
    "freshtrack/queues/views.py": {"admin"},
    "ingest/authentication.py": {"ingest authentication"},
    "ingest/pipeline.py": {"ingest writer"},
    "ingest/quarantine.py": {"sweep"},
    "ingest/seeding.py": {"seeding"},
    "live/access.py": {"live"},
    "notifications/accounts.py": {"account mail", "own account"},
    "notifications/channels/email/events.py": {"provider events"},
    "notifications/digests/sending.py": {"sweep"},
    "notifications/inbox.py": {"own account"},
    "notifications/outbox/carrying.py": {"delivery"},
    "notifications/outbox/draining.py": {"delivery", "sweep"},
    "notifications/views/contact_methods.py": {"own account"},
    "notifications/views/digests.py": {"own account"},
    "notifications/views/inbox.py": {"own account"},
    "notifications/views/preferences.py": {"own account"},
    "notifications/views/unsubscribe.py": {"link in a message"},
    "organizations/accounts/providers.py": {"sign-in"},
    "organizations/authentication.py": {"sign-in"},
    "organizations/exports.py": {"sign-in"},
    "organizations/idempotency.py": {"sweep"},
    "organizations/jobs.py": {"sweep"},
    "organizations/management/commands/rotate_secret_key.py": {"sign-in"},
    "organizations/purging.py": {"purge"},
    "organizations/oidc/people.py": {"sign-in"},
    "organizations/scoped_views.py": {"sign-in"},
    "organizations/staff.py": {"admin"},
    "organizations/views/account.py": {"own account"},
    "organizations/views/invitations.py": {"invitation"},
    "organizations/views/organizations.py": {"founding", "own account"},
    "organizations/views/secrets.py": {"own account"},
    "sensors/keeping.py": {"sweep"},
    "sensors/management/commands/retention.py": {"sweep"},
    "sensors/partitions.py": {"sweep"},
    "sensors/summaries.py": {"sweep"},
    "sensors/tasks.py": {"sweep"},
}

# Functions that run with their owner's rights whoever calls them, and why that is safe.
WITH_OWNERS_RIGHTS: Final = {
    "freshtrack_record_change": "a trigger: writes the change log, reads nothing but the changed row",
    "freshtrack_make_partitions": "knows three tables, makes and closes partitions",
    "freshtrack_strays": "counts rows of three tables",
    "freshtrack_stray_months": "tells months of three tables, no row",
    "freshtrack_mirror": "a trigger: repeats a change of a default partition in the copy that replaces it",
    **{
        f"freshtrack_drain_{step}": "moves rows of three tables from one partition to another"
        for step in ("begin", "copy", "switch", "end")
    },
    "freshtrack_note_writing": "a trigger: notes the name of a partition",
    **{
        f"freshtrack_retire_{step}": "takes a month, decides for itself whether its readings may go"
        for step in ("begin", "cancel", "count", "drop")
    },
    **{
        f"freshtrack_month_{what}": "as the system: tells about a month of readings, shows no reading"
        for what in ("obstacle", "organizations", "summed")
    },
    "freshtrack_organizations": "as the system: ids of organizations, for the tables' owner only",
    **{
        f"sensors_{kind}_search": "as the system, so that its index works; looks at the scope's organization and sites"
        for kind in ("site", "unit", "sensor")
    },
}

# Who tells open screens what happened. Each event says of which site it is (live/hub.py keeps what says nothing from
# members who are restricted to some).
PUBLISHERS: Final = {
    *("alerts/lifecycle/moving.py", "ingest/telling.py", "sensors/tasks.py"),
    "notifications/inbox.py",  # to the screens of the persons it names only
}

# What would outlive the transaction on a connection that PgBouncer hands to the next client.
OUTLIVES_TRANSACTIONS: Final = {
    # In capitals, as we write SQL: sentences begin with "Set", too.
    "a session's setting": r"(?-i:(?:\A|;)\s*(?:SET|RESET)\s+(?!LOCAL\b|CONSTRAINTS\b))[a-z]|\bset\s+session\b",
    "a setting that isn't local": r"set_config\((?![^()]*(?:\([^()]*\)[^()]*)*,\s*true\s*\))",
    "a lock of the session": r"\bpg_(?:try_)?advisory_(?:lock|unlock)",
    "a channel": r"(?:\A|;)\s*LISTEN\s",
    "a temporary table": r"\bCREATE\s+TEMP",
    "a cursor that is held": r"\bWITH\s+HOLD\b",
    "a prepared statement": r"(?:\A|;)\s*PREPARE\s",
}


@functools.cache
def sources() -> list[tuple[str, ast.Module]]:
    """What runs in production: without tests, and without the bench, which looks at the database from outside."""
    found = []
    for room in ROOMS:
        for folder, folders, files in os.walk(ROOT / room):
            folders[:] = sorted(name for name in folders if name != "node_modules")
            paths = [Path(folder) / name for name in sorted(files) if name.endswith(".py")]
            found += [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths]
    return found


def own_tables() -> dict[str, type[models.Model]]:
    return {
        model._meta.db_table: model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in ROOMS
    }


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


# --- code --------------------------------------------------------------------------------------------------------


def test_only_listed_places_open_the_scope_of_the_system_each_for_a_listed_reason() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for name, module in sources():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and _name(node.func) in {"acting_as_system", "opening_as_system"}:
                reason = node.args[0] if node.args else None
                assert isinstance(reason, ast.Constant), f"{name}:{node.lineno}: the reason must be written here"
                found[name].add(str(reason.value))
    assert dict(found) == SYSTEM_SCOPE
    assert set().union(*found.values()) <= set(SYSTEM_REASONS)


def test_every_reason_is_somebodys() -> None:
    assert set(SYSTEM_REASONS) - set().union(*SYSTEM_SCOPE.values()) == {"tests"}


def test_only_known_places_tell_open_screens() -> None:
    found = {
        name
        for name, module in sources()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "events.publish"
    }
    assert found == PUBLISHERS, (
        "its events must say their site: then add it, and a frame to tests/tenancy/test_socket.py"
    )


def test_nobody_becomes_another_role_by_hand() -> None:
    """Roles are named where they are taken, made and granted."""
    namers = {
        name
        for name, module in sources()
        for node in ast.walk(module)
        if (isinstance(node, ast.Name) and node.id in ("TENANT_ROLE", "SYSTEM_ROLE"))
        or (isinstance(node, ast.Constant) and re.fullmatch(r"freshtrack_(tenant|system)", str(node.value)))
    }
    assert {name for name in namers if "/migrations/" not in name} == {"organizations/tenancy.py"}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _words(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Text that may be SQL, f-strings too; documentation isn't."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, re.sub(r"(?m)--.*$", "", node.value)


@pytest.mark.parametrize("what", OUTLIVES_TRANSACTIONS)
def test_nothing_outlives_its_transaction(what: str) -> None:
    """PgBouncer in transaction mode gives the same connection to the next organization's request."""
    pattern = re.compile(OUTLIVES_TRANSACTIONS[what], re.IGNORECASE)
    found = [
        f"{name}:{line}"
        for name, module in sources()
        if "/migrations/" not in name or what == "a setting that isn't local"
        for line, words in _words(module)
        if pattern.search(words)
    ]
    assert found == []


def test_the_search_for_what_outlives_finds_it() -> None:
    guilty = {
        "a session's setting": ["SET ROLE freshtrack_system", "SELECT 1; set session x = 1", "RESET ROLE"],
        "a setting that isn't local": ["SELECT set_config('a', %s, false)", "set_config('a', lower('x'), is_local)"],
        "a lock of the session": ["SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock(1)"],
        "a channel": ["LISTEN bells"],
        "a temporary table": ["CREATE TEMPORARY TABLE t (i int)"],
        "a cursor that is held": ["DECLARE c CURSOR WITH HOLD FOR SELECT 1"],
        "a prepared statement": ["PREPARE p AS SELECT 1"],
    }
    innocent = [
        "SET LOCAL ROLE freshtrack_tenant",
        "UPDATE sensors_site SET name = 'x'",
        "SELECT set_config('a', %s, true), set_config('b', lower('x'), true)",
        "SELECT pg_advisory_xact_lock(1)",
    ]
    assert set(guilty) == set(OUTLIVES_TRANSACTIONS)
    for what, pattern in OUTLIVES_TRANSACTIONS.items():
        assert all(re.search(pattern, words, re.IGNORECASE) for words in guilty[what]), what
        assert not any(re.search(pattern, words, re.IGNORECASE) for words in innocent), what


def test_django_keeps_nothing_on_a_connection_either() -> None:
    database = settings.DATABASES["default"]
    assert database["DISABLE_SERVER_SIDE_CURSORS"]
    assert database["OPTIONS"].get("prepare_threshold") is None
    assert not settings.DATABASES["default"].get("ATOMIC_REQUESTS")


# --- models and tables -------------------------------------------------------------------------------------------


def sites_of(model: type[models.Model]) -> bool:
    return getattr(model, "site_path", None) is not None or model in (Change, Attempt)


def test_every_owned_row_is_of_a_site_or_says_why_not() -> None:
    owned = [model for model in own_tables().values() if issubclass(model, OwnedModel)]
    assert {model._meta.label for model in owned if not sites_of(model)} == set(ORGANIZATION_WIDE)


@pytest.mark.django_db
def test_rows_of_sites_are_hidden_by_the_database_too() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for table, command, roles in rows(
        "SELECT tablename, cmd, roles::text FROM pg_policies WHERE permissive = 'RESTRICTIVE'"
    ):
        assert roles == "{freshtrack_tenant}"
        found[table].add(command)
    wanted = {table for table, model in own_tables().items() if sites_of(model)}
    assert set(found) == wanted
    assert {table for table, commands in found.items() if commands != {"SELECT", "INSERT", "UPDATE", "DELETE"}} == set()


def test_every_owned_model_is_asked_through_owned_querysets() -> None:
    """A manager without `for_member` would be a way around the first wall."""
    for model in own_tables().values():
        if issubclass(model, OwnedModel):
            assert isinstance(model._default_manager.all(), OwnedQuerySet), model._meta.label


@pytest.mark.django_db
def test_inside_an_organization_nothing_can_be_reached_that_is_not_under_row_security() -> None:
    """Tables of others (sessions, addresses to sign in with, the broker's timetable) included."""
    reachable = rows(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
        " EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)"
        " FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('freshtrack_tenant', c.oid, 'SELECT, INSERT, UPDATE, DELETE')"
    )
    assert len(reachable) > 10
    assert [name for name, secured, has_policy in reachable if not (secured and has_policy)] == []


@pytest.mark.django_db
def test_no_role_of_the_application_passes_row_security() -> None:
    assert (
        rows(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'freshtrack%' AND (rolsuper OR rolbypassrls)"
            " AND rolname <> 'freshtrack_owner'"
        )
        == []
    )


@pytest.mark.django_db
def test_functions_with_their_owners_rights_are_few_and_known() -> None:
    found = rows(
        "SELECT proname, proconfig::text FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {name for name, _ in found} == set(WITH_OWNERS_RIGHTS)
    # Without a path of its own somebody's table of the same name could be put before ours.
    assert [name for name, configuration in found if "search_path=" not in (configuration or "")] == []
