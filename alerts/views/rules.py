"""Rules over HTTP."""

from __future__ import annotations

from django.utils import timezone
from rest_framework import permissions, viewsets
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from alerts import changing
from alerts.models import AlertRule
from alerts.serializers.rules import AlertRuleSerializer
from alerts.views.preview import PreviewMixin
from freshtrack.errors import OutsideYourSites


class AlertRules(PreviewMixin, viewsets.ModelViewSet[AlertRule]):
    """When to alert."""

    may = {
        "list": "rules.view",
        "retrieve": "rules.view",
        "create": "rules.change",
        "update": "rules.change",
        "partial_update": "rules.change",
        "destroy": "rules.change",
        "preview": "rules.preview",
    }
    queryset = AlertRule.objects.alive().order_by("unit_kind", "name", "pk")
    serializer_class = AlertRuleSerializer
    filterset_fields = ["site", "area", "unit", "unit_kind", "severity", "metric", "condition", "enabled", "is_default"]
    ordering_fields = {"name": "name", "unit_kind": "unit_kind", "severity": "severity", "created_at": "created_at"}

    def perform_create(self, serializer: BaseSerializer[AlertRule]) -> None:
        """The organization is that of the URL."""
        serializer.save(organization=self.organization)

    def perform_update(self, serializer: BaseSerializer[AlertRule]) -> None:
        """Another limit, delay, schedule or scope holds from now on."""
        assert serializer.instance is not None  # noqa: S101 (an update)
        moved = changing.changes_terms(serializer.instance, serializer.validated_data)
        serializer.save(**({"changed_at": timezone.now()} if moved else {}))

    def check_object_permissions(self, request: Request, obj: AlertRule) -> None:
        """Restricted members see the rules that watch every site, and leave them as they are."""
        super().check_object_permissions(request, obj)
        reads = request.method in permissions.SAFE_METHODS
        if not reads and self.membership.site_ids is not None and not obj.has_place:
            raise OutsideYourSites("This rule watches every site, and you are restricted to some.")

    def perform_destroy(self, instance: AlertRule) -> None:
        """Hides it: alerts that it opened still name it."""
        instance.deleted_at = timezone.now()
        instance.save(update_fields=["deleted_at"])
