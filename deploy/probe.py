"""Does the process in this container answer? `probe.py PATH [STATUS]` asks it over HTTP; exit status 0 if it does.

Standard library only, without FreshTrack's settings: it runs every few seconds and must cost nothing.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

TIMEOUT_S = 4.0


def main() -> None:
    path, expected = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    # Django answers only to the names in ALLOWED_HOSTS, and 127.0.0.1 isn't one of them in production.
    host = urlsplit(os.environ.get("PUBLIC_URL", "")).netloc or "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or "8000"), timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Host": host, "User-Agent": "freshtrack-probe"})
        status = connection.getresponse().status
    except OSError as error:
        sys.exit(f"{path}: {error}")
    finally:
        connection.close()
    if status != expected:
        sys.exit(f"{path}: status {status}, expected {expected}")


if __name__ == "__main__":
    main()
