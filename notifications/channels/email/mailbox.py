"""Without a mail server every e-mail becomes a file, one RFC 5322 message each: $FRESHTRACK_HOME/mail/*.eml."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class MailboxBackend(BaseEmailBackend):
    """Django's e-mail backend that writes files. A file appears whole or not at all."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write each message; returns how many."""
        folder = Path(settings.MAILBOX)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid4().hex[:8]}.eml"
            unfinished = folder / f".{name}"
            # Django's messages take the line end; the stubs only know the standard library's.
            unfinished.write_bytes(message.message().as_bytes(linesep="\r\n"))  # type: ignore[call-arg]
            os.replace(unfinished, folder / name)
        return len(email_messages)
