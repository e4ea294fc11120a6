"""How a row belongs to an organization: its own column, and querysets that begin with it (Note [Two walls])."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models
from uuid_utils.compat import uuid7

_M = TypeVar("_M", bound=models.Model)


class OwnedQuerySet(models.QuerySet[_M]):
    """Rows of customers. Every list of them begins with `for_organization`."""

    def for_organization(self, organization: models.Model) -> Self:
        """Only this organization's rows: the first wall (Note [Two walls])."""
        return self.filter(organization=organization)


class OwnedModel(models.Model):
    """A row that belongs to one organization. The column is copied from the parent, never read from a request.

    Concrete models add `objects`, a manager made of OwnedQuerySet or of a class that extends it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True
