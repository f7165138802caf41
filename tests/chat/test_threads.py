"""What users make of their threads, and how their devices learn of it."""

import asyncio
from collections.abc import Callable

import pytest

from accounts.models import User
from chat import folders, selectors, services, threads, titles
from chat.errors import FolderNotFound, ThreadNotFound
from chat.models import Run, Thread
from chat.protocol.frames import ThreadRow
from chat.threads import Changes
from tests.chat.sockets import Socket, session_of, web_process
from tests.chat.test_branches import again, answer, edit, interrupt, say

pytestmark = pytest.mark.django_db


def row_of(thread: int) -> ThreadRow:
    return selectors.thread_row(thread=thread)


def change(user: User, thread_id: str, **given: object) -> ThreadRow:
    changes = Changes(**given)  # type: ignore[arg-type]  # as each test says
    return threads.change_thread(user=user, thread_id=thread_id, changes=changes)


def test_what_is_given_changes_and_nothing_else(user: User) -> None:
    first = say(user, "c1", "What is it called?")
    folder = folders.make_folder(user=user, name="Work")
    before = row_of(first.thread)

    assert change(user, first.thread_id) == before
    changed = change(user, first.thread_id, title="Mine", pinned=True, folder_id=folder.folder_id)
    assert (changed.title, changed.pinned, changed.folder_id) == ("Mine", True, folder.folder_id)
    assert (changed.archived, changed.updated_at) == (False, before.updated_at)
    back = change(user, first.thread_id, archived=True, pinned=False, folder_id=None)
    assert (back.title, back.pinned, back.archived, back.folder_id) == ("Mine", False, True, None)


def test_only_ones_own_is_changed_and_only_into_ones_own_folder(
    make_user: Callable[[], User],
) -> None:
    me, they = make_user(), make_user()
    mine, theirs = say(me, "c1", "mine"), say(they, "c1", "theirs")
    folder = folders.make_folder(user=they, name="Theirs")

    for thread_id in (theirs.thread_id, "thread_1_nobody", "nonsense"):
        with pytest.raises(ThreadNotFound):
            change(me, thread_id, title="taken")
    with pytest.raises(FolderNotFound):
        change(me, mine.thread_id, title="moved", folder_id=folder.folder_id)
    assert {row.title for row in Thread.objects.all()} == {"mine", "theirs"}


def test_a_title_that_a_person_gave_stays(user: User) -> None:
    posted = say(user, "c1", "What is the price?")
    answer(posted.run_id, "It is 5.")
    found = titles.untitled(posted.run_id)
    assert found is not None
    # The very words it was called by at first: they are the user's now.
    change(user, posted.thread_id, title="What is the price?")

    assert titles.untitled(posted.run_id) is None
    assert not titles.give_title(found, "A price")
    assert row_of(posted.thread).title == "What is the price?"


@pytest.mark.parametrize(
    ("status", "is_unread"),
    [("completed", True), ("failed", True), ("limit", True), ("stopped", False)],
)
def test_an_answer_that_ended_is_unread_until_it_is_read(
    user: User, status: str, is_unread: bool
) -> None:
    posted = say(user, "c1", "hello")
    assert not row_of(posted.thread).unread
    answer(posted.run_id, "An answer.", status)

    assert row_of(posted.thread).unread is is_unread
    head = Thread.objects.get(pk=posted.thread).head
    assert change(user, posted.thread_id, read_seq=head - 1).unread is is_unread
    assert not change(user, posted.thread_id, read_seq=2**63 - 1).unread
    # Never back, and never to what is not there.
    assert not change(user, posted.thread_id, read_seq=0).unread
    assert Thread.objects.get(pk=posted.thread).read_seq == head


def test_whoever_asks_has_read(user: User) -> None:
    posted = say(user, "c1", "one")
    ways: list[Callable[[], object]] = [
        lambda: say(user, "c2", "two", posted.thread_id),
        lambda: again(user, posted.run_id),
        lambda: edit(user, posted.message_id, "other"),
    ]
    for asks in ways:
        answer(Run.objects.filter(ended_at=None).get().public_id, "An answer.")
        assert row_of(posted.thread).unread
        asks()
        assert not row_of(posted.thread).unread
    answer(Run.objects.filter(ended_at=None).get().public_id, "An answer.")
    waits = say(user, "c5", "waits", posted.thread_id)
    say(user, "c6", "waits too", posted.thread_id)
    services.stop_run(user=user, run_id=waits.run_id)
    interrupt(user, "c7", posted.thread_id)
    assert not row_of(posted.thread).unread


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_every_device_learns_of_it_at_once(user: User) -> None:
    key = await asyncio.to_thread(session_of, user)
    async with web_process():
        sockets = [Socket(key), Socket(key)]
        for socket in sockets:
            await socket.open()
            await socket.frame("ready")
        posted = await asyncio.to_thread(say, user, "c1", "hello")
        for socket in sockets:
            assert (await socket.frame("threads"))["threads"][0]["running"]
        made = await asyncio.to_thread(folders.make_folder, user=user, name="Work")
        await asyncio.to_thread(
            lambda: change(user, posted.thread_id, title="New", folder_id=made.folder_id)
        )
        for socket in sockets:
            assert (await socket.frame("folders"))["folders"] == [
                {"folder_id": made.folder_id, "name": "Work"}
            ]
            [row] = (await socket.frame("threads"))["threads"]
            assert (row["title"], row["folder_id"], row["deleted"]) == (
                "New", made.folder_id, False,
            )  # fmt: skip
            await socket.leave()
