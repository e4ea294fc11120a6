"""/me/ and /orgs/."""

from django.urls import path

from organizations.views import account, organizations

urlpatterns = [
    path("me/", account.Me.as_view(), name="me"),
    path("orgs/", organizations.Organizations.as_view(), name="organizations"),
    path("orgs/<slug:organization>/", organizations.OneOrganization.as_view(), name="organization"),
]
