"""Escalation policies over HTTP, and what they would do."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from alerts.escalation import asking
from alerts.models import EscalationPolicy
from alerts.serializers.escalation import DryRunSerializer, EscalationPolicySerializer, RehearsalSerializer
from freshtrack.errors import OutsideYourSites
from organizations.scoped_views import OrganizationScoped
from organizations.searching import FilterSet, IdsFilter


class PolicyFilter(FilterSet):
    site = IdsFilter(method="by_site")

    class Meta:
        model = EscalationPolicy
        fields = ["site", "unit", "unit_kind", "severity", "enabled", "is_default"]

    def by_site(self, queryset: QuerySet[EscalationPolicy], name: str, value: list[Any]) -> QuerySet[EscalationPolicy]:
        """Of the site itself, or of one of its units."""
        return queryset.filter(Q(site__in=value) | Q(unit__site__in=value)) if value else queryset


class EscalationPolicies(OrganizationScoped, viewsets.ModelViewSet[EscalationPolicy]):
    """Whom to call, in which order, until somebody answers. What an alert opened with stays with it."""

    may = {
        "list": "escalation.view",
        "retrieve": "escalation.view",
        "create": "escalation.change",
        "update": "escalation.change",
        "partial_update": "escalation.change",
        "destroy": "escalation.change",
        "dry_run": "escalation.change",
    }
    queryset = EscalationPolicy.objects.alive().order_by("is_default", "name", "pk")
    serializer_class = EscalationPolicySerializer
    filterset_class = PolicyFilter
    ordering_fields = {"name": "name", "created_at": "created_at"}

    def perform_create(self, serializer: BaseSerializer[EscalationPolicy]) -> None:
        """The organization is that of the URL."""
        serializer.save(organization=self.organization)

    def check_object_permissions(self, request: Request, obj: EscalationPolicy) -> None:
        """Restricted members see the policies of every site, and leave them as they are."""
        super().check_object_permissions(request, obj)
        reads = request.method in permissions.SAFE_METHODS
        if not reads and self.membership.site_ids is not None and not obj.has_place:
            raise OutsideYourSites("This policy is for every site, and you are restricted to some.")

    def perform_destroy(self, instance: EscalationPolicy) -> None:
        """Hides it: alerts that opened with it still follow it."""
        instance.deleted_at = timezone.now()
        instance.save(update_fields=["deleted_at"])

    @extend_schema(request=DryRunSerializer, responses=RehearsalSerializer, filters=False)
    @action(detail=False, methods=["post"], url_path="dry-run", pagination_class=None)
    def dry_run(self, request: Request, **kwargs: Any) -> Response:
        """If this opened now (or at another moment), who is told when. Nobody is told anything."""
        wanted = DryRunSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        found = asking.of_place(organization=self.organization, by=self.person, **wanted.validated_data)
        return Response(RehearsalSerializer(found).data)
