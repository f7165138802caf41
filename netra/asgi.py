"""The ASGI application: pages and API through Django, sockets through Channels."""

import os
import warnings
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netra.settings")  # noqa: TID251  Django reads it itself
pages = get_asgi_application()
# whitenoise reads its files in blocks, in the thread that Django gives it; that is meant.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

# Only after Django's set-up may modules with models be imported.
from chat.consumers import NODE, ChatConsumer  # noqa: E402
from netra.metrics.page import PATH, MetricsPage  # noqa: E402

SOCKET_PATH = "/ws/chat/"
REFUSAL = "websocket.http.response"
# The first socket should not pay for the imports of the layer's client.
get_channel_layer()

metrics = MetricsPage("netra.metrics.web")


async def http(scope: Any, receive: Any, send: Any) -> None:
    page = metrics if scope["path"] == PATH else pages
    await page(scope, receive, send)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        await http(scope, receive, send)
        return
    if not await _turned_away(scope, receive, send):
        # By no router: each call in between takes memory as long as the socket is open.
        await ChatConsumer()(scope, receive, send)


async def _turned_away(scope: Any, receive: Any, send: Any) -> bool:
    """Whether a socket is not for this process; then it has been told so."""
    if scope["path"] != SOCKET_PATH:
        await receive()
        # This is a 403.
        await send({"type": "websocket.close"})
        return True
    is_behind_proxy = settings.ALLAUTH_TRUSTED_PROXY_COUNT > 0
    if NODE.draining and is_behind_proxy and REFUSAL in scope.get("extensions", {}):
        await receive()
        # To be taken by another process at once: a proxy that prefers whoever has few sockets would
        # send everybody back here. Without a proxy a browser would see nothing but 1006.
        await send({"type": f"{REFUSAL}.start", "status": 503, "headers": []})
        await send({"type": f"{REFUSAL}.body", "body": b""})
        return True
    return False
