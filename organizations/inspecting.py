"""What a worker answers when staff ask what it is doing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from celery.worker import state as worker_state
from celery.worker.control import inspect_command

from organizations.jobs import HEADER

REPORT: Final = "freshtrack_report"


@inspect_command(name=REPORT)
def report(state: Any, **_: Any) -> dict[str, Any]:
    """The queues it serves, how many jobs at once, what runs since when, and its memory."""
    consumer = state.consumer
    pool = consumer.pool
    pids = [os.getpid(), *(info if isinstance(info := (pool.info or {}).get("processes"), list) else [])]
    return {
        "queues": sorted(queue.name for queue in consumer.task_consumer.queues),
        "slots": pool.num_processes,
        "memory_bytes": sum(_memory(pid) for pid in pids),
        "running": [
            {
                "id": request.id,
                "task": request.name,
                "queue": str(request.delivery_info.get("routing_key") or ""),
                "organization_id": request.request_dict.get(HEADER),
                "began_at": request.time_start,
            }
            for request in list(worker_state.active_requests)
        ],
    }


def _memory(pid: int) -> int:
    """Its share: what it has in common with others, such as its parent, is divided among them. 0 where none tells."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
