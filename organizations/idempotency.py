"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, gets that answer and does nothing.

Phones queue what people do without a network. The key is stored first, in the transaction of the request itself: a
repeat that comes at the same time waits for it at the unique constraint, and then finds the answer. An error takes the
key back with everything else, so it may be tried again.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, cast
from uuid import UUID

from celery import shared_task
from django.db import connection
from django.utils import timezone
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from uuid_utils.compat import uuid7

from freshtrack.errors import DomainError
from organizations.models import IdempotentAnswer, Membership, User
from organizations.tenancy import acting_as_system

KEPT: Final = timedelta(hours=48)
HEADER: Final = "Idempotency-Key"
_KEY: Final = re.compile(r"[\x20-\x7e]{1,200}")


class KeyReused(DomainError):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    status = status.HTTP_422_UNPROCESSABLE_ENTITY


class AnsweredBefore(Exception):
    """The request is a repeat; here is what was answered."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


class Repeatable(generics.GenericAPIView[Any]):
    """POSTs may carry an Idempotency-Key.

    A view whose answers hold secrets says `stores_answers = False`: what is never stored can't be answered again, so
    the key is ignored there.
    """

    stores_answers: ClassVar[bool] = True
    membership: Membership
    _promised: UUID | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the checks of who may, the key.

        Raises AnsweredBefore for a repeat, KeyReused for another request under the same key, ValidationError for what
        can't be a key.
        """
        super().initial(request, *args, **kwargs)
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None or not self.stores_answers:
            return
        if not _KEY.fullmatch(key):
            raise serializers.ValidationError({HEADER: ["A key is 1 to 200 printable ASCII characters."]})
        fingerprint = _fingerprint(request)
        wanted = IdempotentAnswer(
            id=uuid7(),
            organization=self.membership.organization,
            user=cast("User", request.user),
            key=key,
            fingerprint=fingerprint,
            created_at=timezone.now(),
        )
        if _promise(wanted):
            self._promised = wanted.pk
            return
        known = IdempotentAnswer.objects.for_organization(wanted.organization).get(user=wanted.user, key=key)
        if known.fingerprint != fingerprint:
            raise KeyReused("This Idempotency-Key was used for another request. Give each request a key of its own.")
        raise AnsweredBefore(Response(known.body, status=known.status, headers={"Idempotency-Replayed": "true"}))

    def handle_exception(self, exc: Exception) -> Response:
        """A repeat is no error."""
        if isinstance(exc, AnsweredBefore):
            return exc.response
        self._promised = None  # the transaction is rolled back, and the key with it
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Store what is answered, in the same transaction as what it tells about."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._promised is None:
            return response
        promised = IdempotentAnswer.objects.filter(pk=self._promised)
        if 200 <= response.status_code < 300:
            body = json.loads(JSONEncoder().encode(response.data))
            promised.update(status=response.status_code, body=body)
        else:
            promised.delete()
        return response


def _promise(answer: IdempotentAnswer) -> bool:
    """Take the key; waits for somebody who is taking it just now. False: it is taken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO organizations_idempotentanswer"
            " (id, organization_id, user_id, key, fingerprint, status, created_at)"
            " VALUES (%s, %s, %s, %s, %s, 0, %s) ON CONFLICT (organization_id, user_id, key) DO NOTHING",
            [
                answer.pk,
                answer.organization_id,
                answer.user_id,
                answer.key,
                answer.fingerprint,
                answer.created_at,
            ],
        )
        return bool(cursor.rowcount == 1)


def _fingerprint(request: Request) -> str:
    django_request = request._request
    digest = hashlib.sha256()
    for part in (str(request.method), django_request.get_full_path(), request.content_type or ""):
        digest.update(part.encode() + b"\n")
    digest.update(django_request.body)
    return digest.hexdigest()


def forget(*, before: datetime) -> int:
    """Remove answers from before this moment, of all organizations; how many. Call inside a transaction."""
    removed, _ = IdempotentAnswer.objects.filter(created_at__lt=before).delete()
    return removed


@shared_task(name="organizations.forget_answers")
def forget_answers() -> None:
    """Answers are kept for 48 h. Safe to run twice, late or never."""
    with acting_as_system("sweep"):
        forget(before=timezone.now() - KEPT)
