"""Other people's models for staff: schedules, groups, addresses, what staff did. Stripe's mirror stays out.

Runs before our own rooms' admin modules and after those of the libraries, see INSTALLED_APPS.
"""

from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesCheckboxFilter
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from organizations.staff import ReadOnlyAdmin, StaffAdmin
from organizations.staff_columns import age, label, linked, moment

# dj-stripe shows the secrets of its API keys and webhook endpoints in clear text, and its other pages call Stripe.
for model in [model for model in admin.site._registry if model._meta.app_label == "djstripe"]:
    admin.site.unregister(model)

for model in (PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule, Group, EmailAddress):
    admin.site.unregister(model)

# allauth shows keys of sessions, secrets of second factors and what providers gave us. Providers stand in settings.
for model in (Authenticator, UserSession, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)


class TaskSelectWidget(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The theme's select with the tasks that the workers know."""


class ScheduledTaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelectWidget()


@admin.register(PeriodicTask)
class ScheduledTaskAdmin(beat.PeriodicTaskAdmin, ModelAdmin):
    """Beat's timetable. What staff change here stays; what nobody changed follows new releases."""

    form = ScheduledTaskForm
    date_hierarchy = None
    list_display = ("name", "task", "schedule_words", "state", age("last_run_at", "Last run"), "total_run_count")
    list_filter = (("enabled", BooleanRadioFilter),)
    list_filter_submit = True
    list_per_page = 50
    list_select_related = ("interval", "crontab", "solar", "clocked")
    ordering = ("name", "pk")

    @admin.display(description="Schedule")
    def schedule_words(self, row: PeriodicTask) -> str:
        """How often."""
        return str(row.scheduler)

    @admin.display(description="State", ordering="enabled")
    def state(self, row: PeriodicTask) -> SafeString:
        """On or off."""
        return label("usable", "on") if row.enabled else label("revoked", "off")


class TaskInline(TabularInline):
    model = PeriodicTask
    fields = readonly_fields = ("name", "task", "enabled")
    extra = 0
    can_delete = False
    show_change_link = True
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A task chooses its schedule, not the other way round."""
        return False


class ScheduleAdmin(ModelAdmin):
    inlines = (TaskInline,)
    ordering = ("pk",)
    search_fields = ("pk",)


@admin.register(IntervalSchedule, SolarSchedule, ClockedSchedule)
class PlainScheduleAdmin(ScheduleAdmin):
    """Every so often, by the sun, or once."""


@admin.register(CrontabSchedule)
class CrontabAdmin(ScheduleAdmin):
    list_display = ("__str__", "human_readable")
    fields = ("human_readable", ("minute", "hour"), ("day_of_month", "month_of_year", "day_of_week"), "timezone")
    readonly_fields = ("human_readable",)


@admin.register(Group)
class StaffGroupAdmin(GroupAdmin, ModelAdmin):
    """Sets of permissions for staff who aren't superusers."""

    ordering = ("name", "pk")


@admin.register(EmailAddress)
class AddressAdmin(EmailAddressAdmin, StaffAdmin):
    """Sign-in addresses: only a verified one lets its person in."""

    list_display = ("email", linked("user"), "verified", "primary")
    list_filter = (("verified", BooleanRadioFilter), ("primary", BooleanRadioFilter))
    list_select_related = ("user",)
    ordering = ("email", "pk")
    raw_id_fields = ()
    autocomplete_fields = ("user",)
    fixed_fields = ("user", "email")
    fields = ("user", "email", "verified", "primary")

    def name_of(self, row: EmailAddress) -> str:
        """The address."""
        return str(row.email)


class OfAPerson(ReadOnlyAdmin):
    """What somebody signs in with. Only a superuser touches that of staff."""

    list_select_related = ("user",)
    list_filter: tuple[Any, ...] = (("user", AutocompleteSelectFilter),)
    search_fields: tuple[str, ...] = ("user__email", "user__name")
    ordering = ("-pk",)

    def name_of(self, row: Any) -> str:
        """Whose it is."""
        return f"{row.user.email} ({row.pk})"

    def carry_out(self, request: HttpRequest, rows: Any, operation: Any, *, done: str) -> None:
        """A member of staff can't weaken another's account."""
        mine = rows if request.user.is_superuser else rows.filter(user__is_staff=False, user__is_superuser=False)
        super().carry_out(request, mine, operation, done=done)


@admin.register(UserSession)
class SessionAdmin(OfAPerson):
    """Browsers that are signed in. Never their keys: who has one is signed in as well."""

    list_display = (linked("user"), "ip", "user_agent", moment("created_at", "Since"), age("last_seen_at", "Last seen"))
    list_display_links = None
    fieldsets = (
        (None, {"fields": (linked("user"), "ip", "user_agent", moment("created_at"), moment("last_seen_at"))}),
    )
    actions = ("end",)

    @action(description="Sign out", permissions=["action"])
    def end(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        """At once; open sockets follow within seconds."""
        self.carry_out(request, queryset, lambda row: row.end(), done="Signed out")


@admin.register(Authenticator)
class SecondFactorAdmin(OfAPerson):
    """Authenticator apps, passkeys, recovery codes: that they are there, not what is in them."""

    list_display = (linked("user"), "type", moment("created_at", "Since"), age("last_used_at", "Last used"))
    list_filter = (("type", ChoicesCheckboxFilter), ("user", AutocompleteSelectFilter))
    fieldsets = ((None, {"fields": (linked("user"), "type", moment("created_at"), moment("last_used_at"))}),)
    actions = ("remove",)

    @action(description="Remove (the person lost it, and you made sure who asks)", permissions=["action"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Authenticator]) -> None:
        """Signing in asks for it no more. Recovery codes go with the last of the others."""
        self.carry_out(request, queryset, _remove, done="Removed")


def _remove(row: Authenticator) -> None:
    # A copy, since the log still names the row.
    Authenticator.objects.filter(pk=row.pk).delete()
    delete_dangling_recovery_codes(row.user)


@admin.register(SocialAccount)
class ProviderAccountAdmin(OfAPerson):
    """Who signs in through another identity provider."""

    list_display = (linked("user"), "provider", "uid", age("last_login", "Last used"), moment("date_joined", "Since"))
    search_fields = ("user__email", "user__name", "uid")
    fieldsets = ((None, {"fields": (linked("user"), "provider", "uid", moment("last_login"), moment("date_joined"))}),)


@admin.register(LogEntry)
class StaffLogAdmin(ReadOnlyAdmin):
    """What staff did in these pages. Customers' rows have the change log too, with the values."""

    list_display = (moment("action_time", "When (UTC)"), linked("user"), "content_type", "object_repr", "words")
    list_display_links = None
    list_filter = (("user", AutocompleteSelectFilter),)
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "object_id", "user__email")
    ordering = ("-pk",)
    fields = (moment("action_time", "When (UTC)"), linked("user"), "content_type", "object_id", "object_repr", "words")
    actions = None

    @admin.display(description="What")
    def words(self, row: LogEntry) -> str:
        """In a sentence."""
        return row.get_change_message() or row.get_action_flag_display()
