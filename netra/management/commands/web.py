"""`manage.py web`: serves pages and sockets until told to stop, draining sockets first."""

import asyncio
import contextlib
import gc
import socket
import sys
from importlib import import_module
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from chat import consumers
from chat.delivery import bell
from netra import traces
from netra.checks import TAG
from netra.http import BoundedHeads
from netra.lag import watch_lag
from netra.websocket import ChatProtocol

# `up` gives this process 6 s to end: 3 to drain, 2 for requests under way.
DRAIN_WITHIN_S = 3.0
WS_MAX_BYTES = 1024 * 1024
# Clients are judged by the WebSocket's own pings, which hidden tabs answer, too.
PING_EVERY_S = 25
PING_ANSWERED_WITHIN_S = 35
DEPARTS_WITHIN_S = 1.0


class DrainingServer(uvicorn.Server):
    """Tells its sockets to reconnect elsewhere before it shuts down."""

    _warming: "asyncio.Future[object] | None" = None
    _lag: "asyncio.Task[None] | None" = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # A request may have news for other processes before this one has a socket.
        bell.attach()
        await super().startup(sockets)
        # Sockets need no pages, and after a deploy they all come at once: pages and API are
        # imported while the first of them are served.
        loop = asyncio.get_running_loop()
        self._warming = loop.run_in_executor(None, import_module, settings.ROOT_URLCONF)
        # Known to the others, and ready for orders, before the first socket comes.
        consumers.begin()
        self._lag = loop.create_task(watch_lag())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._lag is not None:
            self._lag.cancel()
        await consumers.NODE.drain(within_s=DRAIN_WITHIN_S)
        await super().shutdown(sockets)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEPARTS_WITHIN_S):
                await consumers.NODE.depart()
        # uvicorn ends the process by the signal that it was sent: nothing comes after this.
        await asyncio.to_thread(traces.end)


class Command(BaseCommand):
    help = "Serve the web process with the server that NETRA_SERVER names."
    # The others are for `manage.py check`, and import every page before the first connection.
    requires_system_checks = (TAG,)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *_args: Any, host: str, port: int, **_options: Any) -> None:
        traces.begin("netra-web", endpoint=settings.OTEL_EXPORTER_OTLP_ENDPOINT)
        try:
            _serve(host, port)
        finally:
            traces.end()


def _serve(host: str, port: int) -> None:
    if settings.NETRA_SERVER == "daphne":
        _serve_with_daphne(host, port)
        return
    server = DrainingServer(config_of(host=host, port=port))
    # What was imported stays: the collector need not walk it again, 90 ms each time.
    gc.collect()
    gc.freeze()
    server.run()
    if not server.started:
        sys.exit(3)


def config_of(*, host: str, port: int) -> uvicorn.Config:
    """How uvicorn is to serve."""
    return uvicorn.Config(
        "netra.asgi:application",
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHeads,
        ws=ChatProtocol,
        ws_max_size=WS_MAX_BYTES,
        # Deflate would cost 58 KB a socket.
        ws_per_message_deflate=False,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PING_ANSWERED_WITHIN_S,
        lifespan="off",
        log_config=None,
        access_log=False,
        # Else a client of this machine could say who it is.
        proxy_headers=settings.ALLAUTH_TRUSTED_PROXY_COUNT > 0,
        timeout_graceful_shutdown=2,
    )


def _serve_with_daphne(host: str, port: int) -> None:
    from daphne.cli import CommandLineInterface

    CommandLineInterface().run(
        [
            *("-b", host, "-p", str(port)),
            *("--ping-interval", str(PING_EVERY_S)),
            *("--ping-timeout", str(PING_ANSWERED_WITHIN_S)),
            *("--no-server-name", "netra.asgi:application"),
        ]
    )
