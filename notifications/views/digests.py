"""/me/digests/: which digests the signed-in person gets; and what one of an organization would say now."""

from __future__ import annotations

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from notifications.digests import choosing, sending
from notifications.digests.choosing import Choice
from notifications.models import Digest
from notifications.serializers.digests import (
    DigestPreviewSerializer,
    DigestsSerializer,
    PreviewQuerySerializer,
    PreviewSentSerializer,
)
from organizations.models import Organization, User
from organizations.scoped_views import OrganizationScoped
from organizations.tenancy import Origin, acting_as_system
from organizations.throttling import Previewing, SendingDigests


class Digests(APIView):
    """The person's own, of all organizations. Nobody has any who didn't choose it."""

    @extend_schema(responses=DigestsSerializer, operation_id="me_digests")
    def get(self, request: Request) -> Response:
        """What was chosen."""
        me = cast("User", request.user)
        with acting_as_system("own account", by=me):
            return Response(_shape(me))

    @extend_schema(request=DigestsSerializer, responses=DigestsSerializer, operation_id="me_digests_replace")
    def put(self, request: Request) -> Response:
        """These and no others from now on."""
        me = cast("User", request.user)
        wanted = DigestsSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        origin = Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")
        with acting_as_system("own account", by=me, origin=origin):
            choosing.replace(user=me, choices=_choices(me, wanted.validated_data["digests"]), at=timezone.now())
            return Response(_shape(me))


class DigestPreview(OrganizationScoped, generics.GenericAPIView[Digest]):
    """What a digest would say if it were due now: of the sites that the member may see."""

    may = {"GET": "digests.preview", "POST": "digests.preview"}
    queryset = Digest.objects.order_by("pk")
    pagination_class = None
    filter_backends = ()

    def get_throttles(self) -> list[BaseThrottle]:
        """Each one reads as much as a page of charts, and a POST sends e-mail."""
        return [*super().get_throttles(), SendingDigests() if self.request.method == "POST" else Previewing()]

    @extend_schema(
        parameters=[PreviewQuerySerializer], responses=DigestPreviewSerializer, operation_id="digests_preview"
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The words. Nothing is sent."""
        letter = sending.preview(
            membership=self.membership, user=self.person, period=_period(request), at=timezone.now()
        )
        return Response({"subject": letter.subject, "text": letter.text, "html": letter.html})

    @extend_schema(
        parameters=[PreviewQuerySerializer],
        request=None,
        responses={202: PreviewSentSerializer},
        operation_id="digests_preview_send",
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """The same, sent to oneself. 409 without a verified address that works."""
        row = sending.send_preview(
            membership=self.membership, user=self.person, period=_period(request), at=timezone.now()
        )
        return Response({"to": row.to}, status=status.HTTP_202_ACCEPTED)


def _period(request: Request) -> str:
    query = PreviewQuerySerializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    return str(query.validated_data["period"])


def _choices(user: User, given: list[dict[str, Any]]) -> list[Choice]:
    """Raises ValidationError for an organization that isn't the person's."""
    slugs = {digest["org"] for digest in given if "\0" not in digest["org"]}
    homes = {home.slug: home for home in Organization.objects.of_member(user).filter(slug__in=slugs)}
    for number, digest in enumerate(given):
        if digest["org"] not in homes:
            words = "You have no organization with this name."
            raise ValidationError({"digests": {str(number): {"org": [words]}}})
    return [
        Choice(homes[digest["org"]], digest["period"], digest["at"], digest["weekday"], digest["enabled"])
        for digest in given
    ]


def _shape(user: User) -> dict[str, Any]:
    rows = [
        {
            "org": row.organization.slug,
            "period": row.period,
            "at": row.at,
            "weekday": row.weekday,
            "enabled": row.enabled,
            "next_at": row.next_at,
        }
        for row in choosing.chosen_by(user)
    ]
    return dict(DigestsSerializer({"digests": rows, "time_zone": user.time_zone}).data)
