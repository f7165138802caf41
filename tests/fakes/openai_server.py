"""A fake with state that speaks OpenAI's streaming chat protocol over HTTP on 127.0.0.1.

It is written against the protocol, not against a client: answers are scripted beforehand, requests
are kept as they came, and faults happen on the socket. Usable from any thread or process:

    with FakeOpenAI() as fake:
        fake.will(Say("Hello"), CallTool("calculate", {"expression": "1+1"}), Say("2"))
        ...  # a client with fake.url
        fake.requests[0].body["messages"]

Several conversations at a time have scripts of their own: `fake.will(Say("Hi"), to="greeting")`
answers the requests whose last question has that word in it.

A request for a thread's title is none of a conversation: it is answered with `fake.title`, whatever
the script says, and kept in `fake.asides`.
"""

import asyncio
import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

START_S = 5.0
# What the instructions say to a model that is asked for a title.
ASIDE = "title of a conversation"


@dataclass(frozen=True)
class Say:
    """Stream a text in pieces, after a thought if there is one."""

    text: str
    thinking: str = ""
    pause_s: float = 0.0
    finish: str | None = "stop"
    # Of the prompt's tokens, those that the provider says it had read before.
    cached_tokens: int = 0


@dataclass(frozen=True)
class CallTool:
    """Stream a call of a tool, its arguments in two pieces, after a text if there is one."""

    name: str
    arguments: Mapping[str, Any] | str
    call_id: str = "call_fake_1"
    text: str = ""


@dataclass(frozen=True)
class Refuse:
    """Answer with an error status and a body as the provider writes it."""

    status: int
    message: str = "no"
    code: str | None = None
    kind: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """Stream some text, then drop the connection in the middle of the chunked body."""

    text: str


@dataclass(frozen=True)
class Garble:
    """Stream some text, then a line of data that is no JSON."""

    text: str


@dataclass(frozen=True)
class FallSilent:
    """Stream some text, then nothing more, until the client goes."""

    text: str


Answer = Say | CallTool | Refuse | Cut | Garble | FallSilent


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def is_aside(self) -> bool:
        """Whether it asks for a title: told in the first message here, beside them elsewhere."""
        first: Mapping[str, Any] = next(iter(self.body.get("messages", ())), {})
        told = self.body.get("system") or first.get("content", "")
        return ASIDE in str(told)

    @property
    def question(self) -> str:
        """The last thing that the user said."""
        messages = self.body.get("messages", ())
        said = [str(one["content"]) for one in messages if one["role"] == "user"]
        return said[-1] if said else ""


class FakeOpenAI:
    """The server; it answers each request with the next scripted answer, in a thread of its own."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.asides: list[Request] = []
        self.title = ""
        self.client_left = threading.Event()
        # By the word in the question that they are for; those for any question have none.
        self._answers: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._left: list[Request] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def will(self, *answers: Answer, to: str = "") -> None:
        """Add answers to the script, or to the one of the questions that have the word `to`."""
        self._answers[to].extend(answers)

    def asked(self, word: str) -> int:
        """How many requests so far had the word in their question."""
        return sum(word in request.question for request in tuple(self.requests))

    def left(self, word: str) -> int:
        """From how many of them the client has gone before the answer was over."""
        return sum(word in request.question for request in tuple(self._left))

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(START_S):
            raise TimeoutError("the fake did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the listening socket and every connection; a second call does nothing."""
        if self._thread.is_alive() and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(START_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read_request(reader)) is not None:
                (self.asides if request.is_aside else self.requests).append(request)
                if not await self._answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False when the connection ends with it."""
        answer = self._answer_to(request)
        if isinstance(answer, Refuse):
            await _send_error(writer, answer, self.error_body(answer))
            return True
        model = str(request.body.get("model", ""))
        left = asyncio.create_task(self._note_leaving(request, reader))
        try:
            await self._send_stream(writer, answer, model, left)
        finally:
            left.cancel()
            # Until it has ended it still reads, and the next request of this connection could not.
            await asyncio.wait({left})
        return isinstance(answer, Say | CallTool)

    def _answer_to(self, request: Request) -> Answer:
        if request.is_aside:
            return Say(self.title)
        answers = self._script_of(request)
        return answers.popleft() if answers else Refuse(500, "the script has no more answers")

    def error_body(self, answer: Refuse) -> Mapping[str, object]:
        error = {"message": answer.message, "type": answer.kind, "param": None, "code": answer.code}
        return {"error": error}

    def frames(self, answer: Answer, model: str) -> Iterator[str]:
        """The server-sent events of an answer, but those that end it."""
        for event in _events(answer, model):
            yield f"data: {event}\n\n"

    def last_frame(self) -> str:
        return "data: [DONE]\n\n"

    def broken_frame(self) -> str:
        return 'data: {"choices": [{"delta"\n\n'

    async def _send_stream(
        self,
        writer: asyncio.StreamWriter,
        answer: Answer,
        model: str,
        left: asyncio.Task[None],
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        pause_s = answer.pause_s if isinstance(answer, Say) else 0
        for frame in self.frames(answer, model):
            await _send_chunk(writer, frame)
            if pause_s:
                await asyncio.sleep(pause_s)
        match answer:
            case Cut():
                return
            case FallSilent():
                await left
            case Garble():
                await _send_chunk(writer, self.broken_frame())
                writer.write(b"0\r\n\r\n")
            case _:
                await _send_chunk(writer, self.last_frame())
                writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _script_of(self, request: Request) -> deque[Answer]:
        open_scripts = (word for word, answers in self._answers.items() if answers)
        words = (word for word in open_scripts if word and word in request.question)
        return self._answers[next(words, "")]

    async def _note_leaving(self, request: Request, reader: asyncio.StreamReader) -> None:
        # A client that streams sends nothing: the next thing read is its end of the connection.
        with suppress(ConnectionError):
            if await reader.read(1):
                return
        self._left.append(request)
        self.client_left.set()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(path=first.split()[1], headers=headers, body=json.loads(body or b"{}"))


async def _send_error(
    writer: asyncio.StreamWriter, answer: Refuse, error: Mapping[str, object]
) -> None:
    body = json.dumps(error).encode()
    extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    writer.write(
        f"HTTP/1.1 {answer.status} Error\r\nContent-Type: application/json\r\n{extra}"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    await writer.drain()


async def _send_chunk(writer: asyncio.StreamWriter, text: str) -> None:
    data = text.encode()
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


def _events(answer: Answer, model: str) -> Iterator[str]:
    yield _chunk(model, {"role": "assistant", "content": ""})
    match answer:
        case Say(text, thinking, _, finish, cached_tokens):
            if thinking:
                yield _chunk(model, {"reasoning_content": thinking})
            for piece in pieces(text):
                yield _chunk(model, {"content": piece})
            if finish is not None:
                yield _chunk(model, {}, finish=finish)
                yield _usage(model, len(text), cached_tokens)
        case CallTool(name, arguments, call_id, text):
            for piece in pieces(text):
                yield _chunk(model, {"content": piece})
            spelled = arguments if isinstance(arguments, str) else json.dumps(arguments)
            half = len(spelled) // 2
            yield _chunk(model, _tool_delta(spelled[:half], name=name, call_id=call_id))
            yield _chunk(model, _tool_delta(spelled[half:]))
            yield _chunk(model, {}, finish="tool_calls")
            yield _usage(model, len(spelled))
        case Cut(text) | Garble(text) | FallSilent(text):
            for piece in pieces(text):
                yield _chunk(model, {"content": piece})


def pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), 5):
        yield text[start : start + 5]


def _tool_delta(
    arguments: str, *, name: str | None = None, call_id: str | None = None
) -> Mapping[str, object]:
    call: dict[str, object] = {"index": 0, "function": {"arguments": arguments}}
    if name is not None:
        call |= {"id": call_id, "type": "function"}
        call["function"] = {"name": name, "arguments": arguments}
    return {"tool_calls": [call]}


def _chunk(model: str, delta: Mapping[str, object], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps(_envelope(model) | {"choices": [choice]})


def _usage(model: str, tokens: int, cached_tokens: int = 0) -> str:
    usage: dict[str, object] = {
        "prompt_tokens": 11,
        "completion_tokens": tokens,
        "total_tokens": tokens + 11,
    }
    if cached_tokens:
        usage["prompt_tokens_details"] = {"cached_tokens": cached_tokens}
    return json.dumps(_envelope(model) | {"choices": [], "usage": usage})


def _envelope(model: str) -> dict[str, object]:
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": model,
    }
