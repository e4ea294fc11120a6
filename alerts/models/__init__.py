"""When to alert, what is too warm for too long, and what became of it."""

from alerts.models.alerts import Alert, AlertEvent, AlertEventKind, AlertQuerySet, AlertStatus, Channel
from alerts.models.escalation import EscalationPolicy, EscalationPolicyQuerySet, Hours
from alerts.models.judging import AuditRound, Listening, RuleState
from alerts.models.mutes import Mute, MuteKind, MuteQuerySet
from alerts.models.oncall import (
    OnCallFeed,
    OnCallOverride,
    OnCallSchedule,
    OverrideSource,
    ShiftSwap,
    SwapStatus,
)
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
    "AuditRound",
    "Channel",
    "Condition",
    "EscalationPolicy",
    "EscalationPolicyQuerySet",
    "Hours",
    "Listening",
    "Metric",
    "Mute",
    "MuteKind",
    "MuteQuerySet",
    "OnCallFeed",
    "OnCallOverride",
    "OnCallSchedule",
    "OverrideSource",
    "RuleOverride",
    "RuleState",
    "Schedule",
    "Severity",
    "ShiftSwap",
    "SwapStatus",
]
