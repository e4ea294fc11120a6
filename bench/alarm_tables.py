"""The scoreboard as tables for people. bench/alarms.py makes the figures; nothing here needs Django."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

HEAD: Final = (
    "",
    "days",
    "alarms",
    "false",
    "of them in defrosts",
    "missed",
    "minutes to alarm",
    "before food is lost",
)


def render(results: dict[str, Any]) -> str:
    """For people."""
    parts = [
        "Simulated units, a month each; missed: of the failures in which food was lost",
        _table(results["simulated"]),
    ]
    if results["long_defrosts"]:
        parts += ["The same with defrosts that only the fail-safe ends", _table(results["long_defrosts"])]
    parts += ["Defrosts, as charts label them", _labels([*results["simulated"], *results["long_defrosts"]])]
    if results["recorded"] is None:
        parts.append("No recordings: put their folder into RECORDINGS.")
    else:
        parts += ["Recordings of real devices", _table(results["recorded"])]
    return "\n\n".join(parts)


def _table(runs: Sequence[dict[str, Any]]) -> str:
    rows = [HEAD]
    for run in [*runs, *([_total(runs)] if len(runs) > 1 else [])]:
        rows.append((run["name"], f"{run['days']:g}", *[""] * 6))
        rows += [(f"  {name}", "", *_cells(row)) for name, row in run["scores"].items()]
    return aligned(rows)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    after, ahead = row["minutes_after"], row["minutes_ahead"]
    return (
        str(row["told"]),
        str(row["false"]),
        str(row["in_defrost"]),
        f"{row['missed']} of {row['needed']}",
        f"{median(after):.0f}, at most {max(after)}" if after else "–",
        f"{min(ahead)} at least" if ahead else "–",
    )


def _total(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for name in runs[0]["scores"]:
        rows = [run["scores"][name] for run in runs]
        scores[name] = {key: sum((row[key] for row in rows), [] if "minutes" in key else 0) for key in rows[0]}
    return {"name": "all together", "days": sum(run["days"] for run in runs), "scores": scores}


def _labels(runs: Sequence[dict[str, Any]]) -> str:
    rows: list[tuple[str, ...]] = [("", "defrosts", "labelled", "wrong labels", "door openings")]
    for run in runs:
        found = run["defrosts"]
        rows.append((run["name"], *(str(found[key]) for key in ("true", "found", "wrong")), str(run["openings"])))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns: names to the left, figures to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
