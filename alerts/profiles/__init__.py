"""What each kind of unit starts with and what the law asks of it, as data with its sources."""

from alerts.profiles.kinds import EVERYWHERE, PROFILES, Default, Profile, product_tau_s
from alerts.profiles.laying import lay_default_rules

__all__ = ["EVERYWHERE", "PROFILES", "Default", "Profile", "lay_default_rules", "product_tau_s"]
