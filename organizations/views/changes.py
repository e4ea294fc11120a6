"""What changed since a cursor, and the audit trail."""

from __future__ import annotations

from typing import Any, Final

from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, mixins, viewsets
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from freshtrack.pagination import refuse
from organizations import audit, changes, security_events
from organizations.changes import Cursor, NotACursor
from organizations.exports import ROWS_A_PAGE, CsvRenderer, Row, download
from organizations.models import Change
from organizations.scoped_views import OrganizationScoped
from organizations.searching import ChoicesFilter, FilterSet, IdsFilter, MomentFilter
from organizations.serializers.changes import AuditEventSerializer, CatchUpSerializer


class Changes(OrganizationScoped, generics.GenericAPIView[Change]):
    """What changed since a cursor, in the order in which it happened. Readings are not in it."""

    may = {"GET": "changes.view"}
    queryset = Change.objects.order_by("transaction", "id")
    serializer_class = CatchUpSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        operation_id="changes_list",
        parameters=[
            OpenApiParameter("cursor", str, description="Of a `changes/` answer or a socket's frame."),
            OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": changes.LARGEST_PAGE}),
        ],
        responses=CatchUpSerializer,
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Without a cursor: nothing, and the cursor of now. Go on with the answer's cursor until `results` is empty."""
        given = request.query_params.get("cursor", "")
        most = _page_size(request)
        if not given:
            return Response({"results": [], "cursor": changes.cursor()})
        try:
            cursor = Cursor.of(given)
        except NotACursor:
            raise refuse("cursor", "This isn't a cursor of ours. Begin without one.") from None
        found = changes.since(cursor, membership=self.membership, most=most)
        return Response({"results": found.results, "cursor": found.cursor})


def _page_size(request: Request) -> int:
    given = request.query_params.get("page_size", "100")
    if not (given.isascii() and given.isdigit() and len(given) < 9 and 1 <= int(given) <= changes.LARGEST_PAGE):
        raise refuse("page_size", f"Give a whole number from 1 to {changes.LARGEST_PAGE}.")
    return int(given)


class _Text(filters.CharFilter):  # type: ignore[misc]
    """Words that the column could hold."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[MaxLengthValidator(64), ProhibitNullCharactersValidator()], **kwargs)


class AuditFilter(FilterSet):
    actor = IdsFilter(field_name="actor_id")
    entity = _Text()
    object_id = _Text(field_name="entity_id")
    action = ChoicesFilter(choices=[(name, name) for name in ("create", "update", "delete")])
    via = _Text()
    site = IdsFilter(method="of_site")
    after = MomentFilter(field_name="at", lookup_expr="gte")
    before = MomentFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = Change
        fields = ["actor", "entity", "object_id", "action", "via", "site", "after", "before"]

    def of_site(self, rows: QuerySet[Change], name: str, sites: list[Any] | None) -> QuerySet[Change]:
        """What left a site is its history, too."""
        return audit.about_site(rows, sites) if sites else rows


Place = tuple[int, int]
COLUMNS: Final = (
    *("at", "actor_name", "actor_email", "actor_id", "via", "address", "request_id"),
    *("action", "entity", "object_id", "site", "changes"),
)


class AuditEvents(OrganizationScoped, mixins.ListModelMixin, viewsets.GenericViewSet[Change]):
    """Who changed what, when, through what and from where; newest first."""

    may = {"list": "audit.view"}
    queryset = Change.objects.order_by("-transaction", "-id")
    serializer_class = AuditEventSerializer
    filterset_class = AuditFilter
    renderer_classes = (JSONRenderer, CsvRenderer)

    @extend_schema(
        responses={
            (200, "application/json"): AuditEventSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        }
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """One page; as CSV, everything that the filters leave."""
        rows = self.filter_queryset(self.get_queryset())
        if request.accepted_renderer.format == "csv":
            return self._download(request, rows)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(audit.events_of(page or []))

    def _download(self, request: Request, rows: QuerySet[Change]) -> HttpResponseBase:
        asked = request.query_params.urlencode()
        security_events.note(
            organization=self.organization, kind="audit_exported", detail=asked or "everything", user=self.person
        )
        # Later rows don't belong to it: an export of a busy log would never end.
        rows = rows.filter(at__lte=timezone.now())

        def page(place: Place | None) -> tuple[list[Row], Place | None]:
            found = list((rows if place is None else rows.filter(changes.ahead_of(*place)))[:ROWS_A_PAGE])
            last = (found[-1].transaction, found[-1].id) if found else None
            return [_cells(event) for event in audit.events_of(found)], last

        membership = self.membership
        membership.user = self.person
        name = f"freshtrack-audit-{self.organization.slug}-{timezone.now():%Y-%m-%d}.csv"
        return download(request, name=name, header=COLUMNS, page=page, membership=membership, action="audit.view")


def _cells(event: dict[str, Any]) -> Row:
    actor = event["actor"] or {"id": "", "name": "", "email": ""}
    cells = {**event, **{f"actor_{name}": value for name, value in actor.items()}}
    return [cells[name] for name in COLUMNS]
