"""Rules and alerts under /orgs/<slug>/."""

from rest_framework.routers import SimpleRouter

from alerts import views

router = SimpleRouter()
router.register("alert-rules", views.AlertRules, basename="alert-rule")
router.register("alerts", views.Alerts, basename="alert")
urlpatterns = router.urls
