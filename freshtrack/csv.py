"""Tables as CSV for spreadsheets: UTF-8, RFC 4180, and no cell that a spreadsheet would calculate."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

CONTENT_TYPE: Final = "text/csv; charset=utf-8; header=present"

# A cell that begins like this is a formula to a spreadsheet, and a formula may send what is in the others elsewhere
# (OWASP, CSV injection). The last four are the same signs in full width.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: Any) -> str:
    """One value as text. What a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Leading spaces are skipped by spreadsheets.
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as lines of a file."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return buffer.getvalue().encode()
