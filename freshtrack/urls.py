"""Every HTTP address. /api/v1/ingest/ is answered before Django, see freshtrack/asgi.py."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from alerts import urls as alerts_urls
from alerts.views.answers import answer
from alerts.views.oncall import calendar
from freshtrack import errors, health, pages, staff
from freshtrack.queues import views as queues
from ingest import urls as ingest_urls
from notifications import own_urls as own_notifications_urls
from notifications import urls as notifications_urls
from notifications.channels.email import events as email_events
from notifications.views.unsubscribe import unsubscribe
from organizations import urls as organizations_urls
from organizations.accounts import urls as account_urls
from sensors import urls as sensors_urls

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error


def no_such_address(request: HttpRequest, path: str = "") -> JsonResponse:
    """An unknown address of the API is JSON too, not the web app's page."""
    return errors.not_found(request, Exception())


urlpatterns = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),  # people type it without the slash
    path("admin/queues/", queues.page, name="staff-queues"),
    path("admin/queues/part/", queues.part, name="staff-queues-part"),
    path("admin/months/", admin.site.admin_view(staff.months), name="staff-months"),
    path("admin/", admin.site.urls),
    path("_allauth/", include(account_urls)),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/v1/staff/queues/", queues.StaffQueues.as_view(), name="staff-queues-json"),
    path("api/v1/", include(organizations_urls)),
    path("api/v1/me/", include(own_notifications_urls)),
    path("api/v1/orgs/<slug:organization>/", include(sensors_urls)),
    path("api/v1/orgs/<slug:organization>/", include(alerts_urls)),
    path("api/v1/orgs/<slug:organization>/", include(notifications_urls)),
    path("api/v1/orgs/<slug:organization>/", include(ingest_urls)),
    # A mail program may lose the slash at the end.
    re_path(r"^answer/(?P<token>[^/]+)/?$", answer, name="answer"),
    re_path(r"^unsubscribe/(?P<token>[^/]+)/?$", unsubscribe, name="unsubscribe"),
    path("on-call/<str:secret>.ics", calendar, name="on-call-calendar"),
    path("webhooks/", include(email_events)),
    re_path(r"^(?:api|ws|static|webhooks|_allauth)/", no_such_address),
    re_path(r"^(?P<path>.*)$", pages.web_app),
]
