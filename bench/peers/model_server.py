"""A model behind OpenAI's protocol that says the same fifty tokens to everybody, at one pace.

`python -m bench.peers.model_server PORT`
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import uvloop

from bench import servers
from bench.servers import Server

# As chainlit_app.py, which another Python runs, has them.
TOKENS: Final = 50
TOKENS_PER_S: Final = 25
TITLE: Final = "Fifty tokens"
# What Netra's instructions say where it asks for a thread's title.
ASKED_FOR_TITLE: Final = b"title of a conversation"
_PAGE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@contextmanager
def server() -> Iterator[Server]:
    """Run it for a block."""
    with servers.peer("model", [sys.executable, "-m", __name__, "{port}"]) as running:
        yield running


async def main(port: int) -> None:
    listening = await asyncio.start_server(_talk, "127.0.0.1", port)
    await listening.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request after the other, until the client goes."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            body = await _body_of_request(reader)
            if not body:
                writer.write(_PAGE)
            elif ASKED_FOR_TITLE in body:
                writer.write(_STREAM + _chunk(_said(TITLE)) + _ENDING)
            else:
                await _answer(writer)
            await writer.drain()
    writer.close()


async def _body_of_request(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _before, named, length = head.partition(b"content-length:")
    return await reader.readexactly(int(length.split(b"\r\n", 1)[0])) if named else b""


async def _answer(writer: asyncio.StreamWriter) -> None:
    writer.write(_STREAM)
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number, token in enumerate(_ANSWER):
        # Against the start, so that a late wake-up is made good.
        await asyncio.sleep(max(0.0, started + number / TOKENS_PER_S - loop.time()))
        writer.write(token)
        await writer.drain()
    writer.write(_ENDING)


def _tokens() -> Iterator[str]:
    """Each but the first begins with its space, as those of models do."""
    for number in range(TOKENS):
        yield f"{' ' if number else ''}token{number:03}"


def _said(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]}


def _chunk(data: dict[str, object]) -> bytes:
    """One server-sent event in a chunk of the body."""
    envelope = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_790_000_000}
    event = f"data: {json.dumps(envelope | {'model': 'bench'} | data)}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(event), event)


_ANSWER: Final = [_chunk(_said(token)) for token in _tokens()]
_ENDING: Final = (
    _chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    + _chunk(
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 11,
                "completion_tokens": TOKENS,
                "total_tokens": TOKENS + 11,
            },
        }
    )
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)

if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
