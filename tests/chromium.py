"""A real Chromium: found, or installed from Debian when root, or by Playwright, or one clear sentence."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_SECONDS = 600


class NoBrowser(Exception):
    """No Chromium, and none can be installed here."""


def executable() -> str:
    """The path of a Chromium. May install one; two runs at once take turns.

    Raises NoBrowser with a sentence that says what to do.
    """
    with _turn():
        found = _found()
        if found:
            return found
        tried = []
        if os.geteuid() == 0 and shutil.which("apt-get"):
            print("Installing Chromium from Debian (once).", flush=True)
            tried += [_run("apt-get", "update"), _run("apt-get", "install", "-y", "chromium", "fonts-liberation")]
        if not _found():
            print("Installing Chromium with Playwright (once).", flush=True)
            tried.append(_run(sys.executable, "-m", "playwright", "install", "chromium"))
        found = _found()
        if found:
            return found
    raise NoBrowser(
        "The browser tests need Chromium and none could be installed: install the package chromium (as root: "
        f"apt-get install chromium) or name one in CHROMIUM. Tried: {'; '.join(tried)}"
    )


@contextmanager
def _turn() -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / f"freshtrack-chromium-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _found() -> str | None:
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def _run(*command: str) -> str:
    """What came of it, in a few words."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command[:3])}: {error}"
    last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
    return f"{' '.join(command[:3])} ended with {done.returncode} ({' '.join(last)})"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser, headless."""
    path = executable()
    with sync_playwright() as playwright:
        browser = launch(playwright, path)
        try:
            yield browser
        finally:
            browser.close()


def launch(playwright: Playwright, path: str) -> Browser:
    """Start it so that it talks to nobody but us. The sandbox needs rights that root and containers don't have."""
    return playwright.chromium.launch(
        executable_path=path,
        args=[
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    )
