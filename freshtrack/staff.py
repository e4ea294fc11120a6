"""The staff site's overview, menu and search, which know every room (UNFOLD in settings.py names them)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.dataclasses import SearchResult

from alerts.models import Alert, Severity
from freshtrack.health import HEARTBEAT_GRACE, signs_of_life
from freshtrack.queues.views import may_see as may_see_queues
from notifications.models import Notification, NotificationStatus
from organizations.models import Beat, Organization, User
from organizations.staff_columns import label, names_of
from sensors import keeping, partitions
from sensors.models import Sensor, SensorStatus

NEWEST: Final = 10
FOUND_AT_MOST: Final = 6
RECENT: Final = timedelta(days=7)

# group -> (title, icon, page), and the permission that shows it follows from the page.
_MENU: Final[tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]] = (
    (
        "Customers",
        (
            ("Organizations", "apartment", "organizations_organization"),
            ("People", "group", "organizations_user"),
            ("Memberships", "badge", "organizations_membership"),
        ),
    ),
    (
        "Places and sensors",
        (
            ("Sites", "location_on", "sensors_site"),
            ("Areas", "grid_view", "sensors_area"),
            ("Units", "kitchen", "sensors_unit"),
            ("Sensors", "sensors", "sensors_sensor"),
            ("Gateways", "router", "sensors_gateway"),
            ("Refused readings", "report", "ingest_quarantinedreading"),
        ),
    ),
    (
        "Alerts and messages",
        (
            ("Alerts", "notifications_active", "alerts_alert"),
            ("Alert rules", "rule", "alerts_alertrule"),
            ("Notifications", "outgoing_mail", "notifications_notification"),
            ("Waiting messages", "outbox", "notifications_outboxentry"),
            ("Attempts", "send", "notifications_attempt"),
            ("Provider events", "webhook", "notifications_providerevent"),
            ("Inbox", "inbox", "notifications_inboxitem"),
            ("Contact addresses", "contact_mail", "notifications_contactmethod"),
            ("Preferences", "tune", "notifications_notificationpreference"),
            ("Quiet hours", "bedtime", "notifications_rest"),
            ("Digests", "summarize", "notifications_digest"),
        ),
    ),
    (
        "Access and records",
        (
            ("API keys", "key", "organizations_apikey"),
            ("Access tokens", "token", "organizations_accesstoken"),
            ("Sign-in addresses", "alternate_email", "account_emailaddress"),
            ("Sessions", "devices", "usersessions_usersession"),
            ("Second factors", "passkey", "mfa_authenticator"),
            ("Accounts elsewhere", "id_card", "socialaccount_socialaccount"),
            ("Legal holds", "gavel", "organizations_legalhold"),
            ("Change log", "manage_search", "organizations_change"),
            ("Staff actions", "history", "admin_logentry"),
        ),
    ),
    (
        "Running",
        (
            ("Failed jobs", "error", "organizations_failedjob"),
            ("Scheduled tasks", "schedule", "django_celery_beat_periodictask"),
            ("Staff groups", "admin_panel_settings", "auth_group"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu beside every page."""
    overview = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    groups = [{"items": [overview]}]
    for title, items in _MENU:
        groups.append({"title": title, "separator": True, "items": [_item(*item) for item in items]})  # type: ignore[dict-item]
    queues = {"title": "Queues", "icon": "stacks", "link": reverse("staff-queues")}
    groups[-1]["items"].insert(0, {**queues, "permission": _may_see_queues})  # type: ignore[dict-item]
    months = {"title": "Months of readings", "icon": "calendar_month", "link": reverse("staff-months")}
    groups[-1]["items"].append({**months, "permission": _may_see_months})  # type: ignore[dict-item]
    return groups


def _may_see_queues(request: HttpRequest) -> bool:
    return may_see_queues(request.user)


def _may_see_months(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("organizations.view_organization"))


def _item(title: str, icon: str, page: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{page}_changelist"),
        "permission": _who_may_see(page),
    }


def _who_may_see(page: str) -> Callable[[HttpRequest], bool]:
    def may(request: HttpRequest) -> bool:
        match = next(a for m, a in admin.site._registry.items() if f"{m._meta.app_label}_{m._meta.model_name}" == page)
        return bool(match.has_view_permission(request))

    return may


class Figure(NamedTuple):
    """One number of the overview, and the list behind it."""

    title: str
    value: int | str
    note: str
    link: str
    tone: str = ""  # danger, warning, success


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The overview: what would make somebody look closer. Every query has an index or a small table."""
    now = timezone.now()
    user = cast("User", request.user)
    context["figures"] = [*_customers(now), *_alerts(), *_messages(now), _workers(now), _months(now)]
    context["newest_alerts"] = context["dead_messages"] = None
    if user.has_perm("alerts.view_alert"):
        context["newest_alerts"] = list(
            Alert.objects.unresolved()
            .select_related("organization", "unit__site", "unit__organization")
            .order_by("-pk")[:NEWEST]
        )
    if user.has_perm("notifications.view_notification"):
        context["dead_messages"] = list(
            _dead(now).select_related("organization").order_by("-pk")[:NEWEST],
        )
    return context


def _list(page: str, query: str = "") -> str:
    return f"{reverse(f'admin:{page}_changelist')}{f'?{query}' if query else ''}"


def _customers(now: datetime) -> list[Figure]:
    organizations = Organization.objects.alive().count()
    statuses = dict(Sensor.objects.alive().values_list("status").annotate(Count("pk")).order_by())
    heard = Sensor.objects.alive().filter(last_received_at__gt=now - timedelta(hours=1)).count()
    online, offline = statuses.get(SensorStatus.ONLINE, 0), statuses.get(SensorStatus.OFFLINE, 0)
    unclaimed, fault = statuses.get(SensorStatus.UNCLAIMED, 0), statuses.get(SensorStatus.FAULT, 0)
    return [
        Figure("Organizations", organizations, "in use", _list("organizations_organization")),
        Figure(
            "Sensors online",
            online,
            f"{heard} heard from in the last hour",
            _list("sensors_sensor", "status__exact=online"),
            "success" if online else "",
        ),
        Figure(
            "Sensors offline",
            offline,
            f"{fault} with a fault, {unclaimed} unclaimed",
            _list("sensors_sensor", "status__exact=offline"),
            "warning" if offline else "",
        ),
    ]


def _alerts() -> list[Figure]:
    open_ones = dict(Alert.objects.unresolved().values_list("severity").annotate(Count("pk")).order_by())
    unresolved = "status__exact=open&status__exact=acknowledged"
    tones = {Severity.CRITICAL: "danger", Severity.WARNING: "warning", Severity.INFO: ""}
    return [
        Figure(
            f"{severity.label} alerts",
            open_ones.get(severity, 0),
            "open or acknowledged",
            _list("alerts_alert", f"{unresolved}&severity__exact={severity}"),
            tone if open_ones.get(severity) else "",
        )
        for severity, tone in tones.items()
        if severity != Severity.INFO or open_ones.get(severity)
    ]


def _messages(now: datetime) -> list[Figure]:
    waiting = Notification.objects.filter(
        status__in=[NotificationStatus.PROMISED, NotificationStatus.FAILED, NotificationStatus.SENDING]
    )
    late = waiting.filter(next_attempt_at__lt=now - timedelta(minutes=2)).count()
    dead = _dead(now).count()
    return [
        Figure(
            "Messages waiting",
            waiting.count(),
            f"{late} due for over 2 min" if late else "none of them late",
            _list("notifications_notification", "status__exact=promised&status__exact=failed&status__exact=sending"),
            "warning" if late else "",
        ),
        Figure(
            "Messages dead",
            dead,
            f"in the last {RECENT.days} days",
            _list("notifications_notification", "status__exact=dead"),
            "danger" if dead else "",
        ),
    ]


def _dead(now: datetime) -> Any:
    # UUIDv7 keys begin with their time: the key's own index finds the newest rows.
    return Notification.objects.filter(pk__gte=first_id_at(now - RECENT), status=NotificationStatus.DEAD)


def first_id_at(moment: datetime) -> UUID:
    """The lowest UUIDv7 of a moment: its first 48 bits are milliseconds since 1970."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (1 << 63))


def _workers(now: datetime) -> Figure:
    """Beat, and the workers of each queue."""
    signs = dict(Beat.objects.values_list("name", "at"))
    silent = [
        words.replace("workers_", "workers of ")
        for words, name in signs_of_life().items()
        if name not in signs or now - signs[name] >= HEARTBEAT_GRACE
    ]
    if not signs:
        return Figure("Background work", "never ran", "no sign of life yet", reverse("staff-queues"), "danger")
    last = f"last sign of life {max(signs.values()):%Y-%m-%d %H:%M:%S} UTC"
    note = f"silent: {', '.join(silent)}" if silent else last
    value = "running" if not silent else "in part" if len(silent) < len(signs_of_life()) else "stopped"
    return Figure("Background work", value, note, reverse("staff-queues"), "danger" if silent else "success")


def _months(now: datetime) -> Figure:
    """Without its partition a month is stored all the same, but slowly found and never dropped."""
    missing, strays = partitions.missing(at=now), partitions.strays()
    note = "each table has the next ones"
    if strays:
        count = sum(strays.values())
        note = f"over {partitions.FEW:,} rows wait for theirs" if count > partitions.FEW else f"{count:,} rows wait"
    if missing:
        note = f"missing: {', '.join(missing)}"
    value = f"{len(missing)} missing" if missing else "there"
    tone = "danger" if missing else "warning" if strays else "success"
    return Figure("Months of tables", value, note, reverse("staff-months"), tone)


def months(request: HttpRequest) -> HttpResponse:
    """What becomes of each month of readings, and how large they are. Archives are asked by the task, not by a page."""
    if not _may_see_months(request):
        raise PermissionDenied
    now = timezone.now()
    found = [keeping.judge_inside(month, at=now) for month in partitions.months()]
    context = {
        **admin.site.each_context(request),
        "title": "Months of readings",
        "bars": _bars(found),
        "total": filesizeformat(sum(verdict.month.size for verdict in found)),
        "months": {"headers": _MONTH_HEADERS, "rows": [_month_row(verdict) for verdict in reversed(found)]},
        "missing": partitions.missing(at=now),
        "strays": partitions.strays(),
        "archives": len(settings.READING_ARCHIVES),
    }
    return TemplateResponse(request, "admin/months.html", context)


_MONTH_HEADERS: Final = ("Month", "Readings", "Size", "Kept until", "Organizations", "Holds", "Summed up", "Verdict")


def _month_row(verdict: keeping.Verdict) -> list[Any]:
    month = verdict.month
    looked_at = [
        "–" if value is None else value for value in (verdict.organizations, verdict.holds, _yes_or_no(verdict.summed))
    ]
    words = "goes when archived" if not verdict.obstacle else keeping.WORDS[verdict.obstacle]
    tone = {"": "pending", "kept": "in use", "held": "in use"}.get(verdict.obstacle, "failed")
    when = f"{verdict.kept_until:%Y-%m-%d}"
    return [f"{month.month:%Y-%m}", f"{month.rows:,}", filesizeformat(month.size), when, *looked_at, label(tone, words)]


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"


class Bar(NamedTuple):
    """One month of the chart, in its units."""

    x: int
    height: int
    words: str


CHART_HEIGHT: Final = 80
BAR_STEP: Final = 10


def _bars(found: list[keeping.Verdict]) -> list[Bar]:
    largest = max((verdict.month.size for verdict in found), default=1) or 1
    return [
        Bar(
            x=place * BAR_STEP,
            height=max(1, round(CHART_HEIGHT * verdict.month.size / largest)),
            words=f"{verdict.month.month:%Y-%m}: {filesizeformat(verdict.month.size)}",
        )
        for place, verdict in enumerate(found)
    ]


def search(request: HttpRequest, term: str) -> list[SearchResult]:
    """What the search of the menu finds beside pages: a few customers, people and sensors."""
    found = []
    for model, icon in ((Organization, "apartment"), (User, "person"), (Sensor, "sensors")):
        page: Any = admin.site._registry[model]
        if not page.has_view_permission(request):
            continue
        rows, _ = page.get_search_results(request, page.get_queryset(request), term)
        for row in rows.order_by(*page.ordering)[:FOUND_AT_MOST]:
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(row.pk,))
            kind = str(model._meta.verbose_name)
            found.append(SearchResult(title=names_of(row), description=kind, link=address, icon=icon))
    return found
