"""What words of every room may need: {% load messages %}."""

from __future__ import annotations

from django import template
from django.conf import settings

from notifications import links
from notifications.addresses import SETTINGS_PATH

register = template.Library()


@register.simple_tag
def answer_link() -> str:
    """Where the person's own link stands once the message is sent (Note [Links in messages])."""
    return links.ANSWER_LINK


@register.simple_tag
def settings_link() -> str:
    """Where a person chooses what is sent, and where to."""
    return f"{settings.PUBLIC_URL}{SETTINGS_PATH}"
