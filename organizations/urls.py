"""/me/ and /orgs/."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from organizations.views import account, changes, holds, invitations, members, organizations, secrets

router = SimpleRouter()
router.register("members", members.Members, basename="member")
router.register("invitations", invitations.Invitations, basename="invitation")
router.register("api-keys", secrets.ApiKeys, basename="api-key")
router.register("legal-holds", holds.LegalHolds, basename="legal-hold")
router.register("audit-events", changes.AuditEvents, basename="audit-event")

urlpatterns = [
    path("me/", account.Me.as_view(), name="me"),
    path("me/access-tokens/", secrets.AccessTokens.as_view(), name="access-tokens"),
    path("me/access-tokens/<uuid:token>/", secrets.OneAccessToken.as_view(), name="access-token"),
    path("me/invitations/", account.OwnInvitations.as_view(), name="own-invitations"),
    path("me/invitations/<uuid:invitation>/accept/", account.AcceptOwnInvitation.as_view(), name="accept-own"),
    path("invitations/look-up/", invitations.LookUpInvitation.as_view(), name="look-up-invitation"),
    path("invitations/accept/", invitations.AcceptInvitation.as_view(), name="accept-invitation"),
    path("orgs/", organizations.Organizations.as_view(), name="organizations"),
    path("orgs/<slug:organization>/", organizations.OneOrganization.as_view(), name="organization"),
    path("orgs/<slug:organization>/restore/", organizations.RestoreOrganization.as_view(), name="restore"),
    path("orgs/<slug:organization>/changes/", changes.Changes.as_view(), name="changes"),
    path("orgs/<slug:organization>/", include(router.urls)),
]
