"""Customers, people and memberships for staff."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    BooleanRadioFilter,
    ChoicesCheckboxFilter,
)
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from organizations import founding, invitations, membership
from organizations.models import RESTRICTABLE, FormerSlug, Invitation, Membership, Organization, Role, User
from organizations.names import known_zone
from organizations.staff import (
    Between,
    Figure,
    ReadOnlyAdmin,
    ReadOnlyInline,
    RowForm,
    StaffAdmin,
    StaffList,
    figures,
    hidden_by,
)
from organizations.staff_columns import age, label, labelled, linked, moment

LEAST_YEARS: Final = 3  # the constraint organization_keeps_three_years
_UserAdmin: Any = UserAdmin  # its types know no columns that are functions

figures.append(Figure("members", lambda: Membership.objects.current()))


def known_time_zone(value: str) -> str:
    """An IANA name that this server knows.

    Raises ValidationError for anything else.
    """
    known_zone(value)
    return value


class MembershipInline(ReadOnlyInline):
    model = Membership
    fields = (linked("user"), labelled("role"), moment("created_at", "Since"), moment("ended_at", "Ended"))
    show_change_link = True
    verbose_name_plural = "members"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Current ones first."""
        rows: QuerySet[Membership] = super().get_queryset(request)
        return rows.select_related("user").order_by(F("ended_at").desc(nulls_first=True), "pk")


class OrganizationForm(RowForm):
    def clean_time_zone(self) -> str:
        """A known zone."""
        return known_time_zone(self.cleaned_data["time_zone"])

    def clean_keep_years(self) -> int:
        """As the database holds it."""
        years: int = self.cleaned_data["keep_years"]
        if years < LEAST_YEARS:
            raise forms.ValidationError(f"Readings are kept for at least {LEAST_YEARS} years.")
        return years


class CountingList(StaffList):
    """Counts what each organization on the page has."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Organization]:
        """With a number for each figure."""
        return counted(super().get_queryset(request, exclude_parameters))


def counted(organizations: QuerySet[Organization]) -> QuerySet[Organization]:
    """The organizations with a number for each figure."""
    for figure in figures:
        count = (
            figure.rows()
            .order_by()
            .filter(organization=OuterRef("pk"))
            .values("organization")
            .annotate(number=Count("pk"))
            .values("number")
        )
        organizations = organizations.annotate(
            **{figure.column: Coalesce(Subquery(count, output_field=IntegerField()), 0)}
        )
    return organizations


def figure_link(organization: Organization, figure: Figure) -> SafeString:
    """The number, linked to the list of what it counts."""
    count = getattr(organization, figure.column)
    rows = figure.rows().model._meta
    query = "&".join(part for part in (urlencode({"organization__id__exact": organization.pk}), figure.query) if part)
    address = f"{reverse(f'admin:{rows.app_label}_{rows.model_name}_changelist')}?{query}"
    text = label("critical", str(count)) if figure.alarming and count else count
    return format_html('<a href="{}" class="text-link">{}</a>', address, text)


@admin.register(Organization)
class OrganizationAdmin(StaffAdmin):
    """No page to add one: an organization is founded where its rules are laid too, or it would watch over nothing."""

    form = OrganizationForm
    entity = "organization"
    inlines = (MembershipInline,)
    list_filter = (hidden_by("deleted_at"), ("created_at", Between))
    search_fields = ("name", "slug", "email")
    search_help_text = "Name, slug or invoice address"
    ordering = ("name", "pk")
    readonly_fields = (
        "slug",
        "former_slugs",
        "number",
        "in_numbers",
        moment("created_at"),
        moment("deleted_at"),
        "records",
    )
    fieldsets = (
        (None, {"fields": ("name", "slug", "former_slugs", "email", "time_zone")}),
        ("Readings", {"fields": (("history_days", "keep_years"),)}),
        ("What it has", {"fields": ("in_numbers", "records")}),
        ("About the row", {"fields": (("number", moment("created_at"), moment("deleted_at")),)}),
    )
    actions = ("restore",)
    actions_detail = ("add_member",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def name_of(self, row: Organization) -> str:
        """Its name."""
        return row.name

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StaffList]:
        """Lists count."""
        return CountingList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Organization | None:
        """The page counts too."""
        found: Organization | None = super().get_object(request, object_id, from_field)
        return found and counted(Organization.objects.filter(pk=found.pk)).first()

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """A column for each figure."""
        return ["name", "slug", *(_figure_column(figure) for figure in figures), "state", age("created_at", "Since")]

    @admin.display(description="State")
    def state(self, row: Organization) -> SafeString:
        """Deleted or not."""
        return label("in use" if row.deleted_at is None else "removed")

    @admin.display(description="Now")
    def in_numbers(self, row: Organization) -> SafeString:
        """All figures in one line."""
        parts = ((figure.name, figure_link(row, figure)) for figure in figures)
        return format_html_join("", '<span class="inline-block mr-6">{} {}</span>', parts)

    @admin.display(description="Former slugs")
    def former_slugs(self, row: Organization) -> str:
        """Links with these lead to it, and nobody else can have them."""
        former = FormerSlug.objects.filter(organization=row).exclude(slug=row.slug).order_by("-pk")
        return ", ".join(former.values_list("slug", flat=True)) or "–"

    @admin.display(description="Lists")
    def records(self, row: Organization) -> SafeString:
        """Where else to look."""
        query = urlencode({"organization__id__exact": row.pk})
        pages = (
            ("all alerts", "alerts_alert"),
            ("rules", "alerts_alertrule"),
            ("notifications", "notifications_notification"),
            ("gateways", "sensors_gateway"),
            ("API keys", "organizations_apikey"),
            ("legal holds", "organizations_legalhold"),
            ("change log", "organizations_change"),
        )
        links = ((reverse(f"admin:{page}_changelist"), query, words) for words, page in pages)
        return format_html_join("", '<a href="{}?{}" class="text-link inline-block mr-6">{}</a>', links)

    @action(description="Bring back (within 30 days)", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        """For an owner who asks us: as the owner's own button does."""
        now = timezone.now()
        self.carry_out(request, queryset, lambda row: founding.restore(organization=row, at=now), done="Brought back")

    def has_add_member_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who could add a membership. A method, since the theme would look a permission's name up in the database."""
        return request.user.has_perm("organizations.add_membership")

    @action(description="Add member", icon="person_add", permissions=["add_member"])
    def add_member(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """To the form, with the organization chosen."""
        return HttpResponseRedirect(f"{reverse('admin:organizations_membership_add')}?organization={object_id}")


def _figure_column(figure: Figure) -> Any:
    def show(row: Organization) -> SafeString:
        return figure_link(row, figure)

    show.__name__ = figure.column
    return admin.display(description=figure.name.capitalize())(show)


class PersonCreationForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self) -> str:
        """Addresses are stored in small letters; the database refuses a second one that differs only in case."""
        email = User.objects.normalize_email(self.cleaned_data["email"]).lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError("Somebody has this address already.")
        return email


class PersonChangeForm(RowForm):
    def clean_time_zone(self) -> str:
        """A known zone."""
        return known_time_zone(self.cleaned_data["time_zone"])


class PersonMembershipInline(ReadOnlyInline):
    model = Membership
    fields = (linked("organization"), labelled("role"), moment("created_at", "Since"), moment("ended_at", "Ended"))
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Current ones first."""
        rows: QuerySet[Membership] = super().get_queryset(request)
        return rows.select_related("organization").order_by(F("ended_at").desc(nulls_first=True), "pk")


class EmailAddressInline(ReadOnlyInline):
    model = EmailAddress
    fields = ("email", "verified", "primary")
    ordering = ("email", "pk")


@admin.register(User)
class PersonAdmin(_UserAdmin, StaffAdmin):
    """People: customers' members and our staff. Only a superuser touches the accounts and the rights of staff."""

    form = PersonChangeForm
    add_form = PersonCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (PersonMembershipInline, EmailAddressInline)
    # A new address must be proved by its owner, so it is changed in the app.
    fixed_fields = ("email",)
    list_display = (
        "email",
        "name",
        "is_staff",
        "is_active",
        age("last_login", "Last seen"),
        age("date_joined", "Since"),
    )
    list_filter = (("is_active", BooleanRadioFilter), ("is_staff", BooleanRadioFilter))
    search_fields = ("email", "name")
    ordering = ("email", "pk")
    filter_horizontal = ("groups",)
    readonly_fields = ("sign_in", moment("last_login"), moment("date_joined", "Joined"))
    RIGHTS: ClassVar = ("is_staff", "is_superuser", "groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("email", "name", "sign_in", "time_zone", "language")}),
        ("What they may do here", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("About the row", {"fields": ((moment("last_login"), moment("date_joined", "Joined")),)}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def name_of(self, row: User) -> str:
        """The name with the address."""
        return f"{row.name} ({row.email})" if row.name else row.email

    def short_name_of(self, row: User) -> str:
        """The name alone."""
        return row.get_full_name()

    @admin.display(description="Sign-in")
    def sign_in(self, row: User) -> SafeString:
        """Whether there is a password, and where to set another; not a trace of it."""
        words = "With a password." if row.has_usable_password() else "Without a password."
        return format_html('{} <a href="../password/" class="text-link">Set another</a>', words)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A member of staff can't take over another's account."""
        allowed = bool(super().has_change_permission(request, obj))
        if isinstance(obj, User) and (obj.is_staff or obj.is_superuser):
            return allowed and bool(request.user.is_superuser)
        return allowed

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Rights are given by superusers."""
        rights = [] if request.user.is_superuser else self.RIGHTS
        return [*super().get_readonly_fields(request, obj), *rights]


class MembershipForm(RowForm):
    def clean(self) -> dict[str, Any]:
        """Once at a time, and an owner stays."""
        values = super().clean() or self.cleaned_data
        person, organization = values.get("user"), values.get("organization")
        if person and organization and Membership.objects.current().filter(user=person, organization=organization):
            self.add_error("user", "This person is a member already.")
        if not self.instance._state.adding and "role" in self.changed_data and "role" in values:
            self._check_role(values["role"])
        return values

    def _check_role(self, role: str) -> None:
        """As customers are held to it. The lock is the page's until it has answered."""
        membership.lock(self.instance.organization_id)
        before = Membership.objects.get(pk=self.instance.pk)
        try:
            if role != Role.OWNER:
                membership.owner_stays_without(before)
        except membership.LastOwner as refusal:
            self.add_error("role", str(refusal))


@admin.register(Membership)
class MembershipAdmin(StaffAdmin):
    form = MembershipForm
    entity = "membership"
    fixed_fields = ("organization", "user")
    autocomplete_fields = ("organization", "user")
    list_display = (
        "person",
        linked("organization"),
        labelled("role"),
        "sites",
        age("created_at", "Since"),
        moment("ended_at", "Ended"),
    )
    list_filter = (
        hidden_by("ended_at", in_use="Current", hidden="Ended"),
        ("role", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "user")
    search_fields = ("user__email", "user__name", "organization__name", "organization__slug")
    ordering = ("-pk",)
    readonly_fields = ("sites", moment("created_at", "Since"), moment("ended_at", "Ended"))
    fields = ("organization", "user", "role", "sites", moment("created_at", "Since"), moment("ended_at", "Ended"))
    actions = ("end",)

    def name_of(self, row: Membership) -> str:
        """Who, where."""
        return f"{row.user.get_full_name()} in {row.organization.name}"

    @admin.display(description="Person", ordering="user__email")
    def person(self, row: Membership) -> str:
        """Who."""
        return f"{row.user.name} ({row.user.email})" if row.user.name else row.user.email

    @admin.display(description="Sites")
    def sites(self, row: Membership) -> str:
        """How many the member is restricted to."""
        return "all" if row.site_ids is None else f"{len(row.site_ids)} of them"

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """A role that sees all sites ends a restriction; invitations that it can no longer make are revoked."""
        if change and obj.role not in RESTRICTABLE and obj.site_ids is not None:
            obj.site_ids = None
            obj.save(update_fields=["site_ids", "role"])
        super().save_model(request, obj, form, change)
        if change:
            membership.withdraw_invitations(inviter=obj, at=timezone.now())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """What has ended stays as it was."""
        over = ["role"] if isinstance(obj, Membership) and obj.ended_at else []
        return [*super().get_readonly_fields(request, obj), *over]

    @action(description="End membership", permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Sockets and requests are refused within seconds."""
        now = timezone.now()
        self.carry_out(request, queryset, lambda row: membership.leave(membership=row, at=now), done="Ended")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Offers of membership, never their links: whoever has one can look it up."""

    entity = "invitation"
    list_display = ("email", linked("organization"), labelled("role"), "state", age("created_at"), moment("expires_at"))
    list_filter = (("role", ChoicesCheckboxFilter), ("organization", AutocompleteSelectFilter))
    list_select_related = ("organization", "invited_by", "accepted_by")
    search_fields = ("email", "organization__name", "organization__slug")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("email", linked("organization"), labelled("role"), "sites", "state")}),
        ("Who", {"fields": ((linked("invited_by"), linked("accepted_by")),)}),
        (
            "When",
            {
                "fields": (
                    (moment("created_at"), moment("expires_at")),
                    (moment("accepted_at"), moment("revoked_at")),
                )
            },
        ),
    )

    def name_of(self, row: Invitation) -> str:
        """Whom, where."""
        return f"{row.email} to {row.organization.name}"

    @admin.display(description="State")
    def state(self, row: Invitation) -> SafeString:
        """Pending or what became of it."""
        return label(invitations.state_of(row, at=timezone.now()))

    @admin.display(description="Sites")
    def sites(self, row: Invitation) -> str:
        """How many are offered."""
        return "all" if row.site_ids is None else f"{len(row.site_ids)} of them"
