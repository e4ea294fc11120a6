"""Legal holds: what forbids deleting."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from organizations import holds
from organizations.models import LegalHold
from organizations.scoped_views import OrganizationScoped
from organizations.serializers.holds import LegalHoldSerializer, PlacingSerializer


class LiftedFilter(filters.FilterSet):
    """`?lifted=true|false`."""

    lifted = filters.BooleanFilter(field_name="lifted_at", lookup_expr="isnull", exclude=True)


class LegalHolds(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[LegalHold],
):
    """What forbids deleting anything of the organization, newest first. Lifted ones stay in the list."""

    may = {"list": "holds.view", "retrieve": "holds.view", "create": "holds.change", "lift": "holds.change"}
    queryset = LegalHold.objects.select_related("placed_by", "lifted_by").order_by("-placed_at", "-pk")
    serializer_class = LegalHoldSerializer
    filterset_class = LiftedFilter
    whole = OrganizationScoped.whole | {"lift"}
    http_method_names = ["get", "post", "head", "options"]

    @extend_schema(request=PlacingSerializer, responses={201: LegalHoldSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Place a hold: from now on nothing is deleted, until it is lifted."""
        wanted = PlacingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        hold = holds.place(organization=self.organization, by=self.person, at=timezone.now(), **wanted.validated_data)
        return Response(self.get_serializer(hold).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=LegalHoldSerializer)
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its reason is over. Twice is the same as once."""
        hold = holds.lift(hold=self.get_object(), by=self.person, at=timezone.now())
        return Response(self.get_serializer(hold).data)
