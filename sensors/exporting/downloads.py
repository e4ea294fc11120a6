"""Readings of units and sensors as a download: what was asked for, in which form, and who may go on reading it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final

from django.db import connection
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.text import slugify
from drf_spectacular.utils import OpenApiResponse
from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from freshtrack import csv
from freshtrack.errors import DomainError
from freshtrack.times import rfc3339
from organizations import security_events
from organizations.exports import CsvRenderer, Reader, stream
from organizations.models import Membership
from sensors import keeping, series
from sensors.exporting import parquet, text
from sensors.exporting.pages import Columns, Range
from sensors.models import Sensor, Unit

# Counting them takes some ten milliseconds; of more, days that are summed up tell about how many there are.
COUNTED_UP_TO: Final = 200_000
BUCKETS_A_PAGE: Final = 2000

VALUES: Final = ("temperature", "humidity", "battery", "signal", "door_open", "received_at")
BUCKET: Final = (
    *("at", "min", "avg", "max", "count", "first", "last"),
    *("humidity_min", "humidity_avg", "humidity_max"),
)
_cells_of: Final = attrgetter(*BUCKET)
BY_SENSOR: Final = ("unit", "sensor", "serial", "channel")
BY_PLACE: Final = ("site", "area", *BY_SENSOR)


class ParquetRenderer(CsvRenderer):
    """Lets readings be asked for with `?format=parquet` or `Accept: application/vnd.apache.parquet`."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"


RENDERERS: Final = (JSONRenderer, CsvRenderer, ParquetRenderer)
FILES: Final = {
    (200, "text/csv"): OpenApiResponse(str, description="A file; `X-Total-Rows` tells how many rows it will have."),
    (200, ParquetRenderer.media_type): OpenApiResponse(bytes, description="The same for data tools."),
}


class ParquetUnavailable(DomainError):
    """This installation has no pyarrow, which makes these files."""

    code = "parquet_unavailable"
    status = status.HTTP_406_NOT_ACCEPTABLE


@dataclass(frozen=True)
class Wanted:
    """What a download shows. Hours and days are those of `zone`; `columns` tell where a reading comes from."""

    sensors: Sequence[Sensor]
    start: datetime
    end: datetime
    resolution: str  # raw, hour or day
    zone: str
    name: str
    columns: Sequence[str] = BY_SENSOR


def is_wanted(request: Request) -> bool:
    """Whether a file is asked for instead of a page."""
    return getattr(request.accepted_renderer, "format", "json") in (CsvRenderer.format, ParquetRenderer.format)


def download(
    request: Request, wanted: Wanted, *, membership: Membership, by: Any, action: str
) -> StreamingHttpResponse:
    """Readings as a file. The member is looked at again and again: without `action` the connection breaks off.

    What the organization's plan hides isn't in it. Call inside the member's transaction; the rows are read in others.
    Raises TooManyExports and ParquetUnavailable.
    """
    form = request.accepted_renderer.format
    if form == ParquetRenderer.format and not parquet.is_installed():
        raise ParquetUnavailable(
            "This installation can't make Parquet files. Ask for CSV, or install the extra parquet."
        )
    shown_from = keeping.shown_from(membership.organization, at=timezone.now())
    start = wanted.start if shown_from is None else max(wanted.start, shown_from)
    readings = Range(wanted.sensors, start, max(start, wanted.end))
    membership.user = by
    total, is_exact = _total(readings, wanted.resolution)
    headers = {"X-Total-Rows": str(total), "X-Total-Rows-Exact": "true" if is_exact else "false"}
    reader = Reader(request, membership=membership, action=action)
    source = _Source(reader, readings, wanted)
    asked = f"{wanted.name}, {rfc3339(readings.start)} to {rfc3339(readings.end)}, {wanted.resolution}, {form}"
    security_events.note(organization=membership.organization, kind="readings_exported", detail=asked, user=by)
    is_csv = form == CsvRenderer.format
    return stream(
        request,
        name=_file_name(wanted, form),
        content_type=csv.CONTENT_TYPE if is_csv else ParquetRenderer.media_type,
        reader=reader,
        parts=source.as_csv() if is_csv else source.as_parquet(),
        headers=headers,
        packed=not is_csv,
    )


class _Source:
    """The rows of a download in its two forms."""

    def __init__(self, reader: Reader, readings: Range, wanted: Wanted) -> None:
        self._reader, self._readings, self._wanted = reader, readings, wanted
        self._is_raw = wanted.resolution == "raw"
        self._labels = _labels(readings.sensors, wanted.columns) if self._is_raw else {}

    def as_csv(self) -> Iterator[bytes]:
        """A header and lines."""
        if self._is_raw:
            yield csv.lines([("recorded_at", *self._labels, *VALUES)])
            labels = text.labels_of(zip(*self._labels.values(), strict=True))
            for page in self._pages():
                for part in text.lines(page, labels):
                    self._reader.look_again()
                    yield part
        else:
            yield csv.lines([BUCKET])
            for buckets in self._buckets():
                yield csv.lines((rfc3339(bucket["at"]), *list(bucket.values())[1:]) for bucket in buckets)

    def as_parquet(self) -> Iterator[bytes]:
        """A file with types."""
        if self._is_raw:
            return parquet.readings(self._pages(), self._labels)
        return parquet.buckets(self._buckets(), columns=BUCKET)

    def _pages(self) -> Iterator[Columns]:
        return self._readings.pages(self._read)

    def _buckets(self) -> Iterator[list[dict[str, Any]]]:
        ask = partial(
            series.bucket_page,
            sensors=self._readings.sensors,
            start=self._readings.start,
            end=self._readings.end,
            resolution=self._wanted.resolution,
            zone=self._wanted.zone,
            limit=BUCKETS_A_PAGE,
        )
        place = None
        while True:
            found = self._read(partial(ask, place=place))
            if not found:
                return
            yield [dict(zip(BUCKET, _cells_of(bucket), strict=True)) for bucket in found]
            place = series.Place("after", found[-1].at)

    def _read(self, page: Callable[[], Any]) -> Any:
        def seen() -> Any:
            if self._reader.membership.site_ids is not None:
                self._look_for_sensors()
            return page()

        return self._reader.read(seen)

    def _look_for_sensors(self) -> None:
        """One that has moved to another site meanwhile would be missing from here on, and nobody would notice."""
        ids = self._readings.ids
        if Sensor.objects.for_member(self._reader.membership).filter(pk__in=ids).count() != len(ids):
            self._reader.end()


def _labels(sensors: Sequence[Sensor], columns: Sequence[str]) -> dict[str, list[str]]:
    """What the columns say of each sensor."""
    units = Unit.objects.select_related("area", "site").in_bulk(
        {sensor.unit_id for sensor in sensors if sensor.unit_id}
    )

    def cells(sensor: Sensor) -> dict[str, str]:
        unit = units.get(sensor.unit_id) if sensor.unit_id else None
        return {
            "site": unit.site.name if unit else "",
            "area": unit.area.name if unit else "",
            "unit": unit.name if unit else "",
            "sensor": str(sensor.public_id),
            "serial": sensor.serial,
            "channel": sensor.channel,
        }

    found = [cells(sensor) for sensor in sensors]
    return {name: [row[name] for row in found] for name in columns}


_ESTIMATE: Final = """
SELECT coalesce(sum(greatest(count, humidity_count)), 0)::bigint FROM sensors_readingday
WHERE sensor_id = ANY (%s) AND day > %s - interval '1 day' AND day < %s
"""


def _total(readings: Range, resolution: str) -> tuple[int, bool]:
    """How many rows the file will have, and whether that is exact."""
    if resolution != "raw":
        first = readings.first_after(readings.start)
        length = timedelta(hours=1) if resolution == "hour" else timedelta(days=1)
        return (0, False) if first is None else (-(-(readings.end - first) // length), False)
    counted = readings.count(most=COUNTED_UP_TO + 1)
    if counted <= COUNTED_UP_TO:
        return counted, True
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATE, [readings.ids, readings.start, readings.end])
        return max(counted, int(cursor.fetchone()[0])), False


def _file_name(wanted: Wanted, form: str) -> str:
    what = slugify(wanted.name)[:60] or "readings"
    return f"freshtrack-{what}-{wanted.start:%Y-%m-%d}-{wanted.end:%Y-%m-%d}.{form}"
