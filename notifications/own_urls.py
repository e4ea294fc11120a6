"""/me/: how the signed-in person is told."""

from django.urls import path

from notifications.views import contact_methods, digests, inbox, preferences

urlpatterns = [
    path("notification-preferences/", preferences.Preferences.as_view(), name="notification-preferences"),
    path("digests/", digests.Digests.as_view(), name="digests"),
    path("inbox/", inbox.Inbox.as_view(), name="inbox"),
    path("inbox/count/", inbox.InboxCount.as_view(), name="inbox-count"),
    path("inbox/read-all/", inbox.ReadInbox.as_view(), name="inbox-read-all"),
    path("inbox/<uuid:item>/read/", inbox.ReadInboxItem.as_view(), name="inbox-read"),
    path("contact-methods/", contact_methods.ContactMethods.as_view(), name="contact-methods"),
    path("contact-methods/<uuid:contact>/", contact_methods.OneContactMethod.as_view(), name="contact-method"),
    path(
        "contact-methods/<uuid:contact>/verify/",
        contact_methods.VerifyContactMethod.as_view(),
        name="verify-contact-method",
    ),
    path(
        "contact-methods/<uuid:contact>/send-code/",
        contact_methods.SendContactCode.as_view(),
        name="send-contact-code",
    ),
]
