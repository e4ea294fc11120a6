"""Columns to PostgreSQL and back: numpy arrays as its binary arrays, without touching an element in Python.

psycopg turns a Python list into an array element by element, about 0.1 µs each; nine columns of five thousand readings
would cost as much as storing them. A column is packed into the bytes that PostgreSQL reads in one step instead.

    cursor.execute("… FROM unnest(%s::integer[], %s::smallint[])", [int4s(ids), int2s(values)], binary=True)
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakSet

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import pq
from psycopg.adapt import Dumper, Loader

# What stands for NULL in a column of two bytes: no measured value of ours reaches it.
MISSING: Final = -32768

# What stands for -infinity among milliseconds: earlier than all.
NEVER: Final = -(2**62)

Integers = NDArray[Any]

# Types of PostgreSQL's catalog (pg_type.dat): of the array, and of its elements.
_INT2S, _INT2 = 1005, 21
_INT4S, _INT4 = 1007, 23
_MOMENTS, _MOMENT = 1185, 1184

# PostgreSQL counts microseconds since 2000, we milliseconds since 1970.
_EPOCH_MS: Final = 946_684_800_000
_INFINITELY_EARLY: Final = -(2**63)


class Packed(bytes):
    """An array in PostgreSQL's binary form."""


class Int2s(Packed):
    """smallint[]"""


class Int4s(Packed):
    """integer[]"""


class Moments(Packed):
    """timestamptz[]"""


def int2s(values: Integers) -> Int2s:
    """smallint[]; MISSING becomes NULL."""
    return Int2s(_pack(values, element=_INT2, dtype=">i2", missing=values == MISSING))


def int4s(values: Integers) -> Int4s:
    """integer[]"""
    return Int4s(_pack(values, element=_INT4, dtype=">i4"))


def moments(milliseconds: Integers) -> Moments:
    """timestamptz[] of milliseconds since 1970; NEVER becomes -infinity."""
    ours = np.where(milliseconds == NEVER, _INFINITELY_EARLY, (milliseconds - _EPOCH_MS) * 1000)
    return Moments(_pack(ours, element=_MOMENT, dtype=">i8"))


def _pack(values: Integers, *, element: int, dtype: str, missing: NDArray[np.bool_] | None = None) -> bytes:
    """Dimensions, whether there are NULLs, element type, length, first index; then each element after its length."""
    count = len(values)
    if not count:
        return np.array([0, 0, element], dtype=">i4").tobytes()
    has_nulls = missing is not None and bool(missing.any())
    items = np.empty(count, dtype=[("length", ">i4"), ("value", dtype)])
    items["length"] = np.dtype(dtype).itemsize
    items["value"] = values
    head = np.array([1, has_nulls, element, count, 1], dtype=">i4").tobytes()
    if not has_nulls:
        return head + items.tobytes()
    assert missing is not None  # noqa: S101
    items["length"][missing] = -1
    # A NULL is its length alone: its value's bytes are left out.
    octets = items.view(np.uint8).reshape(count, -1)
    kept = np.ones(octets.shape, dtype=np.bool_)
    kept[missing, 4:] = False
    return head + octets[kept].tobytes()


def _unpack(data: bytes) -> Integers:
    """The other way round. Queries leave no NULL in arrays that they return: coalesce(value, -32768)."""
    if len(data) <= 12:
        return np.empty(0, dtype=np.int64)
    _, has_nulls, element, _, _ = np.frombuffer(data, dtype=">i4", count=5)
    if has_nulls:
        raise ValueError("an array with NULLs can't be read as a column")
    dtype = {_INT2: ">i2", _INT4: ">i4", _MOMENT: ">i8"}[int(element)]
    values = np.frombuffer(data, dtype=[("length", ">i4"), ("value", dtype)], offset=20)["value"].astype(np.int64)
    if element == _MOMENT:
        values = np.where(values == _INFINITELY_EARLY, NEVER, values // 1000 + _EPOCH_MS)
    return values


def cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor that binds on the server's side, sends these types and answers their arrays as columns (int64)."""
    if connection not in _taught:
        for kind, dumper in _DUMPERS.items():
            connection.adapters.register_dumper(kind, dumper)
            # In binary form only: other cursors ask for text, and go on getting lists.
            connection.adapters.register_loader(dumper.oid, _Loader)
        _taught.add(connection)
    made = psycopg.Cursor(connection)
    made.format = pq.Format.BINARY
    return made


class _Dumper(Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: Packed) -> bytes:
        """As it is."""
        return bytes(obj)


class _Int2Dumper(_Dumper):
    oid = _INT2S


class _Int4Dumper(_Dumper):
    oid = _INT4S


class _MomentDumper(_Dumper):
    oid = _MOMENTS


class _Loader(Loader):
    format = pq.Format.BINARY

    def load(self, data: Any) -> Integers:
        """A column."""
        return _unpack(bytes(data))


# Connections that know these types: teaching them to each cursor would cost more than a statement.
_taught: Final[WeakSet[psycopg.Connection[Any]]] = WeakSet()
_DUMPERS: Final = {Int2s: _Int2Dumper, Int4s: _Int4Dumper, Moments: _MomentDumper}
