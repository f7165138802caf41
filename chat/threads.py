"""What a user makes of a thread: its title, its place in the lists, how far they have read it."""

from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest, Least
from msgspec import UNSET, Struct, UnsetType

from accounts.models import User
from chat import folders, questions, selectors
from chat.errors import ThreadNotFound
from chat.models import Thread
from chat.protocol.frames import ThreadRow


class Changes(Struct, frozen=True, kw_only=True):
    """What is to be another way; a `folder_id` of null takes the thread out of its folder."""

    title: str | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    folder_id: str | UnsetType | None = UNSET
    read_seq: int | UnsetType = UNSET


def change_thread(*, user: User, thread_id: str, changes: Changes) -> ThreadRow:
    """Change what is given and tell the user's devices; raises ThreadNotFound, FolderNotFound."""
    thread = selectors.thread_key(user=user.pk, thread_id=thread_id)
    if thread is None:
        raise ThreadNotFound
    with transaction.atomic():
        values = _values(user, changes)
        # In the bin since it was looked for?
        if values and not Thread.objects.filter(pk=thread, purge_at=None).update(**values):
            raise ThreadNotFound
        return questions.publish_thread_row(thread=thread, user_id=user.public_id)


def _values(user: User, changes: Changes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if changes.title is not UNSET:
        values |= {"title": changes.title, "has_own_title": True}
    if changes.pinned is not UNSET:
        values["is_pinned"] = changes.pinned
    if changes.archived is not UNSET:
        values["is_archived"] = changes.archived
    if changes.folder_id is not UNSET:
        found = changes.folder_id and folders.held(user, changes.folder_id)
        values["folder"] = found or None
    if changes.read_seq is not UNSET:
        # Only ever forward, whichever device is told first, and to nothing that is not there.
        reached = Least(F("head"), Value(changes.read_seq))
        values["read_seq"] = Greatest(F("read_seq"), reached)
    return values
