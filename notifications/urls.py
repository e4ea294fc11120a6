"""/orgs/<slug>/notifications/."""

from rest_framework.routers import SimpleRouter

from notifications.views import deliveries

router = SimpleRouter()
router.register("notifications", deliveries.Notifications, basename="notification")
urlpatterns = router.urls
