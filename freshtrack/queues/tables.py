"""The overview as tables of the staff's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.template.defaultfilters import filesizeformat

from freshtrack.queues.figures import Overview, QueueFigures
from notifications.models import Outcome
from organizations.staff_columns import NBSP, duration, label

Table = dict[str, Any]
DASH: Final = "–"
# Waiting for longer than this is worth a colour: an alarm is to be written within ten seconds.
LATE_S: Final = {"urgent": 10.0, "default": 60.0, "bulk": 600.0}


def of(overview: Overview) -> dict[str, Table]:
    """By name."""
    return {
        "queues": _table(
            ("Queue", "Workers", "Messages due", "Oldest due", "Being sent", "Later", "Jobs in Redis", "Oldest job"),
            [_queue(queue) for queue in overview["queues"]],
        ),
        "workers": _table(
            ("Worker", "Queues", "Running", "Memory"),
            [
                [
                    worker["name"],
                    ", ".join(worker["queues"]),
                    f"{worker['running']} of {worker['slots']}",
                    filesizeformat(worker["memory_bytes"]),
                ]
                for worker in overview["workers"]
            ],
            none="Nobody answers." if overview["redis"] == "ok" else "Can't be asked while Redis is away.",
        ),
        "running": _table(
            ("Job", "Queue", "Running for", "Organization", "Worker"),
            [
                [job["task"], job["queue"], _seconds(job["running_s"]), job["organization"] or DASH, job["worker"]]
                for job in overview["running"]
            ],
            none="Nothing at this moment.",
        ),
        "tasks": _table(
            ("Task", "Queue", "Last minute", "Last hour", "Failed", "On average"),
            [
                [
                    task["task"],
                    task["queue"] or DASH,
                    f"{task['last_minute']:,}",
                    f"{task['last_hour']:,}",
                    label("failed", f"{task['failed_last_hour']:,}") if task["failed_last_hour"] else "0",
                    f"{task['average_ms']:,.0f}{NBSP}ms",
                ]
                for task in overview["tasks"]
            ],
            none="None in the last hour." if overview["redis"] == "ok" else "Can't be counted while Redis is away.",
        ),
        "messages": _table(
            ("Attempts that ended as", "Last minute", "Last hour"),
            [
                [Outcome(one["outcome"]).label, f"{one['last_minute']:,}", f"{one['last_hour']:,}"]
                for one in overview["messages"]
            ],
        ),
    }


def _table(headers: tuple[str, ...], rows: list[list[Any]], *, none: str = "") -> Table:
    return {"headers": headers, "rows": rows, "none": none}


def _queue(queue: QueueFigures) -> list[Any]:
    words = {"ok": ("usable", "there"), "down": ("dead", "silent"), "unknown": ("pending", "unknown")}
    late = LATE_S.get(queue["queue"], 60.0)
    return [
        queue["queue"],
        label(*words[queue["workers"]]) if queue["last_sign_at"] else label("dead", "never seen"),
        f"{queue['messages_due']:,}",
        _age(queue["oldest_message_s"], late),
        f"{queue['messages_in_hand']:,}",
        f"{queue['messages_later']:,}",
        DASH if queue["bells"] is None else f"{queue['bells']:,}",
        _age(queue["oldest_bell_s"], late),
    ]


def _age(seconds: float | None, late_s: float) -> Any:
    if seconds is None:
        return DASH
    return label("failed", _seconds(seconds)) if seconds > late_s else _seconds(seconds)


def _seconds(seconds: float | None) -> str:
    return DASH if seconds is None else duration(timedelta(seconds=seconds))
