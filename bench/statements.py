"""How many SQL statements a request costs: `python -m bench.statements TOKEN PATH...` prints a list of numbers.

In a process of its own, since the one that measures has no Django in it.
"""

import json
import os
import sys

import django
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def count(path: str, *, token: str) -> int:
    """Statements of the second request: the first one opens the connection and fills caches."""
    client = Client(headers={"Authorization": f"Bearer {token}", "Host": "127.0.0.1"})
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path} was answered {answer.status_code}: {answer.content[:300]!r}")
    return len(captured)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")
    django.setup()
    print(json.dumps([count(path, token=sys.argv[1]) for path in sys.argv[2:]]))
