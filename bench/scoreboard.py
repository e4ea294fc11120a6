"""`python -m bench.scoreboard`: false and missed alarms beside those of a bare threshold (bench/alarms.py)."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from pathlib import Path
from typing import Final

import django

# The rules stand beside models, so Django wants its settings. Nobody is connected to.
NOBODY: Final = {
    "DJANGO_SETTINGS_MODULE": "freshtrack.settings",
    "SECRET_KEY": "nothing is signed here",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


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
    print(f"{alarms.render(results)}\n\nMeasured in {time.monotonic() - began:.0f} s.")
    if wanted.output is not None:
        wanted.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
