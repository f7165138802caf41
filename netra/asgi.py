"""The ASGI application: pages and API through Django, sockets through Channels."""

import os
import warnings
from typing import Any

from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netra.settings")  # noqa: TID251  Django reads it itself
pages = get_asgi_application()
# whitenoise reads its files in blocks, in the thread that Django gives it; that is meant.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

# Only after Django's set-up may modules with models be imported.
from chat.consumers import ChatConsumer  # noqa: E402
from netra.metrics.page import PATH, MetricsPage  # noqa: E402

# The first socket should not pay for the imports of the layer's client.
get_channel_layer()

metrics = MetricsPage("netra.metrics.web")


async def http(scope: Any, receive: Any, send: Any) -> None:
    page = metrics if scope["path"] == PATH else pages
    await page(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter([path("ws/chat/", ChatConsumer.as_asgi())]),  # type: ignore[arg-type, list-item]  # the stubs know only views
    }
)
