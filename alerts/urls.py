"""Rules and alerts under /orgs/<slug>/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from alerts.views import alerts, coverage, escalation, labels, mutes, oncall, overrides, preview, reach, rules

router = SimpleRouter()
router.register("alert-rules", rules.AlertRules, basename="alert-rule")
router.register("rule-overrides", overrides.RuleOverrides, basename="rule-override")
router.register("alerts", alerts.Alerts, basename="alert")
router.register("mutes", mutes.Mutes, basename="mute")
router.register("escalation-policies", escalation.EscalationPolicies, basename="escalation-policy")
router.register("on-call-schedules", oncall.OnCallSchedules, basename="on-call-schedule")
router.register("on-call-overrides", oncall.OnCallOverrides, basename="on-call-override")
router.register("shift-swaps", oncall.ShiftSwaps, basename="shift-swap")
router.register("on-call-feeds", oncall.OnCallFeeds, basename="on-call-feed")
urlpatterns = [
    path("alerts/reach/", reach.Reach.as_view(), name="alert-reach"),  # before alerts/<id>/
    *router.urls,
    path("coverage/", coverage.Coverage.as_view(), name="coverage"),
    path("units/<uuid:pk>/rules/", overrides.UnitRules.as_view(), name="unit-rules"),
    path("units/<uuid:pk>/labels/", labels.UnitLabels.as_view(), name="unit-labels"),
    path(
        "units/<uuid:pk>/product-temperature/",
        labels.UnitProductTemperature.as_view(),
        name="unit-product-temperature",
    ),
    path("units/<uuid:pk>/why/", preview.Why.as_view(), name="unit-why"),
]
