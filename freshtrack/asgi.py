"""The doors: HTTP to Django, readings to the ingest door in front of it, WebSockets to the live consumers.

`application` is all of them in one process (daphne, `make up`); `ingest` and `live` are for processes of their own.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")

from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from ingest.asgi import IngestDoor  # noqa: E402 (models can be imported only after get_asgi_application)
from live.routing import sockets  # noqa: E402

INGEST_PREFIX = "/api/v1/ingest/"

ingest = IngestDoor()


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Readings never enter Django's handler: it costs more than storing them."""
    door: Any = ingest if scope["path"].startswith(INGEST_PREFIX) else django_application
    await door(scope, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": sockets})
live = ProtocolTypeRouter({"http": django_application, "websocket": sockets})
