"""What must hold when the storm is over and everything has come to its end."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final

from django.db.models import Sum

from accounts.models import User
from billing.models import Reservation, UsageCounter
from chat.connection import places
from chat.database import in_database
from chat.models import Event, Message, Run, Thread
from chat.questions import RUN_FEATURE
from tests.chaos.people import Chatter, Tab
from tests.chat.run_invariants import Seen, assert_all

SETTLES_WITHIN_S: Final = 120.0
LOOKS_EVERY_S: Final = 0.5


async def settle(chatters: Sequence[Chatter]) -> list[str]:
    """Wait until no run is under way and every tab shows all of it; gives what never came."""
    deadline = time.monotonic() + SETTLES_WITHIN_S
    while True:
        heads = await in_database(_final_heads, [one.thread_id for one in chatters])
        behind = [
            f"user {chatter.number}: at {tab.thread and tab.thread.seq} of {heads.get(thread_id)}"
            for chatter in chatters
            if (thread_id := chatter.thread_id) is not None
            for tab in chatter.tabs
            if not _has_all(tab, heads.get(thread_id))
        ]
        if not behind or time.monotonic() > deadline:
            return behind
        await asyncio.sleep(LOOKS_EVERY_S)


def _has_all(tab: Tab, head: int | None) -> bool:
    return tab.thread is not None and head is not None and tab.thread.seq == head


def _final_heads(thread_ids: Sequence[str | None]) -> dict[str, int]:
    """The heads of threads in which no run is under way."""
    busy = Run.objects.filter(ended_at=None).values("thread")
    quiet = Thread.objects.filter(public_id__in=thread_ids).exclude(pk__in=busy)
    return dict(quiet.values_list("public_id", "head"))


def broken(chatters: Sequence[Chatter], users: Sequence[User]) -> list[str]:
    """Everything that does not hold, in words."""
    found: list[str] = []
    for chatter, user in zip(chatters, users, strict=True):
        found += [*_lost(chatter, user), *_wrong_sum(chatter, user), *_still_held(chatter, user)]
        for tab in chatter.tabs:
            found += _wrong_sight(chatter, tab)
        try:
            assert_all(Seen.of([user]))
        except AssertionError as error:
            found.append(f"user {chatter.number}: {error!r}")
    return found


def _lost(chatter: Chatter, user: User) -> Iterator[str]:
    """What was acknowledged and is not there, or is there twice."""
    stored = Message.objects.filter(user=user, role="user")
    texts = dict(stored.values_list("public_id", "text"))
    for message_id, text in chatter.texts.items():
        if texts.get(message_id) != text:
            yield f"user {chatter.number}: {text!r} is {texts.get(message_id)!r}"
    of_client = dict(stored.values_list("client_id", "public_id"))
    for client_id, message_id in chatter.sent.items():
        if of_client.get(client_id) != message_id:
            yield f"user {chatter.number}: {client_id} was {message_id}"
    runs = dict(Run.objects.filter(user=user).values_list("public_id", "state"))
    for run_id in chatter.runs:
        if run_id not in runs:
            yield f"user {chatter.number}: {run_id} is lost"
    asked = Run.objects.filter(public_id__in=chatter.stopped, cancel_requested_at=None)
    for run_id in asked.filter(state="running").values_list("public_id", flat=True):
        yield f"user {chatter.number}: nobody stops {run_id}"
    if len(set(texts.values())) != len(texts):
        yield f"user {chatter.number}: a text is there twice"


def _wrong_sum(chatter: Chatter, user: User) -> Iterator[str]:
    """A month's runs that were counted, but not those that were worked at."""
    states = Reservation.State
    settled = Reservation.objects.filter(user=user, feature=RUN_FEATURE, state=states.SETTLED)
    counter = UsageCounter.objects.filter(user=user, feature=RUN_FEATURE)
    sums = counter.aggregate(used=Sum("used"), reserved=Sum("reserved"))
    worked = Run.objects.filter(user=user, attempt__gt=0).exclude(state="failed")
    expected = {"used": worked.count(), "reserved": 0}
    if sums != expected and any(sums.values()):
        yield f"user {chatter.number}: counted {sums}, but there were {expected}"
    if settled.count() != worked.count():
        yield f"user {chatter.number}: {settled.count()} charged, {worked.count()} worked at"


def _still_held(chatter: Chatter, user: User) -> Iterator[str]:
    """What is held of any limit, but for open connections."""
    held = Reservation.objects.filter(user=user, state=Reservation.State.HELD)
    for key in held.exclude(feature=places.FEATURE).values_list("key", flat=True):
        yield f"user {chatter.number}: {key} is still held"


def _wrong_sight(chatter: Chatter, tab: Tab) -> Iterator[str]:
    """A tab that does not show what is stored."""
    thread = tab.thread
    if thread is None or thread.seq is None:
        if tab.thread_id is not None:
            yield f"user {chatter.number}: a tab shows nothing"
        return
    log = Event.objects.filter(thread__public_id=thread.thread_id, seq__gte=thread.first_kept)
    rows = list(log.order_by("seq").values_list("seq", "type", "run_id"))
    if [(one.seq, one.type, one.run_id) for one in thread.events] != rows:
        yield f"user {chatter.number}: a tab has other events than the log"
    shown = [message.message_id for message in thread.messages]
    if len(set(shown)) != len(shown):
        yield f"user {chatter.number}: a message is shown twice"
    stored = dict(
        Message.objects.filter(thread__public_id=thread.thread_id).values_list("public_id", "text")
    )
    for message in thread.messages:
        if stored.get(message.message_id) != message.text:
            yield f"user {chatter.number}: shows {message.text!r} of {message.message_id}"
