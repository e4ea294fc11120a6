"""Who may do what: one table, read by the API, the socket, the app's menus and the tests.

A role may do what its row says and everything that the roles below it may.
"""

from __future__ import annotations

from typing import Any, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from organizations.models import Role

RANK: Final = {Role.VIEWER: 0, Role.STAFF: 1, Role.MANAGER: 2, Role.ADMIN: 3, Role.OWNER: 4}

# action -> the lowest role that may do it
TABLE: Final[dict[str, Role]] = {
    "organization.view": Role.VIEWER,
    "places.view": Role.VIEWER,
    "places.change": Role.MANAGER,
    "sensors.view": Role.VIEWER,
    "sensors.change": Role.MANAGER,
    "readings.view": Role.VIEWER,
    "rules.view": Role.VIEWER,
    "rules.change": Role.MANAGER,
    "alerts.view": Role.VIEWER,
    "alerts.acknowledge": Role.STAFF,
    "alerts.resolve": Role.STAFF,
    "alerts.comment": Role.STAFF,
    "notifications.view": Role.STAFF,
    "keys.view": Role.ADMIN,
    "keys.change": Role.ADMIN,
}


def may(role: str, action: str) -> bool:
    """Whether a member with this role may do the action.

    Raises KeyError for an action that the table doesn't have: a typo must not become a permission.
    """
    return RANK[Role(role)] >= RANK[TABLE[action]]


def roles_that_may(action: str) -> list[str]:
    """The roles that may do the action, lowest first."""
    return [role.value for role in RANK if RANK[role] >= RANK[TABLE[action]]]


class MayDo(BasePermission):
    """Permission of views under an organization: looks up `view.may[method or action name]` in the table."""

    message = "Your role in this organization doesn't allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """True if the member's role may; a view without an entry for the method is refused to everybody."""
        membership = getattr(request, "membership", None)
        if membership is None:
            return False
        actions = view.may
        action = actions.get(getattr(view, "action", None) or "") or actions.get(request.method)
        return action is not None and may(membership.role, action)
