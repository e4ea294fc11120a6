"""The product's settings, with channels that reach nobody: for workers of the bench (DJANGO_SETTINGS_MODULE)."""

from freshtrack.settings import *  # noqa: F403

CHANNELS = {
    "email": "notifications.channels.email.sending",
    "webhook": "bench.courier",
    "slack": "bench.slow_courier",
}
