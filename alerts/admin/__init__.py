"""Rules, alerts and who is called, for staff."""

from alerts.admin import alerting, answering

__all__ = ["alerting", "answering"]
