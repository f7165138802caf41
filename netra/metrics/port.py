"""A port of its own for the metrics of a process that serves nothing else."""

import contextlib
from collections.abc import Iterator
from typing import Final

import uvicorn

from netra.metrics.page import MetricsPage

REQUESTS_AT_ONCE_MAX: Final = 16


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process has its own way of being told to stop."""
        yield


async def serve_metrics(kind: str, *, host: str, port: int) -> None:
    """Answer `GET /metrics` on this address until cancelled."""
    config = uvicorn.Config(
        MetricsPage(kind),
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        limit_concurrency=REQUESTS_AT_ONCE_MAX,
    )
    server = _Server(config)
    try:
        await server.serve()
    finally:
        # Cancelled, it would leave the port open.
        if server.started and not server.should_exit:
            await server.shutdown()
