"""Links that show a thread to whoever has them: one a thread, revoked at once."""

from datetime import datetime
from itertools import accumulate
from typing import Final

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.utils import timezone
from msgspec import Struct

from accounts.models import User
from chat import paths, questions, selectors
from chat.errors import NothingToShare, ShareNotFound, ThreadNotFound
from chat.models import Message, Role, Run, Share
from chat.paths import Turn
from chat.runs.lifecycle import UNFINISHED

# Of a longer branch the end is shown, and that it is the end.
TURNS_SHOWN_MAX: Final = 200
CHARS_SHOWN_MAX: Final = 100_000
# Apart from every other use of the deployment's key.
_SALT: Final = "chat.shares"


class SharedMessage(Struct, frozen=True, kw_only=True):
    """What a stranger sees of a message: of its files the names alone, of tools nothing."""

    role: str
    text: str
    files: tuple[str, ...]
    at: datetime


class SharedThread(Struct, frozen=True, kw_only=True):
    title: str
    messages: list[SharedMessage]
    # Earlier ones exist that are not shown.
    more: bool
    as_of: datetime


class Shared(Struct, frozen=True, kw_only=True):
    """A share as its owner is told of it; `token` is the last part of the link."""

    share_id: str
    token: str
    created_at: datetime
    messages: int


def share_thread(*, user: User, thread_id: str) -> Shared:
    """Let the thread's link show the branch that is shown now, as far as it is answered.

    Raises ThreadNotFound, NothingToShare.
    """
    key = _thread(user, thread_id)
    with transaction.atomic():
        thread = questions.locked(key)
        branch = paths.path_to(thread.tip_id) if thread.tip_id else []
        tip = _newest_ended(branch)
        share, _is_new = Share.objects.update_or_create(
            thread=thread, defaults={"tip_id": tip, "updated_at": timezone.now()}
        )
    return _told(share)


def share_of(*, user: User, thread_id: str) -> Shared | None:
    """The thread's share, where it has one; raises ThreadNotFound."""
    share = Share.objects.filter(thread=_thread(user, thread_id)).first()
    return None if share is None else _told(share)


def revoke_share(*, user: User, thread_id: str) -> None:
    """Let the link show nothing any more, for ever; raises ThreadNotFound, ShareNotFound."""
    if not Share.objects.filter(thread=_thread(user, thread_id)).delete()[0]:
        raise ShareNotFound


def shared_with(token: str) -> SharedThread:
    """What the link shows; raises ShareNotFound."""
    try:
        share_id = _signer().unsign(token)
    except BadSignature:
        raise ShareNotFound from None
    shares = Share.objects.filter(public_id=share_id, thread__purge_at=None)
    share = shares.select_related("thread__user").first()
    if share is None or not share.thread.user.may_sign_in:
        raise ShareNotFound
    turns = paths.path_to(share.tip_id, limit=TURNS_SHOWN_MAX + 1)
    messages = _messages_of(turns[:TURNS_SHOWN_MAX])
    shown = _within_budget(messages)
    return SharedThread(
        title=share.thread.title,
        messages=shown,
        more=len(turns) > TURNS_SHOWN_MAX or len(messages) > len(shown),
        as_of=share.updated_at,
    )


def _messages_of(turns: list[Turn]) -> list[SharedMessage]:
    questions_ = Message.objects.filter(pk__in=[turn.question for turn in turns])
    asked = {
        message.pk: message for message in questions_.prefetch_related("files", "version_of__files")
    }
    answers = Message.objects.filter(run__in=[turn.run for turn in turns])
    answered = {message.run_id: message for message in answers}
    in_order = [(asked[turn.question], answered.get(turn.run)) for turn in reversed(turns)]
    return [_shared(message) for turn in in_order for message in turn if message is not None]


def _within_budget(messages: list[SharedMessage]) -> list[SharedMessage]:
    """The newest of them, in their order; one at least."""
    lengths = accumulate(len(message.text) for message in reversed(messages))
    kept = sum(length <= CHARS_SHOWN_MAX for length in lengths)
    return messages[-max(kept, 1) :]


def _shared(message: Message) -> SharedMessage:
    # Versions of a question share the files of the first; an answer has none.
    owner = message.version_of or message
    is_question = message.role == Role.USER
    return SharedMessage(
        role=message.role,
        text=message.text,
        files=tuple(file.name for file in owner.files.all()) if is_question else (),
        at=message.created_at,
    )


def _newest_ended(branch: list[Turn]) -> int:
    """The run in which the answered part of a branch ends; nothing in it changes any more."""
    runs = Run.objects.filter(pk__in=[turn.run for turn in branch])
    unfinished = set(runs.filter(state__in=sorted(UNFINISHED)).values_list("pk", flat=True))
    # An answer that has yet to come may lie before others: what follows it is left out, too.
    ended: int | None = None
    for turn in reversed(branch):
        if turn.run in unfinished:
            break
        ended = turn.run
    if ended is None:
        raise NothingToShare
    return ended


def _told(share: Share) -> Shared:
    turns = paths.path_to(share.tip_id, limit=TURNS_SHOWN_MAX)
    answers = Message.objects.filter(run__in=[turn.run for turn in turns]).count()
    return Shared(
        share_id=share.public_id,
        token=_signer().sign(share.public_id),
        created_at=share.created_at,
        messages=len(turns) + answers,
    )


def _signer() -> Signer:
    # Old keys of the deployment are still taken, so that links survive a new one.
    return Signer(salt=_SALT, sep=".")


def _thread(user: User, thread_id: str) -> int:
    key = selectors.thread_key(user=user.pk, thread_id=thread_id)
    if key is None:
        raise ThreadNotFound
    return key
