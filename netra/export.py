"""All that Netra has of a user, as one zip, which only that user is given."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import PurePath
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec
from allauth.account.adapter import get_adapter
from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import archive as accounts
from accounts import flows, services
from accounts.models import AuditKind, User
from billing import archive as billing
from chat import archive as chat
from netra.replica import read_history

IN_MEMORY_BYTES: Final = 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024
# Of uploaded files; what is beyond is named in files.json and can be asked for.
FILE_BYTES_MAX: Final = 1024 * 1024 * 1024

README: Final = """All that Netra has of you, as of {now:%Y-%m-%d %H:%M} UTC.

account, identities, sessions, api_tokens, two_factor, security_log: who you are and how you sign in
grants, tier_changes, subscriptions, usage, daily_usage: your plan, and what you pay and use
threads/: every thread, once as JSON and once as Markdown to read
folders, shares, feedback: where you keep threads, who may see them, what you thought of answers
files/: what you uploaded; files.json gives the names you gave them

Not in it: passwords, keys of sessions and secrets of two-factor, which nobody is shown.
"""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest) -> HttpResponseBase:
    """The page that tells what is exported; a POST answers with the zip."""
    if request.method != "POST":
        return render(request, "accounts/export.html")
    user = request.user
    assert isinstance(user, User)
    flows.require_fresh(request, back="account_export")
    get_adapter().take_turn("export", who=user.public_id)
    made = read_history(_archive_of, user)
    services.audit(AuditKind.DATA_EXPORTED, user=user, actor=user)
    get_adapter().send_notification_mail("accounts/email/data_exported", user)
    return _download(made)


def _archive_of(user: User) -> IO[bytes]:
    with ExitStack() as stack:
        made = stack.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))
        write_archive(user, made)
        # The response closes it.
        stack.pop_all()
    return made


def write_archive(user: User, target: IO[bytes]) -> None:
    """Write the zip; at any moment a small part of it is in memory."""
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=6) as zipped:
        zipped.writestr("README.txt", README.format(now=timezone.now()))
        for tables in (accounts.tables_of(user), billing.tables_of(user), chat.tables_of(user)):
            for name, rows in tables.items():
                _write(zipped, f"{name}.json", _json_list(rows))
        for thread in chat.threads_of(user):
            _write(zipped, f"threads/{thread.public_id}.json", chat.as_json(thread))
            _write(zipped, f"threads/{thread.public_id}.md", chat.as_markdown(thread))
        _write_files(zipped, user)


def _write_files(zipped: ZipFile, user: User) -> None:
    room = FILE_BYTES_MAX
    for file in chat.files_of(user):
        room -= file.bytes
        if room < 0:
            return
        name = f"files/{file.public_id}{PurePath(file.name).suffix}"
        with file.content.open("rb") as content, zipped.open(name, "w") as entry:
            copyfileobj(content, entry, CHUNK_BYTES)


def _write(zipped: ZipFile, name: str, pieces: Iterable[bytes]) -> None:
    with zipped.open(name, "w", force_zip64=True) as entry:
        for piece in pieces:
            entry.write(piece)


def _json_list(rows: Iterator[Mapping[str, object]]) -> Iterator[bytes]:
    """A JSON list, one row a line."""
    before = b"[\n"
    for row in rows:
        yield before + msgspec.json.encode(row)
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _download(made: IO[bytes]) -> StreamingHttpResponse:
    size = made.tell()
    made.seek(0)
    name = f"netra-{timezone.now():%Y-%m-%d}.zip"
    headers = {
        "Content-Type": "application/zip",
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(_chunks(made), headers=headers)


async def _chunks(made: IO[bytes]) -> AsyncIterator[bytes]:
    """What was made, read beside the event loop; closed however the reading ends."""
    try:
        while chunk := await sync_to_async(made.read, thread_sensitive=False)(CHUNK_BYTES):
            yield chunk
    finally:
        made.close()
