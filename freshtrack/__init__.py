"""FreshTrack: temperature monitoring for the places where food and medicine are kept."""

from freshtrack.celery import app as celery_app

__all__ = ["celery_app"]
