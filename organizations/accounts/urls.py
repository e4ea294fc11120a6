"""Where other identity providers send people back to. What else there is about accounts is allauth's headless API."""

from __future__ import annotations

from allauth.socialaccount.providers.apple import views as apple
from allauth.socialaccount.providers.google import views as google
from allauth.socialaccount.providers.openid_connect import views as openid
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path

from freshtrack import errors


def not_offered(request: HttpRequest) -> JsonResponse:
    """allauth would sign in whoever brings an identity token, without asking whether this browser wanted one."""
    return errors.not_found(request, Http404())


# allauth's own lists have pages for signing in as well, which look like nothing of ours and have no limits.
urlpatterns = [
    path("browser/v1/auth/provider/token", not_offered),
    path("google/login/callback/", google.oauth2_callback, name="google_callback"),
    path("apple/login/callback/", apple.oauth2_callback, name="apple_callback"),
    path("apple/login/callback/finish/", apple.oauth2_finish_login, name="apple_finish_callback"),
    path("oidc/<slug:provider_id>/login/callback/", openid.callback, name="openid_connect_callback"),
]
