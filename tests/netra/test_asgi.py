"""What a process that is to end, or that trusts no proxy, answers before anything else is asked."""

from typing import Any

import pytest
from pytest_django import Settings

from chat.consumers import NODE
from netra import asgi
from netra.management.commands.web import config_of

SCOPE = {"type": "websocket", "path": "/ws/chat/", "extensions": {asgi.REFUSAL: {}}}


@pytest.mark.asyncio
async def test_a_draining_process_leaves_sockets_to_the_next_one_of_its_proxy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    monkeypatch.setattr(NODE, "draining", True)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asgi.application(SCOPE, receive, send)
    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert sent[0]["status"] == 503


@pytest.mark.parametrize("proxies", [0, 1])
def test_headers_of_a_proxy_count_only_where_one_is_trusted(
    settings: Settings, proxies: int
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    assert config_of(host="127.0.0.1", port=8000).proxy_headers == bool(proxies)
