"""Rules and alerts under /orgs/<slug>/."""

from rest_framework.routers import SimpleRouter

from alerts.views import alerts, rules

router = SimpleRouter()
router.register("alert-rules", rules.AlertRules, basename="alert-rule")
router.register("alerts", alerts.Alerts, basename="alert")
urlpatterns = router.urls
