"""What a person sees at the terminal while FreshTrack starts."""

import shutil
import sys
import time
from typing import TextIO

# Where lines can't be rewritten (a pipe, a CI log), say this often that we are still at it.
QUIET_SECONDS = 10.0


class Console:
    """One line a finished step; between them one line that says what is going on."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._rewrites = stream.isatty()
        self._shown = ""
        self._spoke = time.monotonic()

    def line(self, text: str = "") -> None:
        """Say something that stays."""
        self._clear()
        print(text, file=self._stream, flush=True)
        self._spoke = time.monotonic()

    def done(self, what: str, seconds: float) -> None:
        """Say that a step is finished and how long it took."""
        self.line(f"  {what:<58} {seconds:6.1f} s")

    def status(self, text: str) -> None:
        """Say what is going on; replaced by whatever comes next."""
        if self._rewrites:
            width = shutil.get_terminal_size().columns - 1
            if text != self._shown:
                self._clear()
                print(f"  {text}"[:width], end="", file=self._stream, flush=True)
                self._shown = text
        elif time.monotonic() - self._spoke > QUIET_SECONDS:
            self.line(f"  ... {text}")

    def _clear(self) -> None:
        if self._shown:
            print("\r\x1b[2K", end="", file=self._stream)
            self._shown = ""
