"""The web server, ending when it is told to: `python -m freshtrack.up.daphne`, with the arguments of daphne.

Daphne gives up the requests under way when it stops, but their threads wait for ever for the event loop, which no
longer runs, and the interpreter waits for the threads. So a stop in the middle of a request would hang.
"""

import logging
import os
import sys

from daphne.cli import CommandLineInterface


def main() -> None:
    CommandLineInterface().run(sys.argv[1:])
    # What is left are threads whose requests nobody waits for: their connections are closed, and PostgreSQL takes back
    # what they hadn't committed.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
