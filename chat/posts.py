"""Messages of many users, stored in one transaction.

Only what is stored by rows of its own: a user whose limit is reached, a thread whose run has not
ended, a `client_id` that was used before are left out. Who posts such a message by itself hears
what becomes of it.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from msgspec import Struct
from psycopg.errors import DeadlockDetected, LockNotAvailable

from accounts.models import User
from accounts.selectors import must_verify_email
from billing import services as billing
from billing.entitlements import Entitlements
from billing.selectors import entitlements_of_all
from chat import question_rows, questions
from chat.delivery import bell, log
from chat.models import Thread, new_thread_id, public_id
from chat.question_rows import QuestionRows, StoredQuestion
from chat.questions import Asked, Question
from chat.services import Outgoing, Posted, posted_now
from chat.titles import first_title
from netra import traces
from netra.ids import ThreadID

# A row of one user's that somebody holds must not hold up the others for longer.
LOCKS_WITHIN_MS: Final = 200
_LOCKS_WITHIN: Final = f"SET LOCAL lock_timeout = {LOCKS_WITHIN_MS}"
# With one that is refused all begin anew, without it; refused again, each goes by itself.
ATTEMPTS: Final = 2


class Post(Struct, frozen=True, kw_only=True):
    """A plain message on its way, with the span that it is sent in."""

    user: User
    message: Outgoing
    traceparent: str = ""


class _Place(Struct, frozen=True, kw_only=True):
    """A message in its thread, after the run of that public id."""

    post: Post
    asked: Asked
    after_id: str | None


class _Refused(Exception):
    """Some users' limits are reached: leaves the transaction in which others were counted."""

    def __init__(self, users: set[int]) -> None:
        super().__init__(users)
        self.users = users


def post_all(posts: Sequence[Post]) -> list[Posted | None]:
    """Store a message of each of several users; None for what must be posted by itself.

    Nothing of those is stored, and nothing at all where it raises.
    """
    began_at = time.time()
    entitled = entitlements_of_all([post.user.pk for post in posts])
    assert len(entitled) == len(posts), "a user's next message is part of the next transaction"
    known = question_rows.posted_of({post.user.pk: post.message.client_id for post in posts})
    new = [post for post in posts if post.user.pk not in known and not must_verify_email(post.user)]
    posted = _posted(new, entitled)
    for post in posts:
        if (one := posted.get(post.user.pk)) is not None:
            traces.record(
                "store",
                began_at=began_at,
                traceparent=post.traceparent,
                message_id=one.message_id,
                thread_id=one.thread_id,
                run_id=one.run_id,
            )
    return [posted.get(post.user.pk) for post in posts]


def _posted(posts: Sequence[Post], entitled: Mapping[int, Entitlements]) -> dict[int, Posted]:
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _store(posts, entitled)
        except _Refused as refused:
            posts = [post for post in posts if post.user.pk not in refused.users]
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
            break
    return {}


def _store(posts: Sequence[Post], entitled: Mapping[int, Entitlements]) -> dict[int, Posted]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCKS_WITHIN)
    places = _places(posts)
    if not places:
        return {}
    needs = {
        place.post.user: questions.needs_of(
            place.asked.run_id, place.asked.message_id, may_begin=True
        )
        for place in places
    }
    refused = billing.reserve_for_each(needs=needs, entitled=entitled)
    if refused:
        raise _Refused(refused)
    rows = [_rows(place, entitled) for place in places]
    stored = question_rows.store(rows, ts=timezone.now())
    rings: list[bell.Ring] = []
    posted = {}
    for place, row, one in zip(places, rows, stored, strict=True):
        place.asked.thread.pk = one.thread
        rings += _rings(place, one, row.data)
        posted[place.post.user.pk] = posted_now(place.asked.thread, one)
    transaction.on_commit(lambda: bell.ring(*rings))
    return posted


def _rings(place: _Place, stored: StoredQuestion, data: str) -> list[bell.Ring]:
    """What tells who follows the thread of its event, and its user of how it stands."""
    thread, user_id = place.asked.thread, place.post.user.public_id
    with traces.within(place.post.traceparent):
        ring = log.batch(thread.public_id, [stored.event(data)])
    return [ring, questions.asked_ring(thread, user_id=user_id, at=stored.at)]


def _rows(place: _Place, entitled: Mapping[int, Entitlements]) -> QuestionRows:
    with traces.within(place.post.traceparent):
        tier = entitled[place.post.user.pk].tier
        return place.asked.rows(place.after_id, priority=tier.rank)


def _places(posts: Sequence[Post]) -> list[_Place]:
    """Where each message goes that begins a thread, or follows what has ended in one."""
    asked_for = {
        post.user.pk: known
        for post in posts
        if (known := public_id(ThreadID, post.message.thread_id or ""))
    }
    threads = question_rows.locked_threads_of(asked_for) if asked_for else {}
    tips = question_rows.tips([thread.pk for thread in threads.values()]) if threads else {}
    places = []
    for post in posts:
        if post.message.thread_id is None:
            places.append(_Place(post=post, asked=_asked(post, _new_thread(post)), after_id=None))
            continue
        thread = threads.get(post.user.pk)
        if thread is None:
            continue
        after_id, is_busy = tips[thread.pk]
        if not is_busy:
            places.append(_Place(post=post, asked=_asked(post, thread), after_id=after_id))
    return places


def _new_thread(post: Post) -> Thread:
    thread_id = post.message.new_thread_id or new_thread_id()
    return Thread(public_id=thread_id, user=post.user, title=first_title(post.message.text))


def _asked(post: Post, thread: Thread) -> Asked:
    message = post.message
    question = Question(
        text=message.text, client_id=message.client_id, digest=message.digest, after=thread.tip_id
    )
    return Asked(thread=thread, question=question)
