"""The `websockets` library's own server, run for a block."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from bench import servers
from bench.servers import Server

CHANNEL: Final = "websockets"


@contextmanager
def server(*, core: int | None = None) -> Iterator[Server]:
    module = "bench.peers.websockets_server"
    argv = [sys.executable, "-m", module, "{port}", settings.REDIS_URL, CHANNEL]
    with servers.peer("websockets", argv, core=core) as running:
        yield running
