"""/orgs/<slug>/notifications/ and digests/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from notifications.views import deliveries, digests

router = SimpleRouter()
router.register("notifications", deliveries.Notifications, basename="notification")
urlpatterns = [
    path("digests/preview/", digests.DigestPreview.as_view(), name="digest-preview"),
    path("notifications/health/", deliveries.ChannelHealth.as_view(), name="channel-health"),  # before an id
    *router.urls,
]
