"""Account mail goes through the outbox to a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.accounts.client import Mailbox
from tests.mail import mail_server


@pytest.fixture(autouse=True)
def own_counters(settings: Any) -> None:
    """No attempt of another test counts in this one. Other runs share this Redis, so that nothing is cleared."""
    cache = settings.CACHES["default"]
    settings.CACHES = {"default": {**cache, "KEY_PREFIX": f"{cache['KEY_PREFIX']}:{uuid4().hex}"}}


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        yield Mailbox(sink)
