"""/me/contact-methods/: where the signed-in person is told, and how an address is proved."""

from __future__ import annotations

from typing import Any, Final, cast
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from notifications import contacts
from notifications.contacts import Tried
from notifications.models import ContactMethod
from notifications.serializers.contact_methods import (
    CodeSerializer,
    ContactMethodSerializer,
    NewContactMethodSerializer,
)
from organizations.accounts import limits
from organizations.models import User
from organizations.tenancy import Origin, acting_as_system
from organizations.throttling import SendingCodes

_SENTENCES: Final = {
    Tried.WRONG: "This code is wrong.",
    Tried.TOO_OLD: "This code is too old. Ask for a new one.",
    Tried.TOO_OFTEN: "There were too many wrong tries. Ask for a new code.",
    Tried.NONE_SENT: "No code was sent. Ask for one.",
}


def _me(request: Request) -> User:
    return cast("User", request.user)


def _origin(request: Request) -> Origin:
    return Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")


def _mine(request: Request, contact: UUID) -> ContactMethod:
    """Somebody else's isn't there."""
    found = contacts.of_person(_me(request)).select_related("user").filter(pk=contact).first()
    if found is None:
        raise Http404
    return found


def _may_be_written_to(address: str) -> None:
    """RATE_ACCOUNT_MAIL messages with codes to one mailbox, whoever asks for them. Raises Throttled."""
    wait_s = limits.spend("contact code", address.strip().lower(), limits.rate_of(settings.RATE_ACCOUNT_MAIL))
    if wait_s:
        raise Throttled(wait_s)


class ContactMethods(generics.ListAPIView[ContactMethod]):
    """The person's own, the oldest first."""

    serializer_class = ContactMethodSerializer
    queryset = ContactMethod.objects.order_by("created_at", "pk")

    def get_throttles(self) -> list[BaseThrottle]:
        """Each POST writes to an address that perhaps never asked for it."""
        return [*super().get_throttles(), *([SendingCodes()] if self.request.method == "POST" else [])]

    def get_queryset(self) -> QuerySet[ContactMethod]:
        """Nobody else's."""
        if getattr(self, "swagger_fake_view", False):
            return ContactMethod.objects.none()
        return contacts.of_person(_me(self.request)).select_related("user")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page."""
        with acting_as_system("own account", by=_me(request)):
            return super().list(request, *args, **kwargs)

    @extend_schema(request=NewContactMethodSerializer, responses={201: ContactMethodSerializer})
    def post(self, request: Request) -> Response:
        """Add one: a code is sent there. Only once that came back is anything else."""
        wanted = NewContactMethodSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        contacts.clean(**wanted.validated_data)
        _may_be_written_to(wanted.validated_data["address"])
        with acting_as_system("own account", by=_me(request), origin=_origin(request)):
            made = contacts.add(user=_me(request), at=timezone.now(), **wanted.validated_data)
        return Response(ContactMethodSerializer(made).data, status=status.HTTP_201_CREATED)


class OneContactMethod(APIView):
    """One of the person's own."""

    @extend_schema(responses=ContactMethodSerializer)
    def get(self, request: Request, contact: UUID) -> Response:
        """As in the list."""
        with acting_as_system("own account", by=_me(request)):
            return Response(ContactMethodSerializer(_mine(request, contact)).data)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, contact: UUID) -> Response:
        """Remove it. 409 for the address that the person signs in with."""
        with acting_as_system("own account", by=_me(request), origin=_origin(request)):
            contacts.remove(contact=_mine(request, contact))
        return Response(status=status.HTTP_204_NO_CONTENT)


class VerifyContactMethod(APIView):
    """Prove that it is one's own."""

    @extend_schema(request=CodeSerializer, responses=ContactMethodSerializer)
    def post(self, request: Request, contact: UUID) -> Response:
        """With the code from the message. 400 if it is wrong; after five wrong ones a new code is needed."""
        wanted = CodeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with acting_as_system("own account", by=_me(request), origin=_origin(request)):
            row, tried = contacts.try_code(contact=_mine(request, contact), at=timezone.now(), **wanted.validated_data)
        if tried != Tried.RIGHT:
            raise ValidationError({"code": ValidationError(_SENTENCES[tried], code=tried.value).detail})
        return Response(ContactMethodSerializer(row).data)


class SendContactCode(APIView):
    """Ask for another code."""

    def get_throttles(self) -> list[BaseThrottle]:
        """As for adding one."""
        return [*super().get_throttles(), SendingCodes()]

    @extend_schema(request=None, responses=ContactMethodSerializer)
    def post(self, request: Request, contact: UUID) -> Response:
        """The one before is worth nothing any more. 409 for one that is verified and works."""
        with acting_as_system("own account", by=_me(request)):
            address = _mine(request, contact).address
        _may_be_written_to(address)
        with acting_as_system("own account", by=_me(request), origin=_origin(request)):
            row = contacts.send_code(contact=_mine(request, contact), at=timezone.now())
        return Response(ContactMethodSerializer(row).data)
