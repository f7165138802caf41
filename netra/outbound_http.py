"""HTTP to addresses of operators: each connection goes where `netra.outbound` looked itself."""

import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Final

import httpcore2
import httpx2

from netra import outbound

CONNECTIONS_MAX: Final = 100
KEPT_S: Final = 30.0


class AnswerTooLarge(httpx2.DecodingError):
    """A service went on answering beyond what anybody here reads."""


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the very address that was checked: a name is not asked for twice."""

    def __init__(self) -> None:
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failed: httpcore2.ConnectError | None = None
        for address in dict.fromkeys(await outbound.addresses_of(host, port)):
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except httpcore2.ConnectError as error:
                failed = error
        raise failed or httpcore2.ConnectError("no address")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """Checks every connection, those of redirects included; uses no proxy of the environment.

    An answer of more than `answer_bytes_max` bytes ends with AnswerTooLarge; None reads on.
    """

    def __init__(self, *, answer_bytes_max: int | None = None) -> None:
        super().__init__(verify=_tls())
        self._answer_bytes_max = answer_bytes_max
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=CONNECTIONS_MAX,
            keepalive_expiry=KEPT_S,
            network_backend=GuardedBackend(),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if self._answer_bytes_max is not None:
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Bounded(response.stream, self._answer_bytes_max)
        return response


@cache
def _tls() -> ssl.SSLContext:
    """Once a process: it reads all certificates that are trusted."""
    return httpx2.create_ssl_context()


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error where it grows too large."""

    def __init__(self, inner: httpx2.AsyncByteStream, bytes_max: int) -> None:
        self._inner = inner
        self._bytes_left = bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                raise AnswerTooLarge("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def client_for(*, is_guarded: bool) -> httpx2.AsyncClient | None:
    """One that calls no network of ours, for an address from the admin; else none of its own."""
    return httpx2.AsyncClient(transport=GuardedTransport()) if is_guarded else None
