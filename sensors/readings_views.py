"""Readings over HTTP, under the unit or sensor that they belong to: series for charts and lists, time in range."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from freshtrack.etags import Versioned, etag_of
from freshtrack.pagination import LONGEST_CURSOR, CursorPages, refuse
from freshtrack.times import rfc3339, rfc3339_or_none
from organizations.models import Membership, Organization
from sensors import keeping, series, time_in_range
from sensors.exporting import downloads
from sensors.models import Reading, Sensor
from sensors.serializers import (
    SeriesQuerySerializer,
    SeriesSerializer,
    StatisticsQuerySerializer,
    StatisticsSerializer,
)

# Readings from before 2000 are refused (contract), a day more for every zone; far enough from where calendars end.
_EARLIEST: Final = datetime(1999, 12, 30, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

_RANGE: Final = [
    OpenApiParameter("from", datetime, description="Inclusive; default 24 h before `to`."),
    OpenApiParameter("to", datetime, description="Exclusive; default now."),
]


class Range(NamedTuple):
    """What is asked for. `start` is where the organization's plan lets it begin."""

    start: datetime
    end: datetime
    asked_from: datetime
    shown_from: datetime | None
    is_closed: bool  # it ended in the past

    @property
    def is_empty(self) -> bool:
        """Whether all of it is hidden, or impossible."""
        return self.start >= self.end


class ReadingPages(CursorPages):
    """Ascending, as charts want them: raw readings in order of time and sensor, buckets in order of time.

    A cursor also holds what its list was of, so that following `next` stays with it when `auto` would change its mind.
    """

    page_size = 500
    max_page_size = 2000
    buckets_page_size = 2000

    def __init__(self, request: Request) -> None:
        self.request = request
        self.resolution, self.place = self._parse()
        self._next = self._previous = None

    def limit(self, resolution: str) -> int:
        """How many rows fill a page."""
        if self.request.query_params.get("page_size") is None and resolution != "raw":
            return self.buckets_page_size
        return self._size(self.request)

    def page(self, resolution: str, read: Callable[[int, series.Place | None], Sequence[Any]]) -> Sequence[Any]:
        """One page of what `read(limit, place)` finds: ascending, the nearest to the place.

        Raises ValidationError for a page_size that can't be, or a cursor of another resolution.
        """
        if self.place is not None and self.resolution != resolution:
            raise refuse("cursor", "This cursor isn't one of this list. Begin without one.")
        size = self.limit(resolution)
        back = self.place is not None and self.place.direction != "after"
        found = read(size + 1, self.place)
        more = len(found) > size
        page = found[-size:] if back else found[:size]
        has_next, has_previous = (True, more) if back else (more, self.place is not None)
        if has_next and (page or self.place):
            last = _place_of(page[-1]) if page else self.place[1:]  # type: ignore[index]
            self._next = self._link(resolution, series.Place("after", *last))
        if has_previous and (page or self.place):
            first = _place_of(page[0]) if page else self.place[1:]  # type: ignore[index]
            self._previous = self._link(resolution, series.Place("before" if page else "upto", *first))
        return page

    def links(self) -> dict[str, str | None]:
        """The addresses of the page's neighbours."""
        return {"next": self._next, "previous": self._previous}

    def _link(self, resolution: str, place: series.Place) -> str:
        text = json.dumps([resolution, place.direction, place.at.isoformat(), place.sensor], separators=(",", ":"))
        cursor = urlsafe_b64encode(text.encode()).decode()
        return str(replace_query_param(self.request.build_absolute_uri(), "cursor", cursor))

    def _parse(self) -> tuple[str | None, series.Place | None]:
        encoded = self.request.query_params.get("cursor")
        if not encoded:
            return None, None
        try:
            if len(encoded) > LONGEST_CURSOR:
                raise ValueError
            resolution, direction, at, sensor = json.loads(urlsafe_b64decode(encoded.encode("ascii")))
            moment = datetime.fromisoformat(at)
            if resolution not in series.RESOLUTIONS or direction not in ("after", "before", "upto"):
                raise ValueError
            if moment.tzinfo is None or moment.year not in range(1990, 9000) or sensor not in range(2**31):
                raise ValueError
        except (ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise refuse("cursor", "This cursor isn't one of this list. Begin without one.") from error
        return resolution, series.Place(direction, moment, sensor)


def _place_of(row: Reading | series.Bucket) -> tuple[datetime, int]:
    return (row.recorded_at, row.sensor_id) if isinstance(row, Reading) else (row.at, 0)


class SeriesMixin(Versioned):
    """`readings/` under a unit or a sensor."""

    membership: Membership
    organization: Organization

    def series_of(self, place: Any) -> tuple[list[Sensor], str]:
        """Whose readings, and by which clock."""
        raise NotImplementedError

    @extend_schema(
        parameters=[
            *_RANGE,
            OpenApiParameter("resolution", str, enum=list(series.RESOLUTIONS)),
            OpenApiParameter(
                "max_points",
                int,
                description="All in one page of at most so many points, up to 2000: raw readings are thinned, hours and"
                " days merged. Each extreme is kept.",
            ),
            OpenApiParameter("cursor", str, description="Opaque; take it from `next` or `previous`."),
            OpenApiParameter("page_size", int, description="Rows in a page, up to 2000; without max_points."),
        ],
        filters=False,
        responses={200: SeriesSerializer, **downloads.FILES},
    )
    @action(detail=True, methods=["get"], renderer_classes=downloads.RENDERERS)
    def readings(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """What was measured, ascending. As CSV or Parquet the whole range, whatever its length."""
        query = SeriesQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        asked = self._range(wanted)
        place = self.get_object()
        sensors, zone = self.series_of(place)
        most, pages = wanted.get("max_points"), ReadingPages(request)
        resolution = wanted["resolution"]
        if resolution == "auto":
            resolution = pages.resolution or series.choose_resolution(
                sensors=sensors, start=asked.start, end=asked.end, max_points=most
            )
        if downloads.is_wanted(request):
            file = downloads.Wanted(sensors, asked.start, asked.end, resolution, zone, name=place.name or place.serial)
            by = self.membership
            return downloads.download(request, file, membership=by, by=request.user, action="readings.view")
        rows, merged = _rows(asked, sensors, zone, resolution=resolution, most=most, pages=pages)
        body = {
            "resolution": resolution,
            "merged": merged,
            "results": _shapes(rows, sensors),
            **pages.links(),
        }
        return self._answer(request, body, asked)

    @extend_schema(
        parameters=[
            *_RANGE,
            OpenApiParameter("low", float, description="°C; colder counts as below. Default: no limit."),
            OpenApiParameter("high", float, description="°C; warmer counts as above. Default: no limit."),
        ],
        filters=False,
        responses=StatisticsSerializer,
    )
    @action(detail=True, methods=["get"], url_path="readings/statistics")
    def statistics(self, request: Request, **kwargs: Any) -> Response:
        """How long temperatures were in a range, above and below, as alert rules count time; up to 400 days."""
        query = StatisticsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        asked = self._range(wanted)
        if asked.end - asked.start > time_in_range.LONGEST:
            raise refuse("from", f"Ask for at most {time_in_range.LONGEST.days} days.")
        sensors, _ = self.series_of(self.get_object())
        start = min(asked.start, asked.end)
        found = time_in_range.statistics(
            sensors=sensors, start=start, end=asked.end, low=wanted["low"], high=wanted["high"]
        )
        body = {"from": rfc3339(asked.asked_from), "to": rfc3339(asked.end), **asdict(found)}
        return self._answer(request, body, asked)

    def _range(self, wanted: dict[str, Any]) -> Range:
        now = timezone.now()
        end = min(max(wanted.get("to") or now, _EARLIEST), _LATEST)
        start = min(max(wanted.get("from") or end - timedelta(hours=24), _EARLIEST), _LATEST)
        if wanted.get("from") and wanted["from"] >= (wanted.get("to") or now):
            raise refuse("from", "Must be before `to`.")
        shown_from = keeping.shown_from(self.organization, at=now)
        return Range(start if shown_from is None else max(start, shown_from), end, start, shown_from, end < now)

    def _answer(self, request: Request, body: dict[str, Any], asked: Range) -> Response:
        """Of a range in the past with its version. Nobody but the reader's own browser may keep it, and must ask again.

        The version is one of all that is answered: a late reading, a move or another zone makes another. A cheaper sign
        (how many, how new) would have to be kept right under all of these, and saves no more than 20 ms.
        """
        etag = etag_of(body) if asked.is_closed else None
        headers = {"Cache-Control": "private, no-cache"} | ({"ETag": etag} if etag else {})
        if etag and self._is_known(request, etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        # It moves with the clock, so it is no part of the version.
        return Response({**body, "shown_from": rfc3339_or_none(asked.shown_from)}, headers=headers)


def _rows(
    asked: Range, sensors: list[Sensor], zone: str, *, resolution: str, most: int | None, pages: ReadingPages
) -> tuple[Sequence[Any], int]:
    """Readings or buckets, and how many hours or days a bucket stands for."""
    if asked.is_empty or not sensors:
        return [], 1
    what: dict[str, Any] = {"sensors": sensors, "start": asked.start, "end": asked.end}
    if resolution == "raw":
        if most is not None:
            return series.thinned(**what, max_points=most), 1
        return pages.page("raw", lambda limit, place: series.readings(**what, limit=limit, place=place)), 1
    what |= {"resolution": resolution, "zone": zone}
    if most is not None:
        return series.buckets(**what, max_points=most)
    return pages.page(resolution, lambda limit, place: series.bucket_page(**what, limit=limit, place=place)), 1


def _shapes(rows: Sequence[Any], sensors: Sequence[Sensor]) -> list[dict[str, Any]]:
    """As ReadingSerializer and BucketSerializer describe them, a tenth as slow."""
    ids = {sensor.pk: str(sensor.public_id) for sensor in sensors}
    return [_reading(row, ids[row.sensor_id]) if isinstance(row, Reading) else _bucket(row) for row in rows]


def _reading(row: Reading, sensor: str) -> dict[str, Any]:
    return {
        "recorded_at": rfc3339(row.recorded_at),
        "sensor": sensor,
        "temperature": row.temperature,
        "humidity": row.humidity,
        "battery": row.battery,
        "signal": row.signal,
        "door_open": None if row.door is None else row.door == 1,
    }


def _bucket(row: series.Bucket) -> dict[str, Any]:
    return {**row._asdict(), "at": rfc3339(row.at)}
