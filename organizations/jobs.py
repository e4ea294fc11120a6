"""What every task of the house is: a job that knows its organization, if it belongs to one.

Most jobs are of many organizations: a bell, a sweep. They say whose a line is where they act (`requests.of`, and
`tenancy.acting_in`, which does so by itself). A job of one organization is sent with `send_for`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from celery.contrib.django.task import DjangoTask

from freshtrack import requests
from organizations.models import Organization
from organizations.tenancy import acting_as_system
from organizations.tenancy import acting_in as acting_in_organization

# The header of a job's message, and the keyword of a task that says it itself.
HEADER: Final = "organization_id"


class OrganizationIsGone(Exception):
    """The job comes too late: its organization was deleted."""


def organization_of(request: Any, kwargs: Mapping[str, Any]) -> Any:
    """Whose job it is, as its arguments or its message say; None: nobody's in particular."""
    return kwargs.get(HEADER) or (request.headers or {}).get(HEADER)


class Job(DjangoTask):  # type: ignore[type-arg]  # Celery has no type arguments where it runs
    """Named in freshtrack/celery.py as the class of every task."""

    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """What it logs from here on carries its organization. Celery calls it, also before each retry."""
        requests.belong_to(organization_of(self.request, kwargs))

    def send_for(self, organization_id: UUID, *args: Any, **kwargs: Any) -> None:
        """Ring for a job of one organization. Raises what the broker raises: call it where a sweep catches up."""
        self.apply_async(args, kwargs, headers={HEADER: str(organization_id)})


@contextmanager
def acting_in(organization_id: UUID | str) -> Iterator[Organization]:
    """Open the transaction of a job that belongs to one organization.

    Raises OrganizationIsGone if it was deleted meanwhile.
    """
    with acting_as_system("sweep"):
        organization = Organization.objects.alive().filter(pk=organization_id).first()
    if organization is None:
        raise OrganizationIsGone(str(organization_id))
    with acting_in_organization(organization):
        yield organization
