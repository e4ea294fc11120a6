"""Shapes of escalation policies, and of what they would do."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers

from alerts.escalation import plans
from alerts.models import EscalationPolicy, OnCallSchedule, Severity
from notifications.models import ContactKind
from organizations.models import Membership, Role
from organizations.names import NameField
from organizations.related import OwnedField, must_be_placed
from sensors.models import Site, Unit, UnitKind

_SCOPES: Final = ("site", "unit", "unit_kind")
_ONE_SCOPE: Final = "Give at most one of site, unit, unit_kind."
_ONE_TARGET: Final = "Give one of person, role, schedule."


class PolicyScopeSerializer(serializers.Serializer[Any]):
    """At most one of them; none is the whole organization."""

    site = OwnedField(queryset=Site.objects.all(), required=False)
    unit = OwnedField(queryset=Unit.objects.all(), required=False)
    unit_kind = serializers.ChoiceField(choices=UnitKind.choices, required=False)

    def to_internal_value(self, data: Any) -> Any:
        """A misspelt scope must not become the whole organization."""
        if isinstance(data, dict) and (len(data) > 1 or not set(data) <= set(_SCOPES)):
            raise serializers.ValidationError(_ONE_SCOPE)
        return super().to_internal_value(data)

    def to_representation(self, instance: EscalationPolicy) -> dict[str, str]:
        """Only the one that is set."""
        columns = {"site": instance.site_id, "unit": instance.unit_id, "unit_kind": instance.unit_kind}
        return {name: str(value) for name, value in columns.items() if value}


class TargetSerializer(serializers.Serializer[Any]):
    """One of: a person (id of the user), a role and those above it, whoever is on duty in an on-call schedule."""

    person = serializers.UUIDField(required=False)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    schedule = serializers.UUIDField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """A misspelt target must not become nobody."""
        if isinstance(data, dict) and (len(data) != 1 or not set(data) <= set(self.fields)):
            raise serializers.ValidationError(_ONE_TARGET)
        return super().to_internal_value(data)

    def to_representation(self, instance: Any) -> dict[str, str]:
        """Only the one that is set."""
        return {name: str(value) for name, value in dict(instance).items() if value}


class StepSerializer(serializers.Serializer[Any]):
    wait_s = serializers.IntegerField(
        min_value=0,
        max_value=plans.LONGEST_WAIT_S,
        default=0,
        help_text="Seconds after the step before; of the first, after the alert opened.",
    )
    targets = TargetSerializer(  # type: ignore[call-arg] # max_length is the list's
        many=True, allow_empty=False, max_length=plans.MOST_TARGETS
    )
    urgent = serializers.BooleanField(default=False, help_text="Quiet hours don't hold it back.")


class StepsSerializer(serializers.Serializer[Any]):
    """What a policy does: a part of it, and all of a draft that is rehearsed."""

    steps = StepSerializer(many=True, allow_empty=False, max_length=plans.MOST_STEPS)  # type: ignore[call-arg]
    repeat_s = serializers.IntegerField(
        min_value=plans.SHORTEST_REPEAT_S,
        max_value=plans.LONGEST_WAIT_S,
        default=1800,
        help_text="Seconds from the last step to the first, as long as nobody answers.",
    )

    def validate_steps(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """People and schedules that there are, and that the member may see."""
        membership = self.context["membership"]
        targets = [target for step in steps for target in step["targets"]]
        people = {target["person"] for target in targets if "person" in target}
        schedules = {target["schedule"] for target in targets if "schedule" in target}
        members = Membership.objects.for_member(membership).current().filter(user__in=people)
        _must_be_there(people, members.values_list("user_id", flat=True), "person who works here")
        rows = OnCallSchedule.objects.for_member(membership).alive().filter(pk__in=schedules)
        _must_be_there(schedules, rows.values_list("pk", flat=True), "on-call schedule")
        return [{**step, "targets": [_as_text(target) for target in step["targets"]]} for step in steps]


class EscalationPolicySerializer(StepsSerializer, serializers.ModelSerializer[EscalationPolicy]):
    name = NameField()
    scope = PolicyScopeSerializer(source="*", required=False)
    severity = serializers.ChoiceField(
        choices=Severity.choices,
        required=False,
        allow_blank=True,
        help_text="Which alerts it is for; empty: warnings and critical ones.",
    )

    class Meta:
        model = EscalationPolicy
        fields = [
            "id",
            "name",
            "scope",
            "severity",
            "hours",
            "steps",
            "repeat_s",
            "enabled",
            "is_default",
            "created_at",
        ]
        read_only_fields = ["is_default", "created_at"]

    def validate_severity(self, severity: str) -> str:
        """Of what is only information nobody is told."""
        return _must_concern_somebody(severity)

    def to_internal_value(self, data: Any) -> Any:
        """`scope` is spread over the row's columns; giving it replaces the whole scope."""
        values = super().to_internal_value(data)
        if isinstance(data, dict) and "scope" in data:
            blank = {"site": None, "unit": None, "unit_kind": ""}
            values = {**values, **{name: values.get(name, empty) for name, empty in blank.items()}}
        return values

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Who is restricted to some sites makes policies of these."""
        if self.instance is None or "site" in attrs:
            place = attrs.get("site") or attrs.get("unit")
            must_be_placed(place, membership=self.context["membership"], field="scope")
        return attrs


class DryRunSerializer(serializers.Serializer[Any]):
    """An alert that might open: where, how bad, when; and a draft to try instead of the policies there are."""

    site = OwnedField(queryset=Site.objects.all(), required=False)
    unit = OwnedField(queryset=Unit.objects.select_related("site"), required=False)
    severity = serializers.ChoiceField(
        choices=Severity.choices, default=Severity.CRITICAL.value, help_text="Of information nobody is told."
    )
    at = serializers.DateTimeField(required=False, help_text="Now, unless said otherwise.")
    policy = StepsSerializer(required=False)

    def validate_severity(self, severity: str) -> str:
        """Of what is only information nobody is told."""
        return _must_concern_somebody(severity)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A unit says its site; who is restricted asks about their sites."""
        if "site" in attrs and "unit" in attrs:
            raise serializers.ValidationError({"site": ["Give a unit or a site, not both."]})
        place = attrs.get("site") or attrs.get("unit")
        must_be_placed(place, membership=self.context["membership"], field="site")
        attrs.setdefault("at", timezone.now())
        return attrs


class RehearsedChannelSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ContactKind.choices)
    to = serializers.CharField(help_text="Masked, unless it is your own.")
    at = serializers.DateTimeField(help_text="When it would be sent: later in quiet hours.")
    why = serializers.CharField()


class RehearsedPersonSerializer(serializers.Serializer[Any]):
    user = serializers.UUIDField()
    name = serializers.CharField()
    why = serializers.CharField(help_text="As what: by role, by name, on duty.")
    told = serializers.BooleanField(help_text="Something would be sent, be it later.")
    channels = RehearsedChannelSerializer(many=True)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why not, or not by other channels.")


class RehearsedStepSerializer(serializers.Serializer[Any]):
    step = serializers.IntegerField(help_text="From 1.")
    of = serializers.IntegerField()
    round = serializers.IntegerField(help_text="From 1.")
    at = serializers.DateTimeField()
    urgent = serializers.BooleanField()
    people = RehearsedPersonSerializer(many=True, help_text="Nobody: it is passed over at once.")


class RehearsalSerializer(serializers.Serializer[Any]):
    """To the end of the round, and the first step of the next."""

    policy = serializers.UUIDField(allow_null=True, help_text="Null: a draft, or none holds.")
    policy_name = serializers.CharField()
    why = serializers.CharField(help_text="Why this policy.")
    state = serializers.ChoiceField(
        choices=["running", "answered", "snoozed", "muted", "quiet", "resolved"],
        help_text="Of an alert: what it waits for. Quiet: something else covers it.",
    )
    next_at = serializers.DateTimeField(allow_null=True)
    results = RehearsedStepSerializer(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


def _must_be_there(wanted: set[UUID], known: Any, what: str) -> None:
    missing = wanted - set(known) if wanted else set()
    if missing:
        raise serializers.ValidationError(
            [f"There is no {what} with the id {one}." for one in sorted(missing, key=str)]
        )


def _must_concern_somebody(severity: str) -> str:
    if severity == Severity.INFO:
        raise serializers.ValidationError("Nobody is told of what is only information.")
    return severity


def _as_text(target: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in target.items()}
