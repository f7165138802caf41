"""`python -m netra.client`: send, list and follow from the command line, by an API token.

The token comes from the environment, NETRA_TOKEN, since arguments are everybody's to read.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from netra import env
from netra.client.api import Api
from netra.client.client import ChatClient
from netra.client.errors import ClientError, Closed, Refused

URL: Final = "http://127.0.0.1:8000"
# The text of a run in progress is looked at this often.
SHOWN_EVERY_S: Final = 0.1


class Failed(Exception):
    """What the user is told, and the program ends with 1."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code."""
    asked = _parser().parse_args(arguments)
    token = env.secret("NETRA_TOKEN").reveal()
    if not token:
        print("Set NETRA_TOKEN to an API token; the account pages make them.", file=sys.stderr)
        return 2
    try:
        if asked.command == "threads":
            _list_threads(Api(asked.url, token=token), as_json=asked.json)
        elif asked.command == "models":
            _list_models(Api(asked.url, token=token), as_json=asked.json)
        elif asked.command == "tail":
            asyncio.run(_tail(asked.url, token, asked.thread))
        else:
            asyncio.run(_send(asked.url, token, asked))
    except Refused as refused:
        print(refused.message, file=sys.stderr)
        return 1
    except Closed as closed:
        print(f"The server closed the connection: {closed.reason}.", file=sys.stderr)
        return 1
    except (ClientError, Failed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m netra.client", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    send = commands.add_parser("send", help="send a message and print its answer")
    send.add_argument("text")
    send.add_argument("--thread", metavar="ID", help="go on with this thread")
    send.add_argument("--model", metavar="ID", help="let this one answer from now on")
    send.add_argument("--file", metavar="PATH", type=Path, action="append", help="send it, too")
    threads = commands.add_parser("threads", help="list the newest threads")
    models = commands.add_parser("models", help="list the models that may answer")
    tail = commands.add_parser("tail", help="print what happens in a thread, a line an event")
    tail.add_argument("thread", metavar="ID")
    for command in (send, threads, models):
        command.add_argument("--json", action="store_true", help="print JSON")
    for command in (send, threads, models, tail):
        command.add_argument("--url", default=URL, help=f"where Netra is ({URL})")
    return parser


async def _send(url: str, token: str, asked: argparse.Namespace) -> None:
    async with ChatClient(url, token=token) as client:
        files = [await client.upload(path) for path in asked.file or ()]
        ack = await client.send(asked.text, thread_id=asked.thread, files=files, model=asked.model)
        assert ack.run_id is not None, "a message that was sent has a run"
        await client.follow(ack.thread_id)
        text = await _answer(client, ack.thread_id, ack.run_id, show=not asked.json)
        status = client.thread(ack.thread_id).status_of(ack.run_id)
    if asked.json:
        told = {"thread_id": ack.thread_id, "run_id": ack.run_id, "status": status, "text": text}
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(f"\n[{ack.thread_id}]", file=sys.stderr)
    if status != "completed":
        raise Failed(f"The answer ended {status}.")


async def _answer(client: ChatClient, thread_id: str, run_id: str, *, show: bool) -> str:
    """The whole answer, printed as it is written where that is wanted."""
    ended = asyncio.create_task(_ended(client, thread_id, run_id))
    shown = ""
    while not ended.done():
        await asyncio.wait({ended}, timeout=SHOWN_EVERY_S)
        text = client.thread(thread_id).text_of(run_id)
        # A second attempt may have cut the text: what is printed stays printed.
        if show and text.startswith(shown):
            print(text[len(shown) :], end="", flush=True)
            shown = text
    await ended
    text = client.thread(thread_id).text_of(run_id)
    if show and text != shown:
        print(text[len(shown) :] if text.startswith(shown) else f"\n{text}", end="", flush=True)
    return text


async def _ended(client: ChatClient, thread_id: str, run_id: str) -> None:
    if client.thread(thread_id).status_of(run_id) in ("completed", "stopped", "failed", "limit"):
        return
    async for event in client.events(thread_id):
        if event.run_id == run_id and event.type == "agent_completed":
            return


async def _tail(url: str, token: str, thread_id: str) -> None:
    async with ChatClient(url, token=token) as client:
        await client.follow(thread_id, after_seq=0)
        async for event in client.events(thread_id):
            print(json.dumps(asdict(event), ensure_ascii=False), flush=True)


def _list_threads(api: Api, *, as_json: bool) -> None:
    for thread in api.threads():
        if as_json:
            print(json.dumps(thread, ensure_ascii=False))
        else:
            print(f"{thread['thread_id']}  {thread['updated_at']}  {thread['title']}")


def _list_models(api: Api, *, as_json: bool) -> None:
    for model in api.models():
        print(
            json.dumps(model, ensure_ascii=False)
            if as_json
            else f"{model['model']}  {model['name']}"
        )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
