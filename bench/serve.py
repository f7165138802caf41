"""One web process to be measured: `python -m bench.serve netra|plain --port PORT`.

Both are the very same `manage.py web`; only the application behind it is another one. SIGUSR1
collects garbage, so that memory can be compared.
"""

import argparse
import gc
import signal

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.management import call_command
from django.urls import path

from bench.plain.consumer import PlainConsumer
from netra import asgi


def plain() -> ProtocolTypeRouter:
    return ProtocolTypeRouter(
        {
            "http": asgi.pages,
            "websocket": URLRouter([path("ws/chat/", PlainConsumer.as_asgi())]),  # type: ignore[arg-type, list-item]  # the stubs know only views
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("application", choices=["netra", "plain"])
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.application == "plain":
        asgi.application = plain()
    signal.signal(signal.SIGUSR1, lambda _number, _frame: gc.collect())
    call_command("web", port=arguments.port)


if __name__ == "__main__":
    main()
