"""/orgs/<slug>/notifications/."""

from rest_framework.routers import SimpleRouter

from notifications import views

router = SimpleRouter()
router.register("notifications", views.Notifications, basename="notification")
urlpatterns = router.urls
