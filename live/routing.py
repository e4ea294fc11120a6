"""WebSocket addresses."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from live.consumers import LiveSocket

_router = URLRouter([path("ws/v1/orgs/<slug:organization>/live/", LiveSocket.as_asgi())])
_with_session = AuthMiddlewareStack(_router)


async def sockets(scope: Any, receive: Any, send: Any) -> None:
    """Sessions for everybody; an unknown address is closed instead of ending in a traceback."""
    try:
        await _with_session(scope, receive, send)
    except ValueError:  # channels' "No route found"
        await send({"type": "websocket.close", "code": 4404})
