"""Shapes of on-call schedules, what differs from them, and who is on duty."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers

from alerts.models import OnCallFeed, OnCallOverride, OnCallSchedule, ShiftSwap
from alerts.oncall import calendars, looking
from organizations.models import Membership, User
from organizations.names import NameField, TextField, ZoneField
from organizations.related import OwnedField, must_be_placed
from sensors.models import Site

_MOST_LAYERS: Final = 10
_MOST_PEOPLE: Final = 50
_MOST_SHIFTS: Final = 200
_MOST_HOLIDAYS: Final = 400
# Rotations are counted from their beginning: centuries back would be dates that no zone knows.
_FIRST_DAY: Final = date(2000, 1, 1)


class PersonField(serializers.UUIDField):
    """The user id of somebody who works here and whom the member may see."""

    def to_internal_value(self, data: Any) -> Any:
        """Kept as text: it goes into JSON. The serializer of the whole checks all of them with one statement."""
        return str(super().to_internal_value(data))


class ClockField(serializers.CharField):
    """HH:MM of a wall clock. "24:00" only where it ends something."""

    def __init__(self, *, midnight: bool = False, **kwargs: Any) -> None:
        self._midnight = midnight
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Raises ValidationError for what no clock shows."""
        text = super().to_internal_value(data)
        if self._midnight and text == "24:00":
            return text
        try:
            if not re.fullmatch(r"[0-2][0-9]:[0-5][0-9]", text):
                raise ValueError
            time.fromisoformat(text)
        except ValueError:
            raise serializers.ValidationError("Not a time of day. Use HH:MM, such as 08:00.") from None
        return text


class DayField(serializers.DateField):
    """A day from 2000 on, kept as text."""

    def to_internal_value(self, value: Any) -> Any:
        """Raises ValidationError for days long ago."""
        day = super().to_internal_value(value)
        if day < _FIRST_DAY:
            raise serializers.ValidationError(f"Not before {_FIRST_DAY.isoformat()}.")
        return day.isoformat()

    def to_representation(self, value: Any) -> Any:
        """Already text."""
        return value


class HoursSerializer(serializers.Serializer[Any]):
    day = serializers.IntegerField(min_value=0, max_value=6, help_text="0 is Monday.")
    begin = ClockField()
    end = ClockField(midnight=True, help_text="Not after `begin`: the next day.")


class ShiftSerializer(HoursSerializer):
    week = serializers.IntegerField(min_value=0, max_value=51, default=0, help_text="In the cycle, from 0.")
    person = PersonField()


class LayerSerializer(serializers.Serializer[Any]):
    """Daily and weekly: people in turn, `every` days or weeks, from `starts_on` at `handover`. Custom: `shifts`."""

    name = NameField()
    rotation = serializers.ChoiceField(choices=[("daily", "Daily"), ("weekly", "Weekly"), ("custom", "Custom shifts")])
    starts_on = DayField()
    ends_on = DayField(required=False, allow_null=True, default=None, help_text="The last day.")
    people = serializers.ListField(child=PersonField(), required=False, default=list, max_length=_MOST_PEOPLE)
    every = serializers.IntegerField(min_value=1, max_value=52, default=1)
    handover = ClockField(default="08:00")
    hours = HoursSerializer(many=True, required=False, default=list, help_text="Only in these; none: round the clock.")
    weeks = serializers.IntegerField(min_value=1, max_value=52, default=1, help_text="How long the cycle of shifts is.")
    shifts = ShiftSerializer(many=True, required=False, default=list)
    off_on_holidays = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What belongs to the kind of rotation, and nothing that would never come."""
        if attrs["rotation"] == "custom":
            if not attrs["shifts"]:
                raise serializers.ValidationError({"shifts": ["Give at least one shift."]})
            if len(attrs["shifts"]) > _MOST_SHIFTS:
                raise serializers.ValidationError({"shifts": [f"At most {_MOST_SHIFTS}."]})
            if any(shift["week"] >= attrs["weeks"] for shift in attrs["shifts"]):
                raise serializers.ValidationError({"shifts": ["A shift's week must lie within `weeks`, from 0."]})
        elif not attrs["people"]:
            raise serializers.ValidationError({"people": ["Give at least one person."]})
        if attrs["ends_on"] is not None and attrs["ends_on"] < attrs["starts_on"]:
            raise serializers.ValidationError({"ends_on": ["It must not end before it starts."]})
        return attrs


class HolidaySerializer(serializers.Serializer[Any]):
    """With a person: that person's, whatever the layers say. Layers with `off_on_holidays` rest."""

    day = DayField()
    name = NameField()
    person = PersonField(required=False, allow_null=True, default=None)


class RotationsSerializer(serializers.Serializer[Any]):
    """What says who is on duty: a part of a schedule, and all of a draft that is looked at."""

    time_zone = ZoneField()
    layers = LayerSerializer(  # type: ignore[call-arg] # max_length is the list's
        many=True, required=False, default=list, max_length=_MOST_LAYERS, help_text="Later ones go before earlier ones."
    )
    holidays = HolidaySerializer(  # type: ignore[call-arg]
        many=True, required=False, default=list, max_length=_MOST_HOLIDAYS
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Everybody named works here."""
        attrs = super().validate(attrs)
        named = {person for layer in attrs.get("layers", ()) for person in layer["people"]}
        named |= {shift["person"] for layer in attrs.get("layers", ()) for shift in layer["shifts"]}
        named |= {holiday["person"] for holiday in attrs.get("holidays", ()) if holiday["person"]}
        _must_work_here(named, membership=self.context["membership"], field="layers")
        return attrs


class OnCallScheduleSerializer(RotationsSerializer, serializers.ModelSerializer[OnCallSchedule]):
    name = NameField()
    site = OwnedField(queryset=Site.objects.all(), required=False, allow_null=True)

    class Meta:
        model = OnCallSchedule
        fields = ["id", "name", "time_zone", "site", "layers", "holidays", "created_at"]
        read_only_fields = ["created_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Who is restricted to some sites makes schedules of these."""
        attrs = super().validate(attrs)
        if self.instance is None or "site" in attrs:
            must_be_placed(attrs.get("site"), membership=self.context["membership"], field="site")
        return attrs


class SpanSerializer(serializers.Serializer[Any]):
    """From when to when."""

    starts_at = serializers.DateTimeField(required=False, help_text="Now, unless said otherwise.")
    ends_at = serializers.DateTimeField(required=False, help_text="Two weeks later, unless said otherwise.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At most a hundred days."""
        attrs = super().validate(attrs)
        begin = attrs.setdefault("starts_at", timezone.now())
        end = attrs.setdefault("ends_at", begin + looking.USUAL)
        if end <= begin:
            raise serializers.ValidationError({"ends_at": ["It must end after it begins."]})
        if end - begin > looking.LONGEST:
            raise serializers.ValidationError({"ends_at": [f"At most {looking.LONGEST.days} days."]})
        return attrs


class DraftSerializer(SpanSerializer, RotationsSerializer):
    """A schedule that isn't kept."""


class ShownShiftSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    user = serializers.UUIDField(allow_null=True, help_text="Null: nobody.")
    name = serializers.CharField()
    left = serializers.BooleanField(help_text="This person doesn't work here any more: nobody is reached.")
    source = serializers.ChoiceField(  # type: ignore[assignment] # declared fields leave the class
        choices=["layer", "holiday", "override", "gap"]
    )
    label = serializers.CharField(help_text="The layer's or holiday's name.")  # type: ignore[assignment]
    override = serializers.UUIDField(allow_null=True)


class ShownLayerSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    results = ShownShiftSerializer(many=True)


class RotaSerializer(serializers.Serializer[Any]):
    """Who is on duty, without holes: where nobody is there is a gap."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    results = ShownShiftSerializer(many=True)
    gaps = ShownShiftSerializer(many=True)
    layers = ShownLayerSerializer(many=True)


class OnDutySerializer(serializers.Serializer[Any]):
    schedule = serializers.UUIDField()
    schedule_name = serializers.CharField()
    now = ShownShiftSerializer()
    next = ShownShiftSerializer(allow_null=True)


class OnDutyListSerializer(serializers.Serializer[Any]):
    results = OnDutySerializer(many=True)


class OnCallOverrideSerializer(serializers.ModelSerializer[OnCallOverride]):
    schedule = OwnedField(queryset=OnCallSchedule.objects.all())
    user = serializers.UUIDField(source="user_id")
    user_name = serializers.CharField(source="user.get_full_name", read_only=True)
    reason = TextField(required=False, allow_blank=True, max_length=300, default="")

    class Meta:
        model = OnCallOverride
        fields = [
            "id",
            "schedule",
            "user",
            "user_name",
            "starts_at",
            "ends_at",
            "reason",
            "source",
            "created_by",
            "created_at",
        ]
        read_only_fields = ["source", "created_by", "created_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Somebody who works here, for a time that isn't over."""
        if "user_id" in attrs:
            _must_work_here({str(attrs["user_id"])}, membership=self.context["membership"], field="user")
        begin = attrs.get("starts_at", getattr(self.instance, "starts_at", None))
        end = attrs.get("ends_at", getattr(self.instance, "ends_at", None))
        if begin is not None and end is not None:
            if end <= begin:
                raise serializers.ValidationError({"ends_at": ["It must end after it begins."]})
            if end <= timezone.now():
                raise serializers.ValidationError({"ends_at": ["It must end in the future."]})
            if end - begin > looking.LONGEST:
                raise serializers.ValidationError({"ends_at": [f"At most {looking.LONGEST.days} days."]})
        return attrs


class ShiftSwapSerializer(serializers.ModelSerializer[ShiftSwap]):
    schedule_name = serializers.CharField(source="schedule.name", read_only=True)
    offered_by_name = serializers.CharField(source="offered_by.get_full_name", read_only=True)
    taken_by_name = serializers.CharField(source="taken_by.get_full_name", read_only=True)

    class Meta:
        model = ShiftSwap
        fields = [
            "id",
            "schedule",
            "schedule_name",
            "offered_by",
            "offered_by_name",
            "taken_by",
            "taken_by_name",
            "starts_at",
            "ends_at",
            "return_starts_at",
            "return_ends_at",
            "note",
            "status",
            "decided_at",
            "created_at",
        ]
        read_only_fields = fields


class OfferSerializer(serializers.Serializer[Any]):
    """Your own duty, offered to a colleague; perhaps for some of theirs in return."""

    schedule = OwnedField(queryset=OnCallSchedule.objects.select_related("organization"))
    to = serializers.UUIDField(help_text="The colleague's user id.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    return_starts_at = serializers.DateTimeField(required=False, allow_null=True)
    return_ends_at = serializers.DateTimeField(required=False, allow_null=True)
    note = TextField(required=False, allow_blank=True, max_length=300, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A colleague who works here; a time in return has a beginning and an end."""
        _must_work_here({str(attrs["to"])}, membership=self.context["membership"], field="to")
        if (attrs.get("return_starts_at") is None) != (attrs.get("return_ends_at") is None):
            raise serializers.ValidationError({"return_ends_at": ["Give both, or neither."]})
        attrs["to"] = User.objects.get(pk=attrs["to"])
        return attrs


class OnCallFeedSerializer(serializers.ModelSerializer[OnCallFeed]):
    schedule = OwnedField(queryset=OnCallSchedule.objects.select_related("organization"))
    schedule_name = serializers.CharField(source="schedule.name", read_only=True)
    address = serializers.SerializerMethodField(help_text="Only in the answer that creates it; empty afterwards.")

    class Meta:
        model = OnCallFeed
        fields = ["id", "schedule", "schedule_name", "only_mine", "prefix", "address", "created_at", "last_used_at"]
        read_only_fields = ["prefix", "created_at", "last_used_at"]

    def get_address(self, feed: OnCallFeed) -> str:
        """The secret, once."""
        return str(self.context.get("address", ""))


class ImportSerializer(serializers.Serializer[Any]):
    calendar = serializers.CharField(
        trim_whitespace=False, max_length=calendars.MOST_BYTES, help_text="An iCalendar file's text."
    )
    people = serializers.DictField(
        child=serializers.UUIDField(),
        required=False,
        default=dict,
        help_text="Whose events are, by their summary or an address in them: user ids.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would happen.")

    def validate_people(self, people: dict[str, Any]) -> dict[str, Any]:
        """Everybody works here."""
        _must_work_here({str(one) for one in people.values()}, membership=self.context["membership"], field="people")
        return people


class UnmatchedSerializer(serializers.Serializer[Any]):
    summary = serializers.CharField()
    emails = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField()


class ImportedSerializer(serializers.Serializer[Any]):
    imported = serializers.IntegerField()
    replaced = serializers.IntegerField(help_text="Of the import before.")
    unmatched = UnmatchedSerializer(many=True, help_text="Events of nobody who works here: left out.")


def _must_work_here(people: set[str], *, membership: Membership, field: str) -> None:
    if not people:
        return
    ids = [UUID(person) for person in people]
    members = Membership.objects.for_member(membership).current().filter(user__in=ids, user__is_active=True)
    missing = people - {str(user) for user in members.values_list("user_id", flat=True)}
    if missing:
        words = [f"Nobody with the id {one} works here." for one in sorted(missing)]
        raise serializers.ValidationError({field: words})
