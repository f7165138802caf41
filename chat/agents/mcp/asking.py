"""One question to a server of tools: connected, asked, closed; what fails is one sentence.

Each question has a connection of its own. A server that keeps something for whom it talks to then
cannot show it to the next user, and one that breaks takes no other call with it.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import httpx2
from django.conf import settings
from mcp import MCPError, StdioServerParameters, stdio_client
from mcp.client import Client, Transport
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, Implementation
from pydantic import ValidationError

from chat.mcp_rows import McpServer
from chat.mcp_rows import Transport as Way
from netra.outbound import OutboundRefused
from netra.outbound_http import AnswerTooLarge, GuardedTransport
from netra.sealed import Unreadable

Answer = TypeVar("Answer")

CONNECT_S: Final = 10.0
# A model is shown far less; what is read beyond that would only take memory.
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
WHO_ASKS: Final = Implementation(name="netra", version="1")

# Kinds of failure, the most particular first, with their sentences.
PROBLEMS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (OutboundRefused, "Its address is not one that may be called."),
    (Unreadable, "Its headers cannot be read any more; enter them again."),
    (AnswerTooLarge, "Its answer is too large."),
    (httpx2.ConnectTimeout, "It does not answer."),
    (httpx2.TimeoutException, "It took too long to answer."),
    (httpx2.ConnectError, "Nothing answers at its address."),
    (httpx2.HTTPError, "The connection to it broke."),
    (TimeoutError, "It took too long to answer."),
    (OSError, "Its program cannot be started."),
    (MCPError, "It does not answer as a tool server does."),
    (ValidationError, "It does not answer as a tool server does."),
    (RuntimeError, "What it answered is not what it had announced."),
)
CLOSED: Final = "Its program ended in the middle of the answer."
STATUSES: Final = {
    401: "It does not accept the key (401).",
    403: "It does not accept the key (403).",
    404: "There is no tool server at its address (404).",
    429: "It receives too many requests at the moment (429).",
}


class ServerFault(Exception):
    """A server could not answer; `problem` is a sentence for operators, `told` one for users.

    Neither has words of the server, and a user does not read what our network looks like.
    """

    def __init__(self, problem: str, *, is_ours: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.told = "It is not set up as it must be." if is_ours else problem


async def ask(server: McpServer, question: Callable[[Client], Awaitable[Answer]]) -> Answer:
    """The answer to one question; raises ServerFault. How long it takes is the caller's to limit.

    A server that fails after its answer has given it all the same.
    """
    answers: list[Answer] = []
    statuses: list[int] = []
    failed: Exception | None = None
    try:
        async with _connected(server, statuses) as client:
            answers.append(await question(client))
    except* tuple(kind for kind, _ in PROBLEMS) as group:
        failed = next(_leaves(group))
    if answers:
        return answers[0]
    assert failed is not None
    is_ours = isinstance(failed, OutboundRefused | Unreadable)
    raise ServerFault(_problem(failed, statuses), is_ours=is_ours)


@asynccontextmanager
async def _connected(server: McpServer, statuses: list[int]) -> AsyncIterator[Client]:
    way = _by_http if server.transport == Way.HTTP else _by_pipes
    async with (
        way(server, statuses) as transport,
        Client(transport, client_info=WHO_ASKS, cache=None) as client,
    ):
        yield client


@asynccontextmanager
async def _by_http(server: McpServer, statuses: list[int]) -> AsyncIterator[Transport]:
    async def note(response: httpx2.Response) -> None:
        statuses.append(response.status_code)

    async with httpx2.AsyncClient(
        transport=GuardedTransport(answer_bytes_max=ANSWER_BYTES_MAX),
        headers=headers_in(server.headers.reveal()),
        timeout=httpx2.Timeout(server.timeout_s, connect=CONNECT_S),
        event_hooks={"response": [note]},
    ) as http_client:
        yield streamable_http_client(server.url, http_client=http_client)


@asynccontextmanager
async def _by_pipes(server: McpServer, _statuses: list[int]) -> AsyncIterator[Transport]:
    command = settings.NETRA_MCP_STDIO.get(server.program)
    if command is None:
        raise OutboundRefused("NETRA_MCP_STDIO does not name its program any more.")
    # Not with our environment, which has keys; the SDK gives it PATH, HOME and the like.
    program = StdioServerParameters(command=command[0], args=list(command[1:]))
    with open(os.devnull, "w") as nowhere:  # noqa: ASYNC230 -- nothing is written there
        yield stdio_client(program, errlog=nowhere)


def headers_in(lines: str) -> dict[str, str]:
    """What an operator wrote, `Name: value` on each line."""
    pairs = (line.partition(":") for line in lines.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _leaves(error: BaseException) -> Iterator[Any]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _problem(error: Exception, statuses: list[int]) -> str:
    if isinstance(error, OutboundRefused):
        return error.problem
    if isinstance(error, MCPError):
        # The last one: an older server refuses the first question of a newer client.
        status = statuses[-1] if statuses else 200
        if status >= 300:
            does = "answers with an error" if status >= 400 else "leads elsewhere"
            return STATUSES.get(status, f"It {does} ({status}).")
        if error.code == CONNECTION_CLOSED:
            return CLOSED
    return next(sentence for kind, sentence in PROBLEMS if isinstance(error, kind))
