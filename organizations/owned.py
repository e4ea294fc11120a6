"""How a row belongs to an organization: its own column, and querysets that begin with it (Note [Two walls])."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar
from uuid import UUID

from django.db import models
from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from organizations.models import Membership

_M = TypeVar("_M", bound=models.Model)


class OwnedQuerySet(models.QuerySet[_M]):
    """Rows of customers. Every list of them begins with `for_organization`."""

    def for_organization(self, organization: models.Model) -> Self:
        """Only this organization's rows: the first wall (Note [Two walls])."""
        return self.filter(organization=organization)

    def for_member(self, membership: Membership) -> Self:
        """Only what this member may see: the organization's rows, of the member's sites if restricted to some."""
        queryset = self.for_organization(membership.organization)
        return queryset if membership.site_ids is None else queryset.in_sites(membership.site_ids)

    def in_sites(self, sites: Collection[UUID]) -> Self:
        """Only rows of these sites, so none without a site. Tables that don't know sites stay whole."""
        path = getattr(self.model, "site_path", None)
        return self.filter(**{f"{path}__in": sites}) if path else self._chain()  # type: ignore[attr-defined]


class OwnedModel(models.Model):
    """A row that belongs to one organization. The column is copied from the parent, never read from a request.

    Concrete models add `objects`, a manager made of OwnedQuerySet or of a class that extends it, and say with
    `site_path` which look-up tells a row's site; None: the rows belong to the whole organization.
    """

    site_path: ClassVar[str | None] = None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True
