"""`python -m bench.scoreboard`: false and missed alarms beside those of a bare threshold (bench/alarms.py)."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import django

from bench import alarm_tables
from tests.stack import ROOT

# The rules stand beside models, so Django wants its settings. Nobody is connected to.
NOBODY: Final = {
    "DJANGO_SETTINGS_MODULE": "freshtrack.settings",
    "SECRET_KEY": "nothing is signed here",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}

PATIENCE_S: Final = 600


def measured() -> dict[str, Any]:
    """The figures, made in a process of its own: Django is set up for nobody there."""
    with tempfile.TemporaryDirectory(prefix="bench-alarms-") as folder:
        output = Path(folder) / "alarms.json"
        command = [sys.executable, "-m", "bench.scoreboard", "--output", str(output)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        return dict(json.loads(output.read_text()))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.scoreboard", description=__doc__)
    parser.add_argument("--output", type=Path, help="where the figures go as JSON")
    wanted = parser.parse_args()
    began = time.monotonic()
    os.environ.update({name: os.environ.get(name, value) for name, value in NOBODY.items()})
    django.setup()
    alarms = importlib.import_module("bench.alarms")
    results = alarms.measure()
    print(f"{alarm_tables.render(results)}\n\nMeasured in {time.monotonic() - began:.0f} s.")
    if wanted.output is not None:
        wanted.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
