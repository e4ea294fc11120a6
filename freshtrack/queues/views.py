"""`/admin/queues/` and `/api/v1/staff/queues/`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import Any, Final, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from redis import RedisError
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from freshtrack.errors import DomainError
from freshtrack.queues import asking, tables
from freshtrack.queues.figures import newest_failures, overview
from freshtrack.queues.serializers import OverviewSerializer
from organizations import failures
from organizations.models import FailedJob, User
from organizations.tenancy import acting_as_system

VIEW: Final = "organizations.view_failedjob"
CHANGE_PERMISSION: Final = "organizations.change_failedjob"


def may_see(user: Any) -> bool:
    """Staff who may see failed jobs."""
    return bool(user.is_active and user.is_staff and user.has_perm(VIEW))


# --- the page ---------------------------------------------------------------------------------------------------


def page(request: HttpRequest) -> HttpResponseBase:
    """What waits, runs and failed; retries and purges. Redis and the workers are asked before the transaction opens."""
    return _in_scope(request, _act if request.method == "POST" else _page)


def part(request: HttpRequest) -> HttpResponseBase:
    """The part of the page that is fetched every three seconds."""
    return _in_scope(request, _part)


def _in_scope(request: HttpRequest, view: Any) -> HttpResponseBase:
    answer = None
    if request.method != "POST" and admin.site.has_permission(request) and may_see(request.user):
        answer = asking.ask(at=time.time())
    response: HttpResponseBase = admin.site.admin_view(view)(request, answer=answer)
    return response


def _page(request: HttpRequest, *, answer: asking.Answer | None) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        **_context(request, answer),
        "title": "Queues",
        "failures": newest_failures(),
        "may_change": request.user.has_perm(CHANGE_PERMISSION),
        "queues": settings.QUEUES,
    }
    return TemplateResponse(request, "admin/queues.html", context)


def _part(request: HttpRequest, *, answer: asking.Answer | None) -> HttpResponse:
    return render(request, "admin/queues_part.html", _context(request, answer))


def _context(request: HttpRequest, answer: asking.Answer | None) -> dict[str, Any]:
    if answer is None or not may_see(request.user):
        raise PermissionDenied
    now = timezone.now()
    found = overview(answer, at=now)
    return {"overview": found, "tables": tables.of(found)}


def _act(request: HttpRequest, *, answer: None) -> HttpResponse:
    """Retry failures, or purge a queue; then the page again."""
    if not (may_see(request.user) and request.user.has_perm(CHANGE_PERMISSION)):
        raise PermissionDenied
    if "purge" in request.POST:
        _purge(request, queue=request.POST["purge"], typed=request.POST.get("typed", ""))
    else:
        _retry(request, _ids(request.POST.getlist("job")))
    return HttpResponseRedirect(reverse("staff-queues"))


def _ids(given: Iterable[str]) -> list[uuid.UUID]:
    found = []
    for text in given:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found


def _retry(request: HttpRequest, ids: list[uuid.UUID]) -> None:
    if not ids:
        messages.error(request, "Choose the jobs that are to be tried again.")
    done = []
    for job in FailedJob.objects.filter(pk__in=ids).order_by("failed_at", "pk"):
        try:
            with transaction.atomic():
                failures.retry(job=job, by=cast("User", request.user), at=timezone.now())
        except failures.BrokerIsAway as refusal:
            messages.error(request, str(refusal))
            break
        except DomainError as refusal:
            messages.error(request, f"{job.task}: {refusal}")
        else:
            done.append(job)
            _note(request, job.pk, str(job), CHANGE, "Tried again.")
    if done:
        messages.success(request, f"Sent once more: {len(done)} {'job' if len(done) == 1 else 'jobs'}.")


def _purge(request: HttpRequest, *, queue: str, typed: str) -> None:
    if queue not in settings.QUEUES or typed.strip() != queue:
        messages.error(request, "Nothing was purged: type the name of the queue to confirm it.")
        return
    try:
        count = asking.purge(queue)
    except RedisError:
        messages.error(request, "Redis doesn't answer, so nothing was purged.")
        return
    _note(request, queue, f"Queue {queue}", DELETION, f"Purged: {count} jobs.")
    messages.success(request, f"Purged the queue {queue}: {count} {'job' if count == 1 else 'jobs'} forgotten.")


def _note(request: HttpRequest, key: object, name: str, flag: int, words: str) -> None:
    """For the list of what staff did."""
    LogEntry.objects.create(
        user=cast("User", request.user),
        content_type=ContentType.objects.get_for_model(FailedJob),
        object_id=str(key),
        object_repr=name[:200],
        action_flag=flag,
        change_message=words,
    )


# --- the API ----------------------------------------------------------------------------------------------------


class ForStaff(BasePermission):
    """Staff who may see failed jobs; a customer's person is refused, whatever their role."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Asked after IsAuthenticated."""
        return may_see(request.user)


class StaffQueues(APIView):
    """What waits, what runs, how fast, and what failed. For FreshTrack's own staff."""

    permission_classes = (IsAuthenticated, ForStaff)

    @extend_schema(responses=OverviewSerializer)
    def get(self, request: Request) -> Response:
        """Everything at one moment. Answers within two seconds, whoever else does."""
        answer = asking.ask(at=time.time())
        with acting_as_system("admin", by=cast("User", request.user)):
            found = overview(answer, at=timezone.now())
        return Response(OverviewSerializer(found).data, headers={"Cache-Control": "no-store"})
