"""One web process to be measured: `python -m bench.serve netra|plain|core|raw|joined --port PORT`.

All are the very same `manage.py web` with another application behind it. The rivals plain, core
(plain on the other channel layer) and raw write as uvicorn does by itself; joined is raw behind
Netra's own way of writing. SIGUSR1 collects garbage, so that memory can be compared.
"""

import argparse
import gc
import signal
from typing import get_args

from channels.layers import channel_layers
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.management import call_command
from django.urls import path
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from bench.rivals.layers import BACKENDS, layer_of
from bench.rivals.plain import ALIAS, PlainConsumer
from bench.rivals.raw import RawApplication
from bench.servers import Kind
from netra import asgi
from netra.management.commands import web


def plain() -> ProtocolTypeRouter:
    return ProtocolTypeRouter(
        {
            "http": asgi.pages,
            "websocket": URLRouter([path("ws/chat/", PlainConsumer.as_asgi())]),  # type: ignore[arg-type, list-item]  # the stubs know only views
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("application", choices=get_args(Kind))
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.application in BACKENDS:
        channel_layers.set(ALIAS, layer_of(arguments.application))
        asgi.application = plain()
    elif arguments.application in ("raw", "joined"):
        raw = RawApplication(settings.REDIS_URL, channel=arguments.application)
        asgi.application = raw
    if arguments.application in ("plain", "core", "raw"):
        web.ChatProtocol = WebSocketsSansIOProtocol  # type: ignore[assignment, attr-defined]  # its parent
    signal.signal(signal.SIGUSR1, lambda _number, _frame: gc.collect())
    call_command("web", port=arguments.port)


if __name__ == "__main__":
    main()
