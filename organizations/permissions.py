"""Who may do what: one table, read by the API, the socket, the app's menus, the docs and the tests.

A role may do what its row says and everything that the roles below it may. docs/permissions.md is made from it
(`manage.py permission_table`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from organizations.models import Membership, Role

RANK: Final = {Role.VIEWER: 0, Role.STAFF: 1, Role.MANAGER: 2, Role.ADMIN: 3, Role.OWNER: 4}


class Line(NamedTuple):
    """One action: the lowest role that may do it, in which words people read it."""

    least: Role
    words: str
    # It concerns every site, so a member who is restricted to some may not, whatever the role.
    whole: bool = False


TABLE: Final[dict[str, Line]] = {
    "organization.view": Line(Role.VIEWER, "See the organization's name and time zone"),
    "organization.change": Line(Role.ADMIN, "Rename the organization, change its address and time zone", whole=True),
    "organization.delete": Line(Role.OWNER, "Delete the organization, and bring it back within 30 days", whole=True),
    "organization.transfer": Line(Role.OWNER, "Hand ownership to another member", whole=True),
    "members.view": Line(Role.VIEWER, "See who works here (restricted members: at their sites)"),
    "members.change": Line(Role.ADMIN, "Invite people, change roles and sites, remove members", whole=True),
    "members.leave": Line(Role.VIEWER, "Leave the organization"),
    "owners.change": Line(Role.OWNER, "Invite, change or remove owners", whole=True),
    "keys.view": Line(Role.ADMIN, "See API keys, without their secrets", whole=True),
    "keys.change": Line(Role.ADMIN, "Make and revoke API keys", whole=True),
    "holds.view": Line(Role.ADMIN, "See legal holds", whole=True),
    "holds.change": Line(Role.ADMIN, "Place and lift legal holds, which forbid deleting", whole=True),
    "audit.view": Line(Role.ADMIN, "Read and export the audit trail", whole=True),
    "changes.view": Line(Role.VIEWER, "Catch up on what changed"),
    "places.view": Line(Role.VIEWER, "See sites, areas and units"),
    "places.change": Line(Role.MANAGER, "Add, change and delete areas and units; change sites"),
    "sites.change": Line(Role.MANAGER, "Add and delete sites", whole=True),
    "sensors.view": Line(Role.VIEWER, "See sensors and gateways"),
    "sensors.change": Line(Role.MANAGER, "Add, claim, move and retire sensors and gateways"),
    "readings.view": Line(Role.VIEWER, "See and export readings"),
    "quarantine.view": Line(Role.MANAGER, "See readings that were refused (restricted members: of their sensors)"),
    "quarantine.change": Line(Role.MANAGER, "Send refused readings in again, or discard them"),
    "rules.view": Line(Role.VIEWER, "See alert rules, overrides and legal limits"),
    "rules.change": Line(Role.MANAGER, "Change and override alert rules (restricted members: those of their sites)"),
    "rules.preview": Line(Role.MANAGER, "Try an alert rule on the past (restricted members: of their sites)"),
    "alerts.view": Line(Role.VIEWER, "See alerts and their timeline"),
    "alerts.acknowledge": Line(Role.STAFF, "Take charge of an alert"),
    "alerts.resolve": Line(Role.STAFF, "Resolve an alert and say what was done"),
    "alerts.comment": Line(Role.STAFF, "Comment on an alert"),
    "alerts.snooze": Line(Role.STAFF, "Keep an alert quiet for a while"),
    "alerts.assign": Line(Role.STAFF, "Make an alert somebody's"),
    "alerts.reopen": Line(Role.STAFF, "Say that a resolved alert isn't over"),
    "alerts.reach": Line(Role.MANAGER, "See who would be told of an alert now, and how"),
    "mutes.view": Line(Role.VIEWER, "See mutes and maintenance windows"),
    "mutes.change": Line(Role.MANAGER, "Mute alerts and end mutes (restricted members: of their sites and units)"),
    "escalation.view": Line(Role.VIEWER, "See escalation policies, and whom an alert tells next"),
    "escalation.change": Line(
        Role.MANAGER, "Change escalation policies (restricted members: those of their sites), and rehearse them"
    ),
    "oncall.view": Line(Role.VIEWER, "See who is on duty when, and read it as a calendar"),
    "oncall.swap": Line(Role.STAFF, "Offer and take shifts"),
    "oncall.change": Line(Role.MANAGER, "Change on-call schedules (restricted members: those of their sites)"),
    "coverage.view": Line(Role.MANAGER, "See what might reach nobody (restricted members: of their sites)"),
    "notifications.view": Line(Role.STAFF, "See who was told what, and whether it arrived"),
    "digests.preview": Line(Role.VIEWER, "See what the own digest would say, and send it to oneself"),
    "notifications.resend": Line(Role.MANAGER, "Send again what failed (restricted members: of their sites)"),
}

# What a row of the change log is about -> the action that lets a member see it in `changes/`. What isn't here is for
# those who may read the audit trail.
SEEN_WITH: Final[dict[str, str]] = {
    "organization": "organization.view",
    "membership": "members.view",
    "invitation": "members.change",
    "api_key": "keys.view",
    "legal_hold": "holds.view",
    "site": "places.view",
    "area": "places.view",
    "unit": "places.view",
    "gateway": "sensors.view",
    "sensor": "sensors.view",
    "alert_rule": "rules.view",
    "rule_override": "rules.view",
    "alert": "alerts.view",
    "alert_event": "alerts.view",
    "mute": "mutes.view",
    "escalation_policy": "escalation.view",
    "on_call_schedule": "oncall.view",
    "on_call_override": "oncall.view",
    "shift_swap": "oncall.view",
}


def may(role: str, action: str) -> bool:
    """Whether a member with this role, who isn't restricted to some sites, may do the action.

    Raises KeyError for an action that the table doesn't have: a typo must not become a permission.
    """
    return RANK[Role(role)] >= RANK[TABLE[action].least]


def member_may(membership: Membership, action: str) -> bool:
    """Whether this member may do the action, the restriction to some sites considered.

    Raises KeyError for an action that the table doesn't have.
    """
    return may(membership.role, action) and (membership.site_ids is None or not TABLE[action].whole)


def actions_of(membership: Membership) -> list[str]:
    """Everything this member may do, by name: what menus and buttons follow."""
    return sorted(action for action in TABLE if member_may(membership, action))


def roles_that_may(action: str) -> list[str]:
    """The roles that may do the action, lowest first."""
    return [role.value for role in RANK if RANK[role] >= RANK[TABLE[action].least]]


def roles_from(role: str) -> list[str]:
    """This role and those above it, lowest first. Raises ValueError for a role that there isn't."""
    return [other.value for other in RANK if RANK[other] >= RANK[Role(role)]]


def entities_seen_by(membership: Membership) -> list[str]:
    """What of the change log the member may see in `changes/`."""
    return sorted(entity for entity, action in SEEN_WITH.items() if member_may(membership, action))


def as_markdown() -> str:
    """The table for people: a line for each action, a column for each role. docs/permissions.md is this and no more."""
    roles = sorted(RANK, key=lambda role: RANK[role], reverse=True)
    lines = [
        "# Who may do what",
        "",
        "Made by `manage.py permission_table` from `organizations/permissions.py`, which API, socket, menus and tests",
        "read. Change it there; a test compares. A role may do what its column says, in its own organization only.",
        "",
        "An administrator may restrict managers, staff and viewers to some sites. A restricted member sees and changes",
        "only what belongs to these, and may not do what concerns every site, marked no.",
        "",
        f"| | {' | '.join(role.label for role in roles)} | restricted to sites | name |",
        f"| --- |{' :-: |' * len(roles)} --- | --- |",
    ]
    for action, line in TABLE.items():
        marks = " | ".join("yes" if may(role, action) else "" for role in roles)
        lines.append(f"| {line.words} | {marks} | {_when_restricted(line)} | `{action}` |")
    return "\n".join(lines) + "\n"


def _when_restricted(line: Line) -> str:
    """Members above manager can't be restricted."""
    if RANK[line.least] > RANK[Role.MANAGER]:
        return ""
    return "no" if line.whole else "yes"


class MayDo(BasePermission):
    """Permission of views under an organization: looks up `view.may[method or action name]` in the table."""

    message = "Your role in this organization doesn't allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """True if the member may; a view without an entry for the method is refused to everybody."""
        membership = getattr(request, "membership", None)
        if membership is None:
            return False
        actions = view.may
        action = actions.get(getattr(view, "action", None) or "") or actions.get(request.method)
        if action is None:
            return False
        if may(membership.role, action) and not member_may(membership, action):
            self.message = "You are restricted to some sites; this concerns all of them."
        return member_may(membership, action)
