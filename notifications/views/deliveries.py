"""Deliveries with their state."""

from rest_framework import viewsets

from notifications.models import Notification
from notifications.serializers.deliveries import NotificationSerializer
from organizations.scoped_views import OrganizationScoped


class Notifications(OrganizationScoped, viewsets.ReadOnlyModelViewSet[Notification]):
    """What was promised to whom, newest first."""

    may = {"list": "notifications.view", "retrieve": "notifications.view"}
    queryset = Notification.objects.order_by("-created_at", "-pk")
    serializer_class = NotificationSerializer
    filterset_fields = ["status", "channel", "about", "event"]
    ordering_fields = {"created_at": "created_at", "sent_at": "sent_at"}
