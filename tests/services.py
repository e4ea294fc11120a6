"""pytest plugin (`-p tests.services`): real PostgreSQL and Redis of this run alone, when the environment names none.

It acts when it is imported: pytest-django reads the settings, and so DATABASE_URL, before any conftest.py. Processes
of pytest-xdist inherit the environment; each makes its own database from the migrated template.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from freshtrack.embedded import Embedded
from freshtrack.embedded.servers import LOCK, remains
from tests import template

HOME_PREFIX = "ft-test-"

# What a developer's shell may hold and tests must not see: each of them is about other people's servers.
FOREIGN = (
    *(
        "ALLOWED_HOSTS",
        "DEBUG",
        "DEMO",
        "EMAIL_URL",
        "PORT",
        "PUBLIC_URL",
        "REDIS_PREFIX",
        "STATIC_ROOT",
        "LIVE_FLUSH_MS",
    ),
    *("TELNYX_API_BASE", "TELNYX_API_KEY", "TELNYX_FROM", "TELNYX_PUBLIC_KEY", "TTS_API_BASE"),
    *("STRIPE_API_BASE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "VAPID_PRIVATE_KEY", "OIDC_ISSUERS"),
    *("S3_ENDPOINT_URL", "HEARTBEAT_URL", "TSA_URL", "BEHIND_PROXY", "SSL_REDIRECT", "RATE_PER_USER", "DATABASE_POOL"),
    "RATE_ON_SCREEN",
    "WORKER_GRACE_S",
    *("RATE_FOUNDING", "RATE_INVITING", "RATE_LOOK_UP", "INVITATION_DAYS"),
    *("RATE_BAD_CREDENTIALS", "RATE_SIGN_IN", "RATE_ACCOUNT_MAIL", "SIGN_IN_MISTAKES", "OPENID_PROVIDERS"),
    *("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"),
    *("EXPORTS_PER_USER", "EXPORTS_PER_ORGANIZATION", "SLOW_CLIENT_S"),
    *("APPLE_CLIENT_ID", "APPLE_KEY_ID", "APPLE_TEAM_ID", "APPLE_PRIVATE_KEY"),
)


class Services:
    """The servers of one run, in a temporary home that is removed at the end."""

    def __init__(self) -> None:
        _sweep()
        self.home = Path(tempfile.mkdtemp(prefix=HOME_PREFIX))
        # Everybody may pass through (as root, PostgreSQL runs under another account), nobody may look around.
        self.home.chmod(0o711)
        template.copy_into(self.home)
        self.servers = Embedded(self.home, durable=False).start()

    def environment(self) -> dict[str, str]:
        return {
            **self.servers.environment(),
            "FRESHTRACK_HOME": str(self.home),
            "FRESHTRACK_TEST_HOME": str(self.home),
            "SECRET_KEY": "a key for tests only, long enough for every check of its length",
            "TEST_DB_TEMPLATE": template.DATABASE,
            # Tests sign in hundreds of times from one address; those about limits set their own.
            "RATE_SIGN_IN": "6000/min",
            "RATE_ACCOUNT_MAIL": "600/hour",
            "RATE_BAD_CREDENTIALS": "6000/min",
        }

    def stop(self) -> None:
        self.servers.stop()
        shutil.rmtree(self.home, ignore_errors=True)


def _sweep() -> None:
    """Remove what runs left that were killed: their servers are gone, the lock of their home is free."""
    for home in Path(tempfile.gettempdir()).glob(f"{HOME_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(home / LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                sockets = remains(home)
                if sockets is not None:
                    shutil.rmtree(sockets, ignore_errors=True)
                shutil.rmtree(home, ignore_errors=True)
            finally:
                os.close(lock)


def _prepare() -> Services | None:
    """Make the environment of this process; the services, if this is the process that owns them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        # All workers share one Redis, and each must hear only itself.
        os.environ["REDIS_PREFIX"] = f"test-{worker}"
        home = Path(os.environ["FRESHTRACK_HOME"]) / worker
        home.mkdir(exist_ok=True)
        os.environ["FRESHTRACK_HOME"] = str(home)
        return None
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        os.environ.setdefault("SECRET_KEY", "a key for tests only, long enough for every check of its length")
        return None
    for name in FOREIGN:
        os.environ.pop(name, None)
    services = Services()
    os.environ.update(services.environment())
    os.environ["REDIS_PREFIX"] = "test-main"
    return services


_services = _prepare()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers of this run."""
    if _services is not None:
        _services.stop()
