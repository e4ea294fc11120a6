"""The doors: HTTP to Django, readings to the ingest door in front of it, WebSockets to the live consumers.

`application` is all of them in one process (daphne, `make up`); `ingest` and `live` are for processes of their own.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freshtrack.settings")

from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from freshtrack import flow  # noqa: E402
from ingest.asgi import IngestDoor  # noqa: E402 (models can be imported only after get_asgi_application)
from live.routing import sockets  # noqa: E402

INGEST_PREFIX = "/api/v1/ingest/"

ingest = IngestDoor()


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Readings never enter Django's handler: it costs more than storing them."""
    if scope["path"].startswith(INGEST_PREFIX):
        await ingest(scope, receive, send)
    else:
        await flow.paced(django_application, scope, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": sockets})
live = ProtocolTypeRouter({"http": django_application, "websocket": sockets})
