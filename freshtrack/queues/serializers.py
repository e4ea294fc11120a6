"""The overview as the API gives it."""

from __future__ import annotations

from rest_framework import serializers

from notifications.models import Outcome

STATES = ("ok", "down")
SIGNS = ("ok", "down", "unknown")


class StaffQueueSerializer(serializers.Serializer[object]):
    """`bells` are jobs in Redis (null: it is away), `messages` rows of the outbox, which are the queue."""

    queue = serializers.CharField()
    bells = serializers.IntegerField(allow_null=True)
    oldest_bell_s = serializers.FloatField(allow_null=True)
    messages_due = serializers.IntegerField()
    oldest_message_s = serializers.FloatField(allow_null=True)
    messages_in_hand = serializers.IntegerField()
    messages_later = serializers.IntegerField()
    workers = serializers.ChoiceField(SIGNS, help_text="unknown: beat is away, and nobody asks them for a sign.")
    last_sign_at = serializers.DateTimeField(allow_null=True)


class StaffWorkerSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    slots = serializers.IntegerField()
    running = serializers.IntegerField()
    memory_bytes = serializers.IntegerField()


class StaffRunningJobSerializer(serializers.Serializer[object]):
    id = serializers.CharField()
    task = serializers.CharField()
    queue = serializers.CharField()
    worker = serializers.CharField()
    organization = serializers.UUIDField(allow_null=True)
    running_s = serializers.FloatField(allow_null=True)


class StaffTaskRateSerializer(serializers.Serializer[object]):
    task = serializers.CharField()
    queue = serializers.CharField()
    last_minute = serializers.IntegerField()
    last_hour = serializers.IntegerField()
    failed_last_hour = serializers.IntegerField()
    average_ms = serializers.FloatField()


class StaffMessageRateSerializer(serializers.Serializer[object]):
    outcome = serializers.ChoiceField(Outcome.choices)
    last_minute = serializers.IntegerField()
    last_hour = serializers.IntegerField()


class StaffFailureSerializer(serializers.Serializer[object]):
    id = serializers.UUIDField()
    task = serializers.CharField()
    queue = serializers.CharField()
    organization = serializers.UUIDField(allow_null=True)
    error = serializers.CharField()
    failed_at = serializers.DateTimeField()
    retried_at = serializers.DateTimeField(allow_null=True)


class OverviewSerializer(serializers.Serializer[object]):
    at = serializers.DateTimeField()
    redis = serializers.ChoiceField(STATES)
    beat = serializers.ChoiceField(STATES)
    beat_last_sign_at = serializers.DateTimeField(allow_null=True)
    queues = StaffQueueSerializer(many=True)
    jobs_in_hand = serializers.IntegerField(allow_null=True)
    workers = StaffWorkerSerializer(many=True)
    workers_silent = serializers.IntegerField()
    running = StaffRunningJobSerializer(many=True)
    tasks = StaffTaskRateSerializer(many=True)
    messages = StaffMessageRateSerializer(many=True)
    failed_last_day = serializers.IntegerField()
    failures = StaffFailureSerializer(many=True)
