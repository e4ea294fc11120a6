"""Places, gateways, sensors and their newest readings for staff."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesCheckboxFilter
from unfold.decorators import action

from organizations.admin.customers import known_time_zone
from organizations.staff import Figure, OwnedForm, StaffAdmin, figures, hidden_by
from organizations.staff_columns import age, at, duration, label, labelled, linked, moment, number
from sensors import provisioning
from sensors.models import Area, Gateway, Reading, Sensor, Site, Unit

NEWEST_READINGS = 50

figures.append(Figure("sites", lambda: Site.objects.alive()))
figures.append(Figure("units", lambda: Unit.objects.alive()))
figures.append(Figure("sensors", lambda: Sensor.objects.alive()))


class PlaceAdmin(StaffAdmin):
    """Sites, areas, units: removing hides an empty one, restoring brings it back."""

    actions = ("remove", "restore")

    def name_of(self, row: Any) -> str:
        """Its name with the customer's: many have a kitchen."""
        return f"{row.name} · {row.organization.name}"

    def short_name_of(self, row: Any) -> str:
        """Its name."""
        return str(row.name)

    @action(description="Remove (if nothing is in it)", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Hide."""
        now = timezone.now()
        self.carry_out(request, queryset, lambda row: provisioning.remove_place(place=row, at=now), done="Removed")

    @action(description="Restore", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Bring back."""
        self.carry_out(request, queryset, lambda row: provisioning.restore_place(place=row), done="Restored")

    @admin.display(description="State")
    def state(self, row: Site | Area | Unit | Gateway) -> SafeString:
        """In use or removed."""
        return label("in use" if row.deleted_at is None else "removed")


_ABOUT_PLACE = ("About the row", {"fields": (("id", moment("created_at"), moment("deleted_at", "Removed")),)})
_READ_ONLY = ("id", moment("created_at"), moment("deleted_at", "Removed"))


class SiteForm(OwnedForm):
    def clean_timezone(self) -> str:
        """A known zone."""
        return known_time_zone(self.cleaned_data["timezone"])


@admin.register(Site)
class SiteAdmin(PlaceAdmin):
    form = SiteForm
    entity = "site"
    fixed_fields = ("organization",)
    autocomplete_fields = ("organization",)
    list_display = ("name", linked("organization"), "kind", "timezone", "address", age("created_at", "Since"))
    list_filter = (
        hidden_by("deleted_at"),
        ("kind", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
    )
    list_select_related = ("organization",)
    search_fields = ("name", "address", "organization__name", "organization__slug")
    ordering = ("organization__name", "name", "pk")
    readonly_fields = _READ_ONLY
    fieldsets = ((None, {"fields": ("organization", "name", "timezone", "kind", "address")}), _ABOUT_PLACE)

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:
        """Another zone cuts other hours and days."""
        super().save_model(request, obj, form, change)
        if change:
            provisioning.set_clock(site=obj, before=form.initial["timezone"])


class AreaForm(OwnedForm):
    parent = "site"


@admin.register(Area)
class AreaAdmin(PlaceAdmin):
    form = AreaForm
    entity = "area"
    fixed_fields = ("site",)
    autocomplete_fields = ("site",)
    list_display = ("name", linked("site"), linked("organization"), age("created_at", "Since"))
    list_filter = (
        hidden_by("deleted_at"),
        ("organization", AutocompleteSelectFilter),
        ("site", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "site__organization")
    search_fields = ("name", "site__name", "organization__name", "organization__slug")
    ordering = ("organization__name", "site__name", "name", "pk")
    readonly_fields = _READ_ONLY
    fieldsets = ((None, {"fields": ("site", "name")}), _ABOUT_PLACE)

    def name_of(self, row: Any) -> str:
        """With its site."""
        return f"{row.name}, {row.site.name} · {row.organization.name}"


class UnitForm(OwnedForm):
    parent = "area"

    def clean(self) -> dict[str, Any]:
        """The site is the area's."""
        values = super().clean()
        if values.get("area") is not None:
            self.instance.site_id = values["area"].site_id
        return values


@admin.register(Unit)
class UnitAdmin(PlaceAdmin):
    form = UnitForm
    entity = "unit"
    # Moving between areas takes sensors along: the app does that.
    fixed_fields = ("area",)
    autocomplete_fields = ("area",)
    list_display = ("name", "worst", "kind", linked("site"), linked("organization"), "default_rules")
    list_filter = (
        hidden_by("deleted_at"),
        ("kind", ChoicesCheckboxFilter),
        ("default_rules", BooleanRadioFilter),
        ("organization", AutocompleteSelectFilter),
        ("site", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "area__organization", "area__site", "site__organization")
    search_fields = ("name", "site__name", "organization__name", "organization__slug")
    ordering = ("organization__name", "site__name", "name", "pk")
    readonly_fields = (*_READ_ONLY, "worst", linked("site"))
    fieldsets = (
        (None, {"fields": ("area", "name", "kind", "note", "default_rules")}),
        ("Now", {"fields": ("worst",)}),
        _ABOUT_PLACE,
    )

    def name_of(self, row: Any) -> str:
        """With its site."""
        return f"{row.name}, {row.site.name} · {row.organization.name}"

    @admin.display(description="Worst alert", ordering="severity")
    def worst(self, row: Unit) -> SafeString | str:
        """The severity that its tile shows."""
        return label(row.severity) if row.severity else "none"


@admin.register(Gateway)
class GatewayAdmin(PlaceAdmin):
    form = OwnedForm
    entity = "gateway"
    fixed_fields = ("organization", "serial")
    autocomplete_fields = ("organization", "site")
    list_display = ("serial", "name", "model", "firmware", linked("site"), linked("organization"))
    list_filter = (hidden_by("deleted_at"), ("organization", AutocompleteSelectFilter))
    list_select_related = ("organization", "site__organization")
    search_fields = ("serial", "name", "organization__name", "organization__slug")
    ordering = ("organization__name", "serial", "pk")
    readonly_fields = _READ_ONLY
    fieldsets = (
        (None, {"fields": ("organization", "serial", "name", "site", "model", "firmware")}),
        _ABOUT_PLACE,
    )

    def name_of(self, row: Any) -> str:
        """What people call it, with the customer's name."""
        return f"{self.short_name_of(row)} · {row.organization.name}"

    def short_name_of(self, row: Any) -> str:
        """Its name, or its serial."""
        return str(row.name or row.serial)

    @action(description="Remove", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Gateway]) -> None:
        """Hide: nothing hangs on a gateway."""
        now = timezone.now()
        self.carry_out(request, queryset.filter(deleted_at=None), lambda row: _hide(row, at=now), done="Removed")

    @action(description="Restore", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Gateway]) -> None:
        """Bring back."""
        self.carry_out(request, queryset, lambda row: _hide(row, at=None), done="Restored")


def _hide(gateway: Gateway, *, at: Any) -> None:
    gateway.deleted_at = at
    gateway.save(update_fields=["deleted_at"])


class SensorForm(OwnedForm):
    def clean_unit(self) -> Unit | None:
        """A sensor leaves a unit for another one, or for good."""
        unit: Unit | None = self.cleaned_data["unit"]
        if unit is None and self.instance.unit_id is not None:
            raise forms.ValidationError("Choose the unit it moves to, or retire the sensor.")
        return unit


@admin.register(Sensor)
class SensorAdmin(StaffAdmin):
    form = SensorForm
    entity = "sensor"
    # A probe keeps its serial: readings hang on it.
    fixed_fields = ("organization", "serial", "channel")
    autocomplete_fields = ("organization", "unit")
    list_display = (
        "short_name_of",
        labelled("status"),
        "newest",
        age("last_reading_at", "Last reading"),
        "battery_percent",
        linked("unit"),
        linked("site"),
        linked("organization"),
    )
    list_filter = (
        hidden_by("retired_at", in_use="In service", hidden="Retired", unless="status__exact"),
        ("status", ChoicesCheckboxFilter),
        ("organization", AutocompleteSelectFilter),
        ("unit", AutocompleteSelectFilter),
    )
    list_select_related = ("organization", "unit__site", "unit__organization", "site__organization")
    search_fields = ("serial", "name", "public_id", "unit__name", "organization__name", "organization__slug")
    search_help_text = "Serial, name, public id, unit or customer"
    ordering = ("organization__name", "serial", "channel", "pk")
    readonly_fields = (
        "public_id",
        "id",
        labelled("status"),
        "newest",
        "battery_percent",
        "signal_dbm",
        "door_open",
        age("last_reading_at", "Last reading"),
        age("last_received_at", "Last received"),
        linked("site"),
        moment("claimed_at"),
        moment("retired_at"),
        moment("created_at"),
    )
    fieldsets = (
        (
            None,
            {"fields": ("organization", ("serial", "channel"), "name", "model", "unit", "expected_interval_s")},
        ),
        (
            "Now",
            {
                "fields": (
                    (
                        labelled("status"),
                        age("last_reading_at", "Last reading"),
                        age("last_received_at", "Last received"),
                    ),
                    ("newest", "battery_percent", "signal_dbm", "door_open"),
                )
            },
        ),
        (
            "About the row",
            {
                "fields": (
                    ("public_id", "id"),
                    (moment("claimed_at"), moment("retired_at"), moment("created_at")),
                )
            },
        ),
    )
    change_form_outer_after_template = "admin/sensors/sensor/readings.html"
    actions = ("retire", "bring_back")

    def name_of(self, row: Any) -> str:
        """Serial and channel with the customer's name."""
        return f"{self.short_name_of(row)} · {row.organization.name}"

    @admin.display(description="Probe", ordering="serial")
    def short_name_of(self, row: Any) -> str:
        """Serial and channel."""
        return f"{row.serial}/{row.channel}"

    def entity_id(self, row: Sensor) -> str:
        """The change log names sensors by their public id."""
        return str(row.public_id)

    @admin.display(description="Newest values")
    def newest(self, row: Sensor) -> str:
        """Temperature and humidity."""
        parts = [number(row.temperature, "°C"), number(row.humidity, "%")]
        return ", ".join(part for part in parts if part != "–") or "–"

    @admin.display(description="Battery", ordering="battery")
    def battery_percent(self, row: Sensor) -> str:
        """In percent."""
        return number(row.battery, "%")

    @admin.display(description="Signal")
    def signal_dbm(self, row: Sensor) -> str:
        """In dBm."""
        return number(row.signal, "dBm")

    def save_model(self, request: HttpRequest, obj: Sensor, form: Any, change: bool) -> None:
        """Adding registers, another unit is a move: both are provisioning's."""
        now = timezone.now()
        if not change:
            made = provisioning.register(
                organization=obj.organization,
                serial=obj.serial,
                channel=obj.channel,
                unit=obj.unit,
                name=obj.name,
                model=obj.model,
                expected_interval_s=obj.expected_interval_s,
                at=now,
            )
            obj.pk, obj.public_id = made.pk, made.public_id
            obj._state.adding = False
            return
        changed = [name for name in form.changed_data if name != "unit"]
        if changed:
            obj.save(update_fields=changed)
        if "unit" in form.changed_data and obj.unit is not None:
            provisioning.claim(sensor=obj, unit=obj.unit, at=now)

    @action(description="Retire", permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Sensor]) -> None:
        """Out of service; readings stay."""
        now = timezone.now()
        self.carry_out(request, queryset, lambda row: provisioning.retire(sensor=row, at=now), done="Retired")

    @action(description="Bring back", permissions=["change"])
    def bring_back(self, request: HttpRequest, queryset: QuerySet[Sensor]) -> None:
        """Into service again."""
        now = timezone.now()
        retired = queryset.exclude(retired_at=None)
        self.carry_out(request, retired, lambda row: provisioning.bring_back(sensor=row, at=now), done="Brought back")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """With the newest readings, which have a composite key and so no admin page of their own."""
        if kwargs.get("obj") is not None:
            context["readings"] = newest_readings(kwargs["obj"])
        return super().render_change_form(request, context, **kwargs)


def newest_readings(sensor: Sensor) -> dict[str, list[Any]]:
    """The newest readings of a sensor as a table of the theme."""
    readings = Reading.objects.filter(sensor=sensor).order_by("-recorded_at")[:NEWEST_READINGS]
    doors = {None: "–", 0: "closed", 1: "open"}
    return {
        "headers": ["Recorded (UTC)", "Received after", "Temperature", "Humidity", "Battery", "Signal", "Door"],
        "rows": [
            [
                at(reading.recorded_at),
                duration(timedelta(seconds=reading.delay_s)),
                number(reading.temperature, "°C"),
                number(reading.humidity, "%"),
                number(reading.battery, "%"),
                number(reading.signal, "dBm"),
                doors.get(reading.door, "–"),
            ]
            for reading in readings
        ],
    }
