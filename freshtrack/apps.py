"""Registers the system checks of freshtrack/checks.py, and the site that staff work in."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register

from freshtrack import checks


class FrameConfig(AppConfig):
    name = "freshtrack"
    verbose_name = "FreshTrack"

    def ready(self) -> None:
        register(checks.runtime_login_obeys_row_security, Tags.database)
        register(checks.public_url_is_https, Tags.security, deploy=True)
        register(checks.rates_are_rates, Tags.security)
        register(checks.openid_providers_are_complete, Tags.security)
        register(checks.mail_service_can_tell, Tags.security)
        register(checks.identity_providers_can_be_asked, Tags.security)


class StaffConfig(AdminConfig):
    """Django's admin with our site, see Note [Staff and row security] in organizations/staff.py."""

    default = False
    default_site = "organizations.staff.StaffSite"
