"""When to alert, what is too warm for too long, and what became of it."""

from alerts.models.alerts import Alert, AlertEvent, AlertEventKind, AlertQuerySet, AlertStatus, Channel
from alerts.models.judging import Listening, RuleState
from alerts.models.mutes import Mute, MuteKind, MuteQuerySet
from alerts.models.rules import (
    WITHOUT_THRESHOLD,
    AlertRule,
    AlertRuleQuerySet,
    Condition,
    Metric,
    RuleOverride,
    Schedule,
)
from notifications.models import Severity  # how much something matters is the same for rules and messages

__all__ = [
    "WITHOUT_THRESHOLD",
    "Alert",
    "AlertEvent",
    "AlertEventKind",
    "AlertQuerySet",
    "AlertRule",
    "AlertRuleQuerySet",
    "AlertStatus",
    "Channel",
    "Condition",
    "Listening",
    "Metric",
    "Mute",
    "MuteKind",
    "MuteQuerySet",
    "RuleOverride",
    "RuleState",
    "Schedule",
    "Severity",
]
