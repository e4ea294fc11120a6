"""Keys and tokens for staff."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
)
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from organizations import secrets
from organizations.models import AccessToken, ApiKey, ExternalIdentity
from organizations.staff import (
    ReadOnlyAdmin,
    hidden_by,
)
from organizations.staff_columns import age, label, linked, moment


class SecretAdmin(ReadOnlyAdmin):
    """What programs sign in with: never the secret (we don't have it), never its hash."""

    actions = ("revoke",)
    actions_detail = ("revoke_this",)

    @admin.display(description="Begins with")
    def beginning(self, row: ApiKey | AccessToken) -> str:
        """To recognise it by."""
        return f"{row.prefix}…"

    @admin.display(description="State")
    def state(self, row: ApiKey | AccessToken) -> SafeString:
        """Usable or why not."""
        if row.revoked_at is not None:
            return label("revoked")
        return label("expired" if row.expires_at is not None and row.expires_at <= timezone.now() else "usable")

    def _revoke(self, request: HttpRequest, rows: Any) -> None:
        now = timezone.now()
        self.carry_out(request, rows, lambda row: secrets.revoke(secret=row, at=now), done="Revoked")

    @action(description="Revoke", permissions=["action"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Those chosen in the list."""
        self._revoke(request, queryset)

    @action(
        description="Revoke",
        icon="key_off",
        permissions=["action"],
        dialog={
            "title": "Revoke it for good?",
            "description": "Whoever still uses it is refused within seconds.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke_this(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """The one on the page."""
        self._revoke(request, self.get_queryset(request).filter(pk=object_id))
        return self.back_to(request, object_id)


_TIMES = (moment("created_at"), moment("expires_at"), moment("revoked_at"), moment("last_used_at"))


@admin.register(ApiKey)
class ApiKeyAdmin(SecretAdmin):
    entity = "api_key"
    list_display = (
        "name",
        "beginning",
        linked("organization"),
        "scopes",
        "state",
        age("last_used_at"),
        moment("created_at"),
    )
    list_filter = (
        hidden_by("revoked_at", in_use="Not revoked", hidden="Revoked"),
        ("organization", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "created_by")
    search_fields = ("name", "prefix", "organization__name", "organization__slug")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "beginning", linked("organization"), "scopes", "state")}),
        ("When and who", {"fields": (_TIMES, linked("created_by"))}),
    )

    def name_of(self, row: ApiKey) -> str:
        """Its name and beginning."""
        return f"{row.name} ({row.prefix}…)"


@admin.register(AccessToken)
class AccessTokenAdmin(SecretAdmin):
    list_display = ("name", "beginning", linked("user"), "state", age("last_used_at"), moment("created_at"))
    list_filter = (hidden_by("revoked_at", in_use="Not revoked", hidden="Revoked"),)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__email", "user__name")
    ordering = ("-pk",)
    fieldsets = ((None, {"fields": ("name", "beginning", linked("user"), "state")}), ("When", {"fields": (_TIMES,)}))

    def name_of(self, row: AccessToken) -> str:
        """Its name and beginning."""
        return f"{row.name} ({row.prefix}…)"


@admin.register(ExternalIdentity)
class ExternalIdentityAdmin(ReadOnlyAdmin):
    """Whom other identity providers vouch for (OIDC_ISSUERS). Made at the first sign-in, by a verified address."""

    list_display = (linked("user"), "issuer", "subject", age("last_used_at", "Last used"), moment("created_at"))
    list_select_related = ("user",)
    search_fields = ("subject", "issuer", "user__email", "user__name")
    ordering = ("-pk",)
    fields = (linked("user"), "issuer", "subject", moment("created_at"), moment("last_used_at"))
    actions = None

    def name_of(self, row: ExternalIdentity) -> str:
        """Who, as the issuer knows them."""
        return f"{row.subject} at {row.issuer}"
