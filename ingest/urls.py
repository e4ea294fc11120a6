"""Refused readings under /orgs/<slug>/. The door for readings itself is ingest/asgi.py."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from ingest import views

router = SimpleRouter()
router.register("quarantined-readings", views.QuarantinedReadings, basename="quarantined-reading")
urlpatterns = [
    path("quarantined-readings/summary/", views.QuarantineSummary.as_view(), name="quarantine-summary"),
    *router.urls,
]
