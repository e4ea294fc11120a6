"""On-call schedules over HTTP: who is on duty when, what differs from it, swaps, calendars."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, permissions, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from alerts.models import OnCallFeed, OnCallOverride, OnCallSchedule, ShiftSwap
from alerts.oncall import duty, feeds, importing, looking, rota, swaps
from alerts.serializers import oncall as shapes
from freshtrack.errors import DomainError, OutsideYourSites
from notifications.views.links import too_fast, wait_of
from organizations.accounts import limits
from organizations.scoped_views import OrganizationScoped
from organizations.searching import FilterSet, IdsFilter, MomentFilter, TrueOrFalseFilter
from organizations.tenancy import Origin, acting_as_system


class OverrideIsOver(DomainError):
    """What was is the record of who was on duty."""

    code = "override_is_over"


class ScheduleFilter(FilterSet):
    site = IdsFilter(field_name="site")

    class Meta:
        model = OnCallSchedule
        fields = ["site"]


class _OfSchedules(OrganizationScoped):
    """Schedules, and rows of them: restricted members leave alone what belongs to every site."""

    def schedule_of(self, row: Any) -> OnCallSchedule:
        """Which one it is, or is of."""
        schedule: OnCallSchedule = row if isinstance(row, OnCallSchedule) else row.schedule
        return schedule

    def must_be_yours(self, schedule: OnCallSchedule) -> None:
        """Raises OutsideYourSites for one of every site, if the member is restricted to some."""
        if self.membership.site_ids is not None and schedule.site_id is None:
            raise OutsideYourSites("This schedule is for every site, and you are restricted to some.")


class OnCallSchedules(_OfSchedules, viewsets.ModelViewSet[OnCallSchedule]):
    """Who is on duty when."""

    may = {
        "list": "oncall.view",
        "retrieve": "oncall.view",
        "create": "oncall.change",
        "update": "oncall.change",
        "partial_update": "oncall.change",
        "destroy": "oncall.change",
        "final": "oncall.view",
        "on_duty": "oncall.view",
        "preview": "oncall.change",
        "import_calendar": "oncall.change",
    }
    queryset = OnCallSchedule.objects.alive().order_by("name", "pk")
    serializer_class = shapes.OnCallScheduleSerializer
    filterset_class = ScheduleFilter
    ordering_fields = {"name": "name", "created_at": "created_at"}

    def perform_create(self, serializer: BaseSerializer[OnCallSchedule]) -> None:
        """The organization is that of the URL."""
        serializer.save(organization=self.organization)

    def check_object_permissions(self, request: Request, obj: OnCallSchedule) -> None:
        """Restricted members see the schedules of every site, and leave them as they are."""
        super().check_object_permissions(request, obj)
        if request.method not in permissions.SAFE_METHODS:
            self.must_be_yours(obj)

    def perform_destroy(self, instance: OnCallSchedule) -> None:
        """Hides it. Policies that name it pass it over: coverage says so."""
        instance.deleted_at = timezone.now()
        instance.save(update_fields=["deleted_at"])

    @extend_schema(parameters=[shapes.SpanSerializer], responses=shapes.RotaSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def final(self, request: Request, **kwargs: Any) -> Response:
        """Who is on duty from `starts_at` to `ends_at`: layers, holidays, overrides and swaps together."""
        asked = shapes.SpanSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        begin, end = asked.validated_data["starts_at"], asked.validated_data["ends_at"]
        schedule = duty.of_schedule(self.get_object(), begin=begin, end=end)
        found = looking.final(schedule, organization=self.organization, begin=begin, end=end)
        return Response(shapes.RotaSerializer(found).data)

    @extend_schema(responses=shapes.OnDutyListSerializer)
    @action(detail=False, methods=["get"], url_path="on-duty", pagination_class=None)
    def on_duty(self, request: Request, **kwargs: Any) -> Response:
        """Who has the duty of each schedule now, and who after that."""
        rows = list(self.filter_queryset(self.get_queryset())[: looking.MOST_AT_ONCE])
        found = looking.on_duty(rows, organization=self.organization, at=timezone.now())
        return Response(shapes.OnDutyListSerializer({"results": found}).data)

    @extend_schema(request=shapes.DraftSerializer, responses=shapes.RotaSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """What a draft would give. Nothing is kept."""
        draft = shapes.DraftSerializer(data=request.data, context=self.get_serializer_context())
        draft.is_valid(raise_exception=True)
        wanted = draft.validated_data
        schedule = rota.Schedule(
            zone=wanted["time_zone"],
            layers=duty.layers_of(wanted["layers"]),
            holidays=duty.holidays_of(wanted["holidays"]),
        )
        found = looking.final(
            schedule, organization=self.organization, begin=wanted["starts_at"], end=wanted["ends_at"]
        )
        return Response(shapes.RotaSerializer(found).data)

    @extend_schema(request=shapes.ImportSerializer, responses=shapes.ImportedSerializer, filters=False)
    @action(detail=True, methods=["post"], url_path="import", pagination_class=None)
    def import_calendar(self, request: Request, **kwargs: Any) -> Response:
        """Take over the duties of an iCalendar, in place of those of the import before."""
        schedule = self.get_object()
        wanted = shapes.ImportSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        found = importing.take_over(
            schedule=schedule,
            calendar=wanted.validated_data["calendar"].encode(),
            people=wanted.validated_data["people"],
            by=self.person,
            at=timezone.now(),
            only_look=wanted.validated_data["dry_run"],
        )
        return Response(shapes.ImportedSerializer(found).data)


class OverrideFilter(FilterSet):
    schedule = IdsFilter(field_name="schedule")
    active = TrueOrFalseFilter(method="by_active")
    ends_after = MomentFilter(field_name="ends_at", lookup_expr="gt")

    class Meta:
        model = OnCallOverride
        fields = ["schedule", "user", "source", "active", "ends_after"]

    def by_active(self, queryset: QuerySet[OnCallOverride], name: str, value: bool) -> QuerySet[OnCallOverride]:
        """Those that hold now, or those that don't (yet, or any more)."""
        now = timezone.now()
        holding = Q(starts_at__lte=now, ends_at__gt=now)
        return queryset.filter(holding if value else ~holding)


class OnCallOverrides(
    _OfSchedules,
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[OnCallOverride],
):
    """Somebody has the duty for a time, whatever the rotation says. Of several the one made last."""

    may = {
        "list": "oncall.view",
        "retrieve": "oncall.view",
        "create": "oncall.change",
        "partial_update": "oncall.change",
        "destroy": "oncall.change",
    }
    queryset = (
        OnCallOverride.objects.filter(schedule__deleted_at=None)
        .select_related("schedule", "user")
        .order_by("-ends_at", "-pk")
    )
    serializer_class = shapes.OnCallOverrideSerializer
    filterset_class = OverrideFilter
    ordering_fields = {"starts_at": "starts_at", "ends_at": "ends_at", "created_at": "created_at"}

    def check_object_permissions(self, request: Request, obj: OnCallOverride) -> None:
        """Restricted members leave those of every site as they are."""
        super().check_object_permissions(request, obj)
        if request.method not in permissions.SAFE_METHODS:
            self.must_be_yours(obj.schedule)

    def perform_create(self, serializer: BaseSerializer[OnCallOverride]) -> None:
        """Who made it stays with it."""
        self.must_be_yours(serializer.validated_data["schedule"])
        serializer.save(organization=self.organization, created_by=self.person)

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Another person or time. 409 `override_is_over` once it is."""
        row = self.get_object()
        if row.ends_at <= timezone.now():
            raise OverrideIsOver("This is over. Make a new one.")
        wanted = self.get_serializer(row, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        self.must_be_yours(wanted.validated_data.get("schedule", row.schedule))
        wanted.save()
        return Response(self.get_serializer(self.get_queryset().get(pk=row.pk)).data)

    def perform_destroy(self, instance: OnCallOverride) -> None:
        """One that is running ends now; one that is to come never will be; one that is over stays."""
        now = timezone.now()
        if instance.ends_at <= now:
            raise OverrideIsOver("This is over: it is the record of who was on duty.")
        if instance.starts_at < now:
            instance.ends_at = now
            instance.save(update_fields=["ends_at"])
        else:
            instance.delete()


class SwapFilter(FilterSet):
    schedule = IdsFilter(field_name="schedule")
    mine = TrueOrFalseFilter(method="by_mine")

    class Meta:
        model = ShiftSwap
        fields = ["schedule", "status", "mine"]

    def by_mine(self, queryset: QuerySet[ShiftSwap], name: str, value: bool) -> QuerySet[ShiftSwap]:
        """Those that you offer or are offered, or those of others."""
        mine = Q(offered_by=self.request.user.pk) | Q(taken_by=self.request.user.pk)
        return queryset.filter(mine if value else ~mine)


class ShiftSwaps(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ShiftSwap],
):
    """Duties that somebody asks another to take. They change hands once that person agrees."""

    may = {
        "list": "oncall.view",
        "retrieve": "oncall.view",
        "create": "oncall.swap",
        "accept": "oncall.swap",
        "decline": "oncall.swap",
        "withdraw": "oncall.swap",
    }
    queryset = (
        ShiftSwap.objects.filter(schedule__deleted_at=None)
        .select_related("schedule", "offered_by", "taken_by")
        .order_by("-starts_at", "-pk")
    )
    serializer_class = shapes.ShiftSwapSerializer
    filterset_class = SwapFilter
    ordering_fields = {"starts_at": "starts_at", "created_at": "created_at"}

    @extend_schema(request=shapes.OfferSerializer, responses={201: shapes.ShiftSwapSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Ask a colleague to take your duty. 409 `not_on_duty` for a time that isn't all yours."""
        wanted = shapes.OfferSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        swap = swaps.offer(by=self.person, at=timezone.now(), **wanted.validated_data)
        return Response(self.get_serializer(swap).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, **kwargs: Any) -> Response:
        """Take it. Only whoever was asked: 403 `not_your_swap`; once it was decided otherwise: 409."""
        return self._answer(swaps.accept(swap=self.get_object(), by=self.person, at=timezone.now()))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, **kwargs: Any) -> Response:
        """Leave it to whoever offered it."""
        return self._answer(swaps.decline(swap=self.get_object(), by=self.person, at=timezone.now()))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, **kwargs: Any) -> Response:
        """Take the offer back."""
        return self._answer(swaps.withdraw(swap=self.get_object(), by=self.person, at=timezone.now()))

    def _answer(self, swap: ShiftSwap) -> Response:
        return Response(self.get_serializer(swap).data)


class OnCallFeeds(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[OnCallFeed],
):
    """Your own secret addresses of calendars. The address is only in the answer that creates it."""

    may = {"list": "oncall.view", "create": "oncall.view", "destroy": "oncall.view"}
    queryset = (
        OnCallFeed.objects.filter(revoked_at=None, schedule__deleted_at=None)
        .select_related("schedule")
        .order_by("-created_at", "-pk")
    )
    serializer_class = shapes.OnCallFeedSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[OnCallFeed]:
        """Nobody sees those of others."""
        queryset = super().get_queryset()
        return queryset if getattr(self, "swagger_fake_view", False) else queryset.filter(user=self.person)

    def create(self, request: Request, **kwargs: Any) -> Response:
        """A new secret address."""
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = feeds.make(
            schedule=wanted.validated_data["schedule"],
            user=self.person,
            only_mine=wanted.validated_data.get("only_mine", False),
            at=timezone.now(),
        )
        context = {**self.get_serializer_context(), "address": made.address}
        return Response(self.serializer_class(made.feed, context=context).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: OnCallFeed) -> None:
        """Nothing is read there any more."""
        feeds.revoke(feed=instance, at=timezone.now())


@require_safe
def calendar(request: HttpRequest, secret: str) -> HttpResponse:
    """/on-call/<secret>.ics for calendar programs. Whatever is wrong with the secret, it is the same 404."""
    now = timezone.now()
    address = request.META.get("REMOTE_ADDR") or ""
    with acting_as_system("calendar", origin=Origin(via="calendar", address=address)):
        try:
            feed = feeds.admit(secret, at=now)
        except feeds.Worthless:
            feed = None
        if feed is not None and not (wait_s := wait_of("calendar", feed.pk)):
            body = feeds.calendar(feed, at=now)
    if feed is None:
        wait_s = limits.spend("wrong calendars", limits.network_of(address), limits.rate_of(settings.RATE_LINKS))
        return too_fast(wait_s) if wait_s else HttpResponseNotFound("No such calendar.", content_type="text/plain")
    if wait_s:
        return too_fast(wait_s)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = 'inline; filename="on-call.ics"'
    response.headers["Cache-Control"] = "private, max-age=900"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
