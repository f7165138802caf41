"""What a user wrote, was answered and uploaded, as it leaves Netra in an export."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from accounts.models import User
from chat.models import DailyUsage, Feedback, File, Folder, Message, Prompt, Share, Thread

# Messages held at once: as many as are read in one go.
READ_AT_ONCE: Final = 200


def tables_of(user: User) -> Mapping[str, Iterator[Mapping[str, object]]]:
    """Rows by the name of their table, read as they are asked for."""
    usage = DailyUsage.objects.filter(user=user).values(
        "day", "model", "runs", "input_tokens", "output_tokens", "cost_usd"
    )
    files = File.objects.filter(user=user).values(
        "public_id", "name", "bytes", "media_type", "created_at", "message__public_id"
    )
    folders = Folder.objects.filter(user=user).values("public_id", "name", "created_at")
    prompts = Prompt.objects.filter(user=user).values(
        "public_id", "name", "text", "created_at", "updated_at"
    )
    shares = Share.objects.filter(thread__user=user).values(
        "public_id", "thread__public_id", "created_at", "updated_at"
    )
    feedback = Feedback.objects.filter(run__user=user).values(
        "run__public_id", "rating", "reason", "comment", "created_at", "updated_at"
    )
    return {
        "daily_usage": usage.order_by("day", "model").iterator(),
        "feedback": feedback.order_by("pk").iterator(),
        "files": files.order_by("pk").iterator(),
        "folders": folders.order_by("pk").iterator(),
        "prompts": prompts.order_by("pk").iterator(),
        "shares": shares.order_by("pk").iterator(),
    }


def threads_of(user: User) -> Iterator[Thread]:
    yield from Thread.objects.filter(user=user).order_by("pk").iterator(chunk_size=READ_AT_ONCE)


def files_of(user: User) -> Iterator[File]:
    yield from File.objects.filter(user=user).order_by("pk").iterator(chunk_size=READ_AT_ONCE)


def as_json(thread: Thread) -> Iterator[bytes]:
    """The thread with every message, those of other branches too, a piece at a time."""
    facts = {
        "thread_id": thread.public_id,
        "title": thread.title,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "folder_id": thread.folder_id,
        "pinned": thread.is_pinned,
        "archived": thread.is_archived,
        # Of one in the bin: when it goes for ever.
        "purge_at": thread.purge_at,
    }
    yield msgspec.json.encode(facts)[:-1] + b',"messages":['
    before = b"\n"
    for message in _messages(thread):
        said = {
            "message_id": message.public_id,
            "role": message.role,
            "at": message.created_at,
            "run_id": message.run.public_id if message.run else None,
            "text": message.text,
        }
        yield before + msgspec.json.encode(said)
        before = b",\n"
    yield b"\n]}\n"


def as_markdown(thread: Thread) -> Iterator[bytes]:
    """The same for people to read."""
    yield f"# {_one_line(thread.title) or 'Thread'}\n".encode()
    for message in _messages(thread):
        who = "You" if message.role == "user" else "Netra"
        yield f"\n## {who}, {message.created_at:%Y-%m-%d %H:%M} UTC\n\n{message.text}\n".encode()


def _messages(thread: Thread) -> Iterator[Message]:
    rows = Message.objects.filter(thread=thread).select_related("run").order_by("seq")
    yield from rows.iterator(chunk_size=READ_AT_ONCE)


def _one_line(text: str) -> str:
    return " ".join(text.split())
