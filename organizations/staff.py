"""The staff's window: the admin site, and what its pages in every room have in common.

Note [Staff and row security]. The runtime login sees no customer's row. So every page of the admin runs, rendering
included, in one system transaction that names the member of staff: what they change lands in the change log under
their name, and what fails is rolled back as a whole. Signing in and out happens outside, as for everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import flatten_fieldsets, quote
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RadioFilter, RangeDateTimeFilter
from unfold.sites import UnfoldAdminSite
from unfold.views import ChangeList

from freshtrack.errors import DomainError
from organizations.owned import OwnedModel
from organizations.staff_columns import linked, names_of
from organizations.tenancy import Origin, acting_as_system

View = Callable[..., HttpResponseBase]
if TYPE_CHECKING:
    RowForm = forms.ModelForm[Any]
else:
    RowForm = forms.ModelForm

# Names end up in e-mails and logs: no line ends or other control characters.
PRINTABLE: Final = RegexValidator(r"^[^\x00-\x1f\x7f]*\Z", "Control characters aren't allowed.")


class StaffSite(UnfoldAdminSite):
    """`/admin/`, see Note [Staff and row security]."""

    index_title = "Overview"

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """A page for staff only, in the system's scope; signing out and the words of scripts need no customer's row."""
        if view in (self.logout, self.i18n_javascript):
            return super().admin_view(view, cacheable)  # type: ignore[no-any-return]
        return super().admin_view(self._in_scope(view), cacheable)  # type: ignore[no-any-return]

    def _in_scope(self, view: View) -> View:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            origin = Origin(via="admin", address=request.META.get("REMOTE_ADDR") or "")
            try:
                with acting_as_system("admin", by=request.user, origin=origin):  # type: ignore[arg-type]
                    response = view(request, *args, **kwargs)
                    if isinstance(response, SimpleTemplateResponse):
                        response.render()  # lists are lazy: their queries run here or find nothing
                    if response.status_code >= 400:
                        transaction.set_rollback(True)
                    return response
            except PermissionDenied:
                return self._refusal(request, 403, "Not allowed", "Your account doesn't have this permission.")
            except Http404:
                return self._refusal(request, 404, "Not found", "There is nothing at this address.")

        return page

    def _refusal(self, request: HttpRequest, status: int, title: str, words: str) -> HttpResponseBase:
        context = {**self.each_context(request), "title": title, "words": words}
        return TemplateResponse(request, "admin/refusal.html", context, status=status)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:
        """Choices while typing, by name instead of by id."""
        return NamedChoices.as_view(admin_site=self)(request)


class NamedChoices(AutocompleteJsonView):
    """Choices of a foreign key under the names that the pages use."""

    def serialize_result(self, obj: models.Model, to_field_name: str) -> dict[str, str]:
        """{"id", "text"}."""
        return {"id": str(getattr(obj, to_field_name)), "text": names_of(obj)}


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to a bound: the exact number of rows in a big table costs a walk through all of it."""

    BOUND: ClassVar[int] = 10_000

    @cached_property
    def count(self) -> int:
        """How many there are, or the bound."""
        rows = self.object_list
        if isinstance(rows, models.QuerySet):
            return rows.order_by()[: self.BOUND].count()
        return len(rows)


class StaffList(ChangeList):
    """Where nothing is filtered, all is what it shows: the theme then offers no way back to all."""

    def get_results(self, request: HttpRequest) -> None:
        """One page of rows."""
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class StaffAdmin(ModelAdmin):
    """What all pages share. Rows are hidden, ended or revoked, never deleted: records must keep their names."""

    list_per_page = 25
    list_filter_submit = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # a count for each choice of each filter, on tables of millions
    paginator = BoundedPaginator
    empty_value_display = "–"
    warn_unsaved_form = True
    compressed_fields = False
    # Columns that are chosen when the row is added and shown ever after.
    fixed_fields: ClassVar[tuple[str, ...]] = ()
    # The row's name in the change log, where it has one.
    entity: ClassVar[str] = ""

    def name_of(self, row: Any) -> str:
        """What titles, links and choices call the row. No query: name what it shows in list_select_related."""
        return str(row)

    def short_name_of(self, row: Any) -> str:
        """What columns call the row, beside a column with its customer."""
        return self.name_of(row)

    def entity_id(self, row: Any) -> str:
        """The row's id in the change log."""
        return str(row.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """With what names and columns show, for lists, pages and choices alike."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(*self.list_select_related) if self.list_select_related else rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """A list that says how many it has."""
        return StaffList

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        """Fixed columns can be chosen once."""
        fixed = [self._shown(name) for name in self.fixed_fields] if obj is not None else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """A fixed reference becomes a link; a row that isn't there yet has nothing to show."""
        fieldsets = super().get_fieldsets(request, obj)
        readonly = super().get_readonly_fields(request) if obj is None else ()

        def shown(field: Any) -> Any:
            return self._shown(field) if obj is not None else None if field in readonly else field

        rearranged = ((title, options, self._each(options["fields"], shown)) for title, options in fieldsets)
        return [(title, {**options, "fields": fields}) for title, options, fields in rearranged if fields]

    def _each(self, fields: Iterable[Any], shown: Callable[[Any], Any]) -> list[Any]:
        """Each field as `shown` gives it, rows of fields too; what it gives up is left out."""
        each = (tuple(self._each(f, shown)) if isinstance(f, tuple | list) else shown(f) for f in fields)
        return [field for field in each if field]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Sequence[Any]:
        """A row that isn't there yet has nothing under it."""
        return () if obj is None else tuple(super().get_inlines(request, obj))

    def _shown(self, name: Any) -> Any:
        if name in self.fixed_fields and self.model._meta.get_field(name).is_relation:
            return linked(name)
        return name

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices by name."""
        related = self.admin_site._registry.get(db_field.remote_field.model)
        if related is not None:
            kwargs.setdefault("queryset", related.get_queryset(request))
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.label_from_instance = names_of
        return field

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """One line is one line; a column in seconds says so; a choice is made here, not in a pop-up."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        if field is not None and db_field.name.endswith("_s"):
            field.label = f"{db_field.name.removesuffix('_s').replace('_', ' ').capitalize()} (seconds)"
        if field is not None and isinstance(db_field, models.CharField) and isinstance(field, forms.CharField):
            field.validators = [*field.validators, PRINTABLE]
        return field

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """The page is titled by the row's name."""
        if kwargs.get("obj") is not None:
            context["subtitle"] = self.name_of(kwargs["obj"])
        response: HttpResponse = super().render_change_form(request, context, **kwargs)
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write only what was changed here: the page is old when it comes back, and others write newest values."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in self.model._meta.concrete_fields}
        changed = [name for name in form.changed_data if name in columns]
        if changed:
            obj.save(update_fields=changed)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponseBase:
        """The change log of the row, where it has one: it knows the customers' changes too."""
        if not self.entity:
            return super().history_view(request, object_id, extra_context)  # type: ignore[no-any-return]
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        organization = row.pk if self.entity == "organization" else row.organization_id
        wanted = {"organization__id__exact": organization, "entity": self.entity, "entity_id": self.entity_id(row)}
        return HttpResponseRedirect(f"{reverse('admin:organizations_change_changelist')}?{urlencode(wanted)}")

    def page_of(self, row: Any) -> str:
        """The address of the row's page."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=(quote(row.pk),))

    def carry_out(
        self, request: HttpRequest, rows: Iterable[Any], operation: Callable[[Any], object], *, done: str
    ) -> None:
        """Do an action's operation with each row, and tell what was done and what was refused."""
        count = 0
        for row in rows:
            try:
                with transaction.atomic():
                    operation(row)
            except DomainError as refusal:
                messages.error(request, f"{self.name_of(row)}: {refusal}")
            else:
                count += 1
                self.log_change(request, row, f"{done}.")
        if count:
            noun = self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural
            messages.success(request, f"{done}: {count} {noun}.")

    def back_to(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The answer of a dialog: the browser goes to the row's page, which shows the messages."""
        return HttpResponse(headers={"HX-Redirect": self.page_of(self.get_object(request, object_id))})


class ReadOnlyAdmin(StaffAdmin):
    """Rows that a state machine or a program writes: look, don't touch."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_action_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who could change such a row may run its actions."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        """All."""
        return flatten_fieldsets(self.get_fieldsets(request, obj))


class ReadOnlyInline(TabularInline):
    """Rows shown under their parent, each with a link to its own page if it has one."""

    extra = 0
    can_delete = False
    hide_title = True
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        """All."""
        return list(self.fields)


class OwnedForm(RowForm):
    """A form whose references stay inside one organization, which a row copies from its parent if it has one."""

    parent: ClassVar[str] = ""

    def clean(self) -> dict[str, Any]:
        """Refuse rows of another organization."""
        values = super().clean() or self.cleaned_data
        if self.parent and values.get(self.parent) is not None:
            self.instance.organization_id = values[self.parent].organization_id
        organization = values.get("organization")
        owner = organization.pk if organization is not None else self.instance.organization_id
        for name, row in list(values.items()):  # add_error takes the value away
            if isinstance(row, OwnedModel) and owner is not None and row.organization_id != owner:
                self.add_error(name, "This belongs to another organization.")
        return values


class Figure(NamedTuple):
    """How many rows of a room an organization has, for the organization's pages."""

    name: str
    rows: Callable[[], models.QuerySet[Any]]
    query: str = ""  # of the list that shows them
    alarming: bool = False

    @property
    def column(self) -> str:
        """Under which name an organization's row carries the number."""
        return f"count_{self.name.replace(' ', '_')}"


# Filled by the admin modules of the rooms above, which this one doesn't know.
figures: Final[list[Figure]] = []


class Hidden(RadioFilter):
    """Lists leave hidden rows out unless they are asked for."""

    column: ClassVar[str]
    words: ClassVar[tuple[str, str]]
    unless: ClassVar[str]
    title = "state"
    parameter_name = "hidden"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.all_option = ["", self.words[0]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Beside those in use."""
        return [("only", self.words[1]), ("too", "Both")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Those in use by default, unless another filter asks for some that may be hidden."""
        if self.value() == "too" or (self.value() is None and self.unless in request.GET):
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": self.value() != "only"})


class Between(RangeDateTimeFilter):
    """From a moment to a moment, both in UTC as all pages show them."""

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Either end may be left open; a day without a time begins at midnight."""
        for end, lookup in (("from", "gte"), ("to", "lte")):
            day, time = (self.used_parameters.get(f"{self.parameter_name}_{end}_{part}") for part in (0, 1))
            moment = parse_datetime(f"{day} {time or '00:00'}") if day else None
            if moment is not None:
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": moment.replace(tzinfo=UTC)})
        return queryset


def hidden_by(column: str, *, in_use: str = "In use", hidden: str = "Removed", unless: str = "") -> type[Hidden]:
    """A filter by a moment that hides rows, for example `deleted_at`. `unless` is a parameter of another filter."""
    return type("HiddenRows", (Hidden,), {"column": column, "words": (in_use, hidden), "unless": unless})
