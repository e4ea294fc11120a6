"""/me/notification-preferences/: by which channels the signed-in person hears of what, and when not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications import preferences
from notifications.preferences import Wish
from notifications.serializers.preferences import PreferencesSerializer
from organizations.models import Organization, User
from organizations.tenancy import Origin, acting_as_system


class Preferences(APIView):
    """The person's own, for all organizations at once. What isn't named: by e-mail."""

    @extend_schema(responses=PreferencesSerializer, operation_id="me_notification_preferences")
    def get(self, request: Request) -> Response:
        """What was chosen."""
        me = cast("User", request.user)
        with acting_as_system("own account", by=me):
            return Response(_shape(me, at=timezone.now()))

    @extend_schema(
        request=PreferencesSerializer,
        responses=PreferencesSerializer,
        operation_id="me_notification_preferences_replace",
    )
    def put(self, request: Request) -> Response:
        """This and nothing else from now on."""
        me, at = cast("User", request.user), timezone.now()
        wanted = PreferencesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        origin = Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")
        with acting_as_system("own account", by=me, origin=origin):
            wishes = _wishes(me, wanted.validated_data["preferences"])
            preferences.replace(user=me, wishes=wishes, quiet=wanted.quiet, away=wanted.absence)
            return Response(_shape(me, at=at))


def _wishes(user: User, given: list[dict[str, Any]]) -> list[Wish]:
    """Raises ValidationError for an organization that isn't the person's."""
    slugs = {wish["org"] for wish in given if "\0" not in wish["org"]}
    homes = {home.slug: home for home in Organization.objects.of_member(user).filter(slug__in=slugs)}
    for number, wish in enumerate(given):
        if wish["org"] not in homes:
            words = "You have no organization with this name."
            raise ValidationError({"preferences": {str(number): {"org": [words]}}})
    return [Wish(homes[wish["org"]], wish["severity"], tuple(wish["channels"])) for wish in given]


def _shape(user: User, *, at: datetime) -> dict[str, Any]:
    rest = preferences.rest_of(user)
    hours, away = preferences.quiet_hours(rest), preferences.absence(rest, at=at)
    return dict(
        PreferencesSerializer(
            {
                "preferences": [
                    {"org": wish.organization.slug, "severity": wish.severity, "channels": wish.channels}
                    for wish in preferences.wishes_of(user)
                ],
                "quiet_hours": hours and hours._asdict(),
                "away": away and away._asdict(),
                "time_zone": user.time_zone,
                "available": list(settings.CHANNELS),
                "warnings": preferences.warnings(user=user, at=at),
            }
        ).data
    )
