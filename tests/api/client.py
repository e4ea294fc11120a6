"""A client of the API, as one member of one organization."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from organizations.models import Organization
from tests.factories import MembershipFactory, token_of


class Api(APIClient):
    """As an owner, or as a member with another role."""

    def __init__(self, organization: Organization, role: str = "owner", **member: Any) -> None:
        super().__init__(raise_request_exception=False)
        self.organization = organization
        self.member = MembershipFactory(organization=organization, role=role, **member)
        self.authorization = f"Bearer {token_of(self.member.user)}"
        self.credentials(HTTP_AUTHORIZATION=self.authorization)

    def path(self, rest: str) -> str:
        return f"/api/v1/orgs/{self.organization.slug}/{rest}"

    def read(self, rest: str, status: int = 200, **query: Any) -> Any:
        response = self.get(self.path(rest), query)
        assert response.status_code == status, response.content
        return response.json()

    def write(
        self,
        rest: str,
        body: Any = None,
        status: int = 201,
        method: str = "post",
        headers: dict[str, str] | None = None,
    ) -> Any:
        response = getattr(self, method)(self.path(rest), body or {}, format="json", headers=headers)
        assert response.status_code == status, response.content
        return response.json() if response.content else None

    def all(self, rest: str, **query: Any) -> list[dict[str, Any]]:
        """Every row of a list, page by page."""
        page = self.read(rest, **query)
        rows: list[dict[str, Any]] = page["results"]
        while page["next"]:
            page = self.get(page["next"]).json()
            rows = [*rows, *page["results"]]
        return rows
