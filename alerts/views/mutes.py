"""Mutes over HTTP: times in which nobody is told."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from alerts import mutes
from alerts.models import Mute
from alerts.serializers.mutes import MuteChangeSerializer, MuteSerializer
from freshtrack.errors import OutsideYourSites
from organizations.scoped_views import OrganizationScoped
from organizations.searching import FilterSet, IdsFilter, TrueOrFalseFilter


class MuteFilter(FilterSet):
    active = TrueOrFalseFilter(method="by_active")
    site = IdsFilter(method="by_site")

    class Meta:
        model = Mute
        fields = ["active", "site", "unit", "kind"]

    def by_active(self, queryset: QuerySet[Mute], name: str, value: bool) -> QuerySet[Mute]:
        """Those that keep quiet now, or those that don't (yet, or any more)."""
        now = timezone.now()
        in_force = Q(starts_at__lte=now, ends_at__gt=now)
        return queryset.filter(in_force if value else ~in_force)

    def by_site(self, queryset: QuerySet[Mute], name: str, value: list[Any]) -> QuerySet[Mute]:
        """Of the site itself, or of one of its units."""
        return queryset.filter(Q(site__in=value) | Q(unit__site__in=value)) if value else queryset


class Mutes(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Mute],
):
    """When nobody is told, and how many alerts that kept quiet. They always end."""

    may = {
        "list": "mutes.view",
        "retrieve": "mutes.view",
        "create": "mutes.change",
        "partial_update": "mutes.change",
        "destroy": "mutes.change",
    }
    volatile = frozenset({"active", "silenced"})
    queryset = mutes.with_silenced(Mute.objects.all()).order_by("-ends_at", "-pk")
    serializer_class = MuteSerializer
    filterset_class = MuteFilter
    ordering_fields = {"ends_at": "ends_at", "starts_at": "starts_at", "created_at": "created_at"}

    def check_object_permissions(self, request: Request, obj: Mute) -> None:
        """Restricted members see what keeps every site quiet, and leave it as it is."""
        super().check_object_permissions(request, obj)
        reads = request.method in permissions.SAFE_METHODS
        if not reads and self.membership.site_ids is not None and obj.site_id is None and obj.unit_id is None:
            raise OutsideYourSites("This keeps every site quiet, and you are restricted to some.")

    def perform_create(self, serializer: BaseSerializer[Mute]) -> None:
        """Begins now or later; 400 without an end, or with one too far ahead."""
        made = mutes.begin(
            organization=self.organization, by=self.person, at=timezone.now(), **serializer.validated_data
        )
        serializer.instance = self.get_queryset().get(pk=made.pk)

    @extend_schema(request=MuteChangeSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Another end or reason. What it keeps quiet is told at the new end. 409 once it is over."""
        mute = self.get_object()
        wanted = MuteChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        mutes.change(mute=mute, at=timezone.now(), **wanted.validated_data)
        return Response(self.get_serializer(self.get_queryset().get(pk=mute.pk)).data)

    def perform_destroy(self, instance: Mute) -> None:
        """Ends it now: what it kept quiet and still lasts is told. The row stays for the record."""
        mutes.end(mute=instance, at=timezone.now())
