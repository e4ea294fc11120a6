"""Rules and alerts under /orgs/<slug>/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from alerts.views import alerts, labels, mutes, overrides, preview, reach, rules

router = SimpleRouter()
router.register("alert-rules", rules.AlertRules, basename="alert-rule")
router.register("rule-overrides", overrides.RuleOverrides, basename="rule-override")
router.register("alerts", alerts.Alerts, basename="alert")
router.register("mutes", mutes.Mutes, basename="mute")
urlpatterns = [
    path("alerts/reach/", reach.Reach.as_view(), name="alert-reach"),  # before alerts/<id>/
    *router.urls,
    path("units/<uuid:pk>/rules/", overrides.UnitRules.as_view(), name="unit-rules"),
    path("units/<uuid:pk>/labels/", labels.UnitLabels.as_view(), name="unit-labels"),
    path(
        "units/<uuid:pk>/product-temperature/",
        labels.UnitProductTemperature.as_view(),
        name="unit-product-temperature",
    ),
    path("units/<uuid:pk>/why/", preview.Why.as_view(), name="unit-why"),
]
