"""/me/ and /orgs/."""

from django.urls import path

from organizations import views

urlpatterns = [
    path("me/", views.Me.as_view(), name="me"),
    path("orgs/", views.Organizations.as_view(), name="organizations"),
    path("orgs/<slug:organization>/", views.OneOrganization.as_view(), name="organization"),
]
