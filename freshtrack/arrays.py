"""Columns to PostgreSQL and back: numpy arrays as its binary arrays, without touching an element in Python.

psycopg turns a Python list into an array element by element, about 0.1 µs each; nine columns of five thousand readings
would cost as much as storing them. A column is packed into the bytes that PostgreSQL reads in one step instead, and
sent with rounds.py:

    ask([Step("… FROM unnest($1::integer[], $2::smallint[])", [int4s(ids), int2s(values)])])
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

# What stands for NULL in a column of two bytes: no measured value of ours reaches it.
MISSING: Final = -32768

# What stands for -infinity among milliseconds: earlier than all.
NEVER: Final = -(2**62)

Integers = NDArray[Any]


class _Kind(NamedTuple):
    """An element's type: its number in pg_type.dat, its bytes, and how it stands in an array, after its length."""

    element: int
    size: int
    items: np.dtype[np.void]


def _kind(element: int, size: int) -> _Kind:
    return _Kind(element, size, np.dtype([("length", ">i4"), ("value", f">i{size}")]))


_INT2, _INT4, _MOMENT = _kind(21, 2), _kind(23, 4), _kind(1184, 8)
_KINDS: Final = {kind.element: kind for kind in (_INT2, _INT4, _MOMENT)}
_HEAD: Final = Struct(">5i")
_HEAD_OF_NONE: Final = Struct(">3i")

# PostgreSQL counts microseconds since 2000, we milliseconds since 1970.
_EPOCH_MS: Final = 946_684_800_000
_INFINITELY_EARLY: Final = -(2**63)


def int2s(values: Integers) -> bytes:
    """smallint[]; MISSING becomes NULL."""
    return _pack(values, _INT2, values == MISSING)


def int4s(values: Integers) -> bytes:
    """integer[]"""
    return _pack(values, _INT4)


def moments(milliseconds: Integers) -> bytes:
    """timestamptz[] of milliseconds since 1970; NEVER becomes -infinity."""
    ours = np.where(milliseconds == NEVER, _INFINITELY_EARLY, (milliseconds - _EPOCH_MS) * 1000)
    return _pack(ours, _MOMENT)


def _pack(values: Integers, kind: _Kind, missing: NDArray[np.bool_] | None = None) -> bytes:
    """Dimensions, whether there are NULLs, element type, length, first index; then each element after its length."""
    count = len(values)
    if not count:
        return _HEAD_OF_NONE.pack(0, 0, kind.element)
    has_nulls = missing is not None and bool(missing.any())
    items = np.empty(count, dtype=kind.items)
    items["length"] = kind.size
    items["value"] = values
    head = _HEAD.pack(1, has_nulls, kind.element, count, 1)
    if not has_nulls:
        return head + items.tobytes()
    assert missing is not None  # noqa: S101
    items["length"][missing] = -1
    # A NULL is its length alone: its value's bytes are left out.
    octets = items.view(np.uint8).reshape(count, -1)
    kept = np.ones(octets.shape, dtype=np.bool_)
    kept[missing, 4:] = False
    return head + octets[kept].tobytes()


def unpack(data: bytes) -> Integers:
    """The other way round, as int64. Queries leave no NULL in arrays that they return: coalesce(value, -32768)."""
    if len(data) <= _HEAD_OF_NONE.size:
        return np.empty(0, dtype=np.int64)
    _, has_nulls, element, _, _ = _HEAD.unpack_from(data)
    if has_nulls:
        raise ValueError("an array with NULLs can't be read as a column")
    kind = _KINDS[element]
    values = np.frombuffer(data, dtype=kind.items, offset=_HEAD.size)["value"].astype(np.int64)
    if kind is _MOMENT:
        values = np.where(values == _INFINITELY_EARLY, NEVER, values // 1000 + _EPOCH_MS)
    return values
