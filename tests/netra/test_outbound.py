"""Which addresses may be called on an operator's word, by table and over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import httpx2
import pytest
from pytest_django.fixtures import Settings

from netra.outbound import OutboundRefused, check_reachable, check_url, is_public
from netra.outbound_http import AnswerTooLarge, GuardedTransport

ADDRESSES = (
    ("8.8.8.8", True), ("93.184.215.14", True), ("2606:4700::1111", True),
    ("127.0.0.1", False), ("127.8.8.8", False), ("0.0.0.0", False), ("10.1.2.3", False),
    ("172.16.0.1", False), ("172.31.255.255", False), ("192.168.1.1", False),
    ("169.254.169.254", False), ("100.64.0.1", False), ("100.100.100.200", False),
    ("192.0.0.192", False), ("198.18.0.1", False), ("224.0.0.1", False), ("239.1.1.1", False),
    ("240.0.0.1", False), ("255.255.255.255", False), ("168.63.129.16", False),
    ("::", False), ("::1", False), ("::127.0.0.1", False), ("fe80::1", False), ("fc00::1", False),
    ("fd00:ec2::254", False), ("fec0::1", False), ("ff02::1", False), ("2001:db8::1", False),
    ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False), ("::ffff:8.8.8.8", True),
    ("64:ff9b::7f00:1", False), ("64:ff9b::808:808", True), ("64:ff9b:1::1", False),
    ("2002:7f00:1::", False), ("2002:a9fe:a9fe::1", False), ("4000::1", False),
)  # fmt: skip

REFUSED_URLS = (
    "http://example.com/mcp", "ftp://example.com/", "file:///etc/passwd", "https://", "//x",
    "https://user:key@example.com/", "https://example.com:0/", "https://example.com:99999/",
    "https://exam ple.com/", "https://[::1", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/",
    "https://[fd00::1]:8443/", "https://169.254.169.254/latest", "https://a/\n", "",
    "https://example.com/" + "a" * 500,
)  # fmt: skip

# Ways to write this machine that only the resolver understands.
LOOPBACKS = ("2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost")


@pytest.mark.parametrize(("address", "public"), ADDRESSES)
def test_an_address_is_public_or_not(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_an_address_is_refused_before_the_network_is_asked(url: str) -> None:
    with pytest.raises(OutboundRefused) as refused:
        check_url(url)
    assert refused.value.problem.endswith(".")


@pytest.mark.asyncio
async def test_other_spellings_of_this_machine_are_refused(settings: Settings) -> None:
    for host in LOOPBACKS:
        with pytest.raises(OutboundRefused, match="private network"):
            await check_reachable(f"https://{host}/")
    with pytest.raises(OutboundRefused, match="leads nowhere"):
        await check_reachable("https://nowhere.invalid/")


@pytest.mark.asyncio
async def test_a_private_host_is_called_where_the_environment_names_it(settings: Settings) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"10.0.0.5", "169.254.169.254"})
    await check_reachable("http://10.0.0.5/")
    with pytest.raises(OutboundRefused, match="private"):
        await check_reachable("https://10.0.0.6/")
    settings.NETRA_ALLOW_PRIVATE_URLS = True
    await check_reachable("http://[::1]:8000/")
    # Nobody can allow what answers with the keys of the machine itself.
    for metadata in ("169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "168.63.129.16"):
        with pytest.raises(OutboundRefused, match="cloud"):
            await check_reachable(f"http://{metadata}/")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names and where they lead, one answer after another: the last one stays."""
    zone: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        answers = zone.get(str(host))
        if answers is None:
            return real(host, port, *args, **options)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for one in found for entry in real(one, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return zone


@asynccontextmanager
async def server(answer: str, body: bytes = b"hello") -> AsyncIterator[int]:
    """An HTTP server on this machine; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


async def got(url: str, **options: Any) -> httpx2.Response:
    transport = GuardedTransport(**options)
    async with httpx2.AsyncClient(transport=transport, follow_redirects=True) as client:
        return await client.get(url)


@pytest.mark.asyncio
async def test_a_name_that_turns_to_a_private_address_is_not_connected_to(
    settings: Settings, names: dict[str, list[list[str]]]
) -> None:
    names["turning.example"] = [["8.8.8.8"], ["127.0.0.1"]]
    async with server("200 OK") as port:
        await check_reachable(f"https://turning.example:{port}/")
        with pytest.raises(OutboundRefused, match="private"):
            await got(f"https://turning.example:{port}/")
        # One bad address among good ones is enough.
        names["mixed.example"] = [["8.8.8.8", "10.0.0.1"]]
        with pytest.raises(OutboundRefused, match="private"):
            await got(f"https://mixed.example:{port}/")


@pytest.mark.asyncio
async def test_a_redirect_leads_to_no_private_address(settings: Settings) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    async with server("200 OK") as inner:
        assert (await got(f"http://127.0.0.1:{inner}/")).text == "hello"
        for target in (f"http://localhost:{inner}/", "http://[::1]/", "http://2130706433/"):
            async with server(f"302 Found\r\nLocation: {target}") as outer:
                with pytest.raises(OutboundRefused):
                    await got(f"http://127.0.0.1:{outer}/")


@pytest.mark.asyncio
async def test_the_address_that_was_checked_is_the_one_connected_to(
    settings: Settings, names: dict[str, list[list[str]]]
) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"once.example"})
    names["once.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    async with server("200 OK") as port:
        assert (await got(f"http://once.example:{port}/")).text == "hello"


@pytest.mark.asyncio
async def test_an_answer_ends_where_it_grows_too_large(settings: Settings) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    async with server("200 OK", b"x" * 3000) as port:
        assert len((await got(f"http://127.0.0.1:{port}/", answer_bytes_max=3000)).content) == 3000
        with pytest.raises(AnswerTooLarge):
            await got(f"http://127.0.0.1:{port}/", answer_bytes_max=2999)
