#!/usr/bin/env python
"""Django's commands, with the servers and settings of this checkout when the environment names no others."""

import os
import sys

from django.core.management import execute_from_command_line

from freshtrack.embedded import EmbeddedError, adopt_environment


def main() -> None:
    try:
        adopt_environment(sys.argv[1:])
    except EmbeddedError as error:
        sys.exit(str(error))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
