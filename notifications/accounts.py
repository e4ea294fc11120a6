"""Messages about a person's own account."""

from __future__ import annotations

from organizations.accounts.adapter import AccountAdapter


class MailingAdapter(AccountAdapter):
    """ACCOUNT_ADAPTER."""
