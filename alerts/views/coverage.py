"""What might reach nobody: over HTTP."""

from __future__ import annotations

from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.coverage import finding
from alerts.models import EscalationPolicy
from alerts.serializers.coverage import CoverageSerializer
from organizations.scoped_views import OrganizationScoped

# Whoever has more begins with the first ones.
MOST: Final = 500


class Coverage(OrganizationScoped, generics.GenericAPIView[EscalationPolicy]):
    """Holes in who is told, now and in the next two weeks."""

    may = {"GET": "coverage.view"}
    queryset = EscalationPolicy.objects.all()
    pagination_class = None
    filter_backends = ()

    @extend_schema(responses=CoverageSerializer, operation_id="coverage")
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Policies and steps that reach nobody, empty shifts, people and addresses that can't be reached."""
        found = finding.of_organization(
            organization=self.organization, site_ids=self.membership.site_ids, by=self.person, at=timezone.now()
        )
        shown = {
            "ok": found.ok,
            "checked_at": found.checked_at,
            "critical": found.critical,
            "warning": found.warning,
            "results": found.holes[:MOST],
            "more": max(0, len(found.holes) - MOST),
        }
        return Response(CoverageSerializer(shown).data)
