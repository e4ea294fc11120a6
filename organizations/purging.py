"""An organization that was deleted a month ago is removed for good, with everything it owned.

Rows go table by table, those that refer to others first, in short transactions: nobody waits, and a purge that is
interrupted goes on where it stopped. What remains is the change log, until its partitions are dropped: for each row
that it followed it says when the row was purged, without what stood in it; what it said before stays as it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any, Final, cast

from celery import shared_task
from django.apps import apps
from django.db import connection, models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from freshtrack import requests
from organizations import founding, holds
from organizations.models import Change, LegalHold, Organization
from organizations.tenancy import acting_as_system

logger = logging.getLogger(__name__)

# A few hundred milliseconds on a small server, with the rows that the change log writes.
BATCH: Final = 2000
# Longer than any request: nobody who asked in time for the organization back is still waiting for it.
GRACE: Final = timedelta(minutes=5)
# Well below CELERY_TASK_SOFT_TIME_LIMIT; what is left is the next run's.
RUN_S: Final = 45.0


class Held(Exception):
    """Somebody placed a legal hold: nothing more goes until it is lifted."""


class NotDeleted(Exception):
    """The organization was brought back by our staff, or another run has finished."""


@shared_task(name="organizations.purge")
def purge() -> int:
    """Remove organizations whose time is over. Returns how many are gone. Safe to run twice, late, or after a crash."""
    until = time.monotonic() + RUN_S
    purged = 0
    for organization in due(at=timezone.now()):
        with requests.of(organization.pk):
            try:
                if not remove(organization=organization, until=until):
                    break
            except (Held, NotDeleted) as reason:
                logger.info("%s", reason)
            else:
                purged += 1
    return purged


def due(*, at: datetime) -> list[Organization]:
    """Whose owners can't bring them back any more and whom nobody holds, oldest first. Opens its own transaction."""
    with acting_as_system("purge"):
        rows = Organization.objects.filter(deleted_at__lte=at - founding.RESTORABLE - GRACE)
        held = LegalHold.objects.filter(organization=OuterRef("pk"), lifted_at=None)
        rows = rows.exclude(Exists(held))
        return list(rows.order_by("deleted_at", "pk"))


def remove(*, organization: Organization, until: float | None = None) -> bool:
    """Delete everything that a deleted organization owned, and then itself. Opens its own transactions.

    `until`: when to stop, by time.monotonic(). Returns False if something is left then. Repeatable.
    Raises NotDeleted if the organization is in use (again), Held if a legal hold stands.
    """
    for model in tables():
        removed = 0
        for count in _batches(model, organization):
            removed += count
            if until is not None and time.monotonic() >= until:
                logger.info("purge of organization %s goes on later", organization.pk)
                return False
        if removed:
            logger.info("purge of organization %s: %s of %s", organization.pk, removed, model._meta.label)
    with acting_as_system("purge"):
        _begin(organization)
        # Django's own delete: it also unties what isn't the organization's, such as a customer at Stripe.
        Organization.objects.filter(pk=organization.pk).delete()
    logger.info("organization %s is purged", organization.pk)
    return True


def owner_of(model: type[models.Model]) -> models.ForeignKey[Any, Any] | None:
    """The column that makes a model's rows an organization's; None for what belongs to people or to nobody."""
    for field in model._meta.concrete_fields:
        if (
            isinstance(field, models.ForeignKey)
            and field.related_model is Organization
            and field.name == "organization"
        ):
            return field
    return None


def tables() -> list[type[models.Model]]:
    """Every model whose rows belong to an organization, those that refer to others before these. Not the change log.

    From the models themselves, so that a new one can't be forgotten; one that must wait for others that don't refer to
    it names them in `purged_after`. The same order in every process. Raises graphlib.CycleError if two refer to each
    other: then somebody must decide which reference goes first.
    """
    owned = [m for m in apps.get_models(include_auto_created=True) if m is not Change and owner_of(m) is not None]
    # A model's predecessors are those that refer to it: they come first.
    graph: dict[type[models.Model], list[type[models.Model]]] = {
        model: [apps.get_model(name) for name in getattr(model, "purged_after", ())] for model in owned
    }
    for model in owned:
        for field in model._meta.concrete_fields:
            referred = field.related_model
            if isinstance(referred, type) and referred in graph and referred is not model:
                graph[referred].append(model)
    return list(TopologicalSorter(graph).static_order())


def _batches(model: type[models.Model], organization: Organization) -> Iterator[int]:
    """Delete the model's rows; after each transaction, how many it removed."""
    walk = _by_parent if isinstance(model._meta.pk, models.CompositePrimaryKey) else _by_key
    yield from walk(model, organization)


def _by_key(model: type[models.Model], organization: Organization) -> Iterator[int]:
    """Newest first: where rows refer to others of the same table, those are older."""
    while True:
        with acting_as_system("purge"):
            _begin(organization)
            rows = model._base_manager.filter(organization=organization)
            keys = list(rows.order_by("-pk").values_list("pk", flat=True)[:BATCH])
            if keys:
                _leave_nothing_behind(model, keys)
                _delete(model._base_manager.filter(pk__in=keys))
        if not keys:
            return
        yield len(keys)


def _by_parent(model: type[models.Model], organization: Organization) -> Iterator[int]:
    """A table with a key of parent and moment (readings) is deleted parent by parent, in pieces along that key.

    It has no other index, and it is the largest of all.
    """
    composite = cast("models.CompositePrimaryKey", model._meta.pk)
    parent, moment = cast("tuple[models.ForeignKey[Any, Any], models.Field[Any, Any]]", tuple(composite.fields))
    assert isinstance(parent.related_model, type)  # noqa: S101 (the key begins with what the row belongs to)
    rows_of_parent = parent.related_model._base_manager.filter(organization=organization)
    with acting_as_system("purge"):
        parents = list(rows_of_parent.values_list("pk", flat=True))
    for key in parents:
        while True:
            with acting_as_system("purge"):
                _begin(organization)
                rows = model._base_manager.filter(**{parent.attname: key, "organization": organization})
                ends = list(rows.order_by(moment.attname).values_list(moment.attname, flat=True)[:BATCH])
                if ends:
                    _delete(rows.filter(**{f"{moment.attname}__lte": ends[-1]}))
            if not ends:
                break
            yield len(ends)


def _begin(organization: Organization) -> None:
    """One purge at a time, and the change log says that rows went, not what stood in them. Begins a transaction.

    Raises NotDeleted, Held.
    """
    rows = Organization.objects.select_for_update(no_key=True).filter(pk=organization.pk)
    if rows.values_list("deleted_at", flat=True).first() is None:
        raise NotDeleted(f"Organization {organization.pk} is in use or purged already.")
    # Who places one locks the same row first, so it either stands here already or waits for this transaction.
    if holds.standing(organization).exists():
        raise Held(f"Organization {organization.pk} is under a legal hold.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('freshtrack.purging', %s, true)", [str(organization.pk)])


def _leave_nothing_behind(model: type[models.Model], keys: list[Any]) -> None:
    """What belongs to nobody and refers to these rows goes with them, or forgets them, as its column says.

    Rows of the same table that are left for the next batch forget them, too: they are older, unless two servers'
    clocks differed.
    """
    for column in _references(model):
        rows = column.model._base_manager.filter(**{f"{column.name}__in": keys})
        if column.model is model:
            rows = rows.exclude(pk__in=keys)
        if column.remote_field.on_delete is models.CASCADE:
            _delete(rows)
        else:
            rows.update(**{column.attname: None})


def _references(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """Columns that refer to the model, of tables that purge() doesn't go through, and of its own."""
    return [
        field
        for other in apps.get_models(include_auto_created=True)
        if other is model or owner_of(other) is None
        for field in other._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model is model
    ]


def _delete(rows: models.QuerySet[Any]) -> None:
    """One DELETE. Django's own would first read everything that refers to the rows, which is gone already."""
    rows._raw_delete(rows.db)
