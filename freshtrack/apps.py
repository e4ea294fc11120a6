"""Registers the system checks of freshtrack/checks.py."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from freshtrack import checks


class FrameConfig(AppConfig):
    name = "freshtrack"
    verbose_name = "FreshTrack"

    def ready(self) -> None:
        register(checks.runtime_login_obeys_row_security, Tags.database)
        register(checks.public_url_is_https, Tags.security, deploy=True)
