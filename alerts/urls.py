"""Rules and alerts under /orgs/<slug>/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from alerts.views import alerts, labels, mutes, rules

router = SimpleRouter()
router.register("alert-rules", rules.AlertRules, basename="alert-rule")
router.register("alerts", alerts.Alerts, basename="alert")
router.register("mutes", mutes.Mutes, basename="mute")
urlpatterns = [
    *router.urls,
    path("units/<uuid:pk>/labels/", labels.UnitLabels.as_view(), name="unit-labels"),
    path(
        "units/<uuid:pk>/product-temperature/",
        labels.UnitProductTemperature.as_view(),
        name="unit-product-temperature",
    ),
]
