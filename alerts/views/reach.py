"""Who would be told of an alert now, and how: over HTTP."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import reach
from alerts.serializers.reach import ReachQuerySerializer, ReachSerializer
from freshtrack.pagination import refuse
from organizations.scoped_views import OrganizationScoped
from sensors.models import Site, Unit


class Reach(OrganizationScoped, generics.GenericAPIView[Unit]):
    """Who would be told now, how, and why not."""

    may = {"GET": "alerts.reach"}
    queryset = Unit.objects.filter(deleted_at=None).select_related("site")
    pagination_class = None
    filter_backends = ()

    @extend_schema(parameters=[ReachQuerySerializer], responses=ReachSerializer, operation_id="alerts_reach")
    def get(self, request: Request, **kwargs: Any) -> Response:
        """As if an alert opened now: at a unit or a site, or at no site in particular."""
        query = ReachQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        unit = None
        site_id = asked.get("site")
        if "unit" in asked:
            unit = self.get_queryset().filter(pk=asked["unit"]).first()
            if unit is None:
                raise refuse("unit", "There is no such unit here.")
            site_id = unit.site_id
        elif site_id is not None:
            sites = Site.objects.for_member(self.membership).filter(deleted_at=None)
            if not sites.filter(pk=site_id).exists():
                raise refuse("site", "There is no such site here.")
        found = reach.of_place(
            asker=self.membership,
            by=self.person,
            severity=asked["severity"],
            site_id=site_id,
            unit=unit,
            at=timezone.now(),
        )
        return Response(ReachSerializer(found).data)
