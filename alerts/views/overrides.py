"""Overrides over HTTP, and everything that stands for one unit."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import drift, overrides
from alerts.models import RuleOverride
from alerts.serializers.overrides import OverrideSerializer, OverridingSerializer, UnitRulesSerializer
from organizations.scoped_views import OrganizationScoped
from organizations.searching import FilterSet, TrueOrFalseFilter
from sensors.models import Unit


class OverrideFilter(FilterSet):
    active = TrueOrFalseFilter(method="filter_active")

    class Meta:
        model = RuleOverride
        fields = ["unit", "rule", "active"]

    def filter_active(self, queryset: QuerySet[RuleOverride], name: str, value: bool) -> QuerySet[RuleOverride]:
        """Those that hold now, or all others."""
        now = timezone.now()
        if value:
            return queryset.filter(ended_at=None, expires_at__gt=now)
        return queryset.filter(Q(ended_at__isnull=False) | Q(expires_at__lte=now))


class RuleOverrides(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[RuleOverride],
):
    """Exceptions from rules for single units, newest first. Ended ones stay in the list."""

    may = {"list": "rules.view", "retrieve": "rules.view", "create": "rules.change", "destroy": "rules.change"}
    queryset = RuleOverride.objects.select_related("owner").order_by("-created_at", "-pk")
    serializer_class = OverrideSerializer
    filterset_class = OverrideFilter
    ordering_fields = {"created_at": "created_at", "expires_at": "expires_at"}

    @extend_schema(request=OverridingSerializer, responses={201: OverrideSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Let one unit have another limit or delay for a time. Beyond the legal limit: 400 `beyond_legal_limit`."""
        wanted = OverridingSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        override = overrides.begin(
            organization=self.organization, by=self.person, at=timezone.now(), **wanted.validated_data
        )
        return Response(self.get_serializer(override).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """End it now. The row stays for the record; twice is the same as once."""
        overrides.end(override=self.get_object(), by=self.person, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class UnitRules(OrganizationScoped, generics.GenericAPIView[Unit]):
    """What stands for a unit."""

    may = {"GET": "rules.view"}
    queryset = Unit.objects.select_related("site", "organization").order_by("pk")
    serializer_class = UnitRulesSerializer

    @extend_schema(filters=False, responses=UnitRulesSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Its legal limits, each rule with why it is in force or isn't, and where it is away from its profile."""
        found = drift.rules_of(unit=self.get_object(), at=timezone.now())
        return Response(UnitRulesSerializer(found, context=self.get_serializer_context()).data)
