"""The one table of who may do what, and its page in the docs."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as now
from django.core.management import call_command

from organizations.management.commands import permission_table
from organizations.models import RESTRICTABLE, Membership, Role
from organizations.permissions import (
    SEEN_WITH,
    TABLE,
    actions_of,
    as_markdown,
    entities_seen_by,
    may,
    member_may,
    roles_that_may,
)

PAGE = now.BASE_DIR / permission_table.PATH


def test_the_page_in_the_docs_is_the_table() -> None:
    assert PAGE.read_text() == as_markdown(), "run manage.py permission_table"


def test_the_command_writes_the_page(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    call_command("permission_table", stdout=StringIO())
    assert (tmp_path / permission_table.PATH).read_text() == as_markdown()


def test_the_page_has_a_line_for_each_action_with_a_mark_for_each_role_that_may() -> None:
    lines = {line.split("`")[1]: line for line in as_markdown().splitlines() if line.endswith("` |")}
    assert set(lines) == set(TABLE)
    for action, line in lines.items():
        roles = [cell.strip() for cell in line.split("|")][2:7]
        assert roles.count("yes") == len(roles_that_may(action)), action
        assert TABLE[action].words in line


@pytest.mark.parametrize("role", Role.values)
def test_a_member_may_what_the_role_says(role: str) -> None:
    member = Membership(role=role)
    assert actions_of(member) == sorted(action for action in TABLE if may(role, action))


@pytest.mark.parametrize("role", RESTRICTABLE)
def test_a_restricted_member_may_nothing_that_concerns_every_site(role: str) -> None:
    restricted = Membership(role=role, site_ids=["01890000-0000-7000-8000-000000000000"])
    for action, line in TABLE.items():
        assert member_may(restricted, action) == (may(role, action) and not line.whole)
    assert "sites.change" not in actions_of(restricted)


def test_only_owners_touch_owners_and_the_organization_itself() -> None:
    for action in ("owners.change", "organization.delete", "organization.transfer"):
        assert roles_that_may(action) == ["owner"]


def test_what_a_member_catches_up_on_is_what_the_member_may_see() -> None:
    viewer, owner = Membership(role=Role.VIEWER), Membership(role=Role.OWNER)
    assert set(entities_seen_by(owner)) == set(SEEN_WITH)
    assert {"api_key", "invitation"}.isdisjoint(entities_seen_by(viewer))
    assert {"site", "unit", "alert"} <= set(entities_seen_by(viewer))
