"""Readings as Parquet, row group by row group. Needs pyarrow, the optional extra `parquet`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from io import RawIOBase
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sensors.exporting.pages import NOTHING, Columns

# Who reads the file loads a group at a time, and so do we: one of 130,000 costs twice the memory for 1 % of the size.
ROWS_A_GROUP: Final = 50_000


def is_installed() -> bool:
    """Whether files can be made at all."""
    try:
        return find_spec("pyarrow") is not None
    except ValueError:
        return False


def readings(pages: Iterable[Columns], labels: Mapping[str, Sequence[str]]) -> Iterator[bytes]:
    """A file of readings. `labels` are columns that tell the sensor: name -> text of each sensor."""
    pa = _pyarrow()
    texts = {name: pa.array(values, pa.string()) for name, values in labels.items()}
    schema = pa.schema(
        [
            ("recorded_at", pa.timestamp("ms", tz="UTC")),
            *((name, pa.dictionary(pa.int32(), pa.string())) for name in texts),
            # Doubles: each hundredth has its own, which prints as in CSV. As few differ, they take no more room.
            *((name, pa.float64()) for name in ("temperature", "humidity")),
            *((name, pa.int16()) for name in ("battery", "signal")),
            ("door_open", pa.bool_()),
            ("received_at", pa.timestamp("ms", tz="UTC")),
        ]
    )

    def table(page: Columns) -> Any:
        def measured(values: NDArray[np.int16], shown: NDArray[Any]) -> Any:
            return pa.array(shown, mask=values == NOTHING)

        return pa.Table.from_arrays(
            [
                pa.array(page.at_ms.view("datetime64[ms]"), schema.field("recorded_at").type),
                *(pa.DictionaryArray.from_arrays(pa.array(page.sensor.astype(np.int32)), t) for t in texts.values()),
                *(measured(values, values / 100) for values in (page.temperature, page.humidity)),
                *(measured(values, values) for values in (page.battery, page.signal)),
                measured(page.door, page.door == 1),
                pa.array((page.at_ms + page.delay_s * 1000).view("datetime64[ms]"), schema.field("received_at").type),
            ],
            schema=schema,
        )

    return _file(pa, schema, (table(page) for page in pages))


def buckets(pages: Iterable[Sequence[dict[str, Any]]], *, columns: Sequence[str]) -> Iterator[bytes]:
    """A file of hours or days."""
    pa = _pyarrow()
    kinds = {"at": pa.timestamp("ms", tz="UTC"), "count": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
    return _file(pa, schema, (pa.Table.from_pylist(list(page), schema=schema) for page in pages))


def _pyarrow() -> Any:
    """30 MB of code that most processes never need: loaded by the first who does."""
    pa: Any = import_module("pyarrow")
    # Its own allocator keeps twice as much for next time.
    pa.set_memory_pool(pa.system_memory_pool())
    return pa


def _file(pa: Any, schema: Any, tables: Iterator[Any]) -> Iterator[bytes]:
    outlet = _Outlet()
    writer = import_module("pyarrow.parquet").ParquetWriter(outlet, schema, compression="zstd")
    waiting: list[Any] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROWS_A_GROUP:
            _write(pa, writer, waiting)
        # Also while a group isn't full: whoever waits is looked at again.
        yield outlet.take()
    _write(pa, writer, waiting)
    writer.close()
    yield outlet.take()


def _write(pa: Any, writer: Any, waiting: list[Any]) -> None:
    if waiting:
        whole = pa.concat_tables(waiting)
        writer.write_table(whole, row_group_size=whole.num_rows)
        waiting.clear()


class _Outlet(RawIOBase):
    """A file that keeps what was written only until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is all that it can."""
        return True

    def write(self, data: Any) -> int:
        """Keep a copy: the buffer is the writer's."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
