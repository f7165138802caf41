"""Frames that failed at every attempt: kept once, done again once, or put aside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import delete_account
from chat import branches, dead_letters, services
from chat.database import in_database
from chat.dead_letters import (
    AlreadyResolved,
    DeadLettersFull,
    NotReplayable,
    ReplayFailed,
    Unfit,
    discard,
    keep,
    prune,
    replay,
)
from chat.models import DeadLetter, LetterState, Message, Run
from chat.protocol.frames import (
    AnyClientFrame,
    Edit,
    Ping,
    Regenerate,
    Send,
    Stop,
    Subscribe,
    decode,
)
from chat.runs.lifecycle import RunState
from chat.services import Outgoing
from netra import env
from netra.ids import ConnectionID, RunID
from tests.chat.races import at_once
from tests.chat.sockets import Socket, session_of, web_process

pytestmark = pytest.mark.django_db

POISON = "a text that breaks something"
SEND = Send(client_id="c-1", text=POISON)


@pytest.fixture
def operator(make_user: Callable[[], User]) -> User:
    return make_user()


def poison() -> None:
    """Have PostgreSQL itself fail on every message with that text, until the cure."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'poison in the row' USING DETAIL = NEW.text; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER poison BEFORE INSERT ON chat_message FOR EACH ROW"
            f" WHEN (NEW.text = '{POISON}') EXECUTE FUNCTION refuse_poison()"
        )


def cure() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS poison ON chat_message")
        cursor.execute("DROP FUNCTION IF EXISTS refuse_poison")


@contextmanager
def poisoned() -> Iterator[None]:
    poison()
    try:
        yield
    finally:
        cure()


def posted(user: User, frame: Send = SEND) -> services.Posted:
    message = Outgoing(client_id=frame.client_id, text=frame.text, thread_id=frame.thread_id)
    return services.post_message(user=user, message=message)


def failure_of(user: User) -> DatabaseError:
    with pytest.raises(DatabaseError) as failed:
        posted(user)
    return failed.value


def kept(
    user: User, frame: AnyClientFrame = SEND, *, error: BaseException | None = None
) -> DeadLetter:
    return keep(user=user, connection_id=ConnectionID.new(), frame=frame, error=error, attempts=3)


def test_a_letter_tells_whose_it_is_what_it_asked_and_why_it_failed(user: User) -> None:
    with poisoned():
        letter = kept(user, error=failure_of(user))
    letter.refresh_from_db()
    assert (letter.user, letter.state, letter.attempts) == (user, LetterState.WAITING, 3)
    assert (letter.client_id, letter.frame_type) == ("c-1", "send")
    assert decode(letter.frame) == SEND
    # Neither the row's content nor where the code was.
    assert (letter.error_class, letter.error_text) == ("ProgrammingError", "poison in the row")


def test_a_frame_without_a_client_id_is_kept_too(user: User) -> None:
    letter = kept(user, Subscribe(thread_id="thread_1_abcdef", after_seq=7))
    assert (letter.client_id, letter.frame_type, letter.error_class) == (None, "subscribe", "")


def test_no_secret_and_no_long_text_is_kept_of_an_error(user: User) -> None:
    with env.override(NETRA_MODEL_KEY="a-key-that-nobody-may-see"):
        env.secret("NETRA_MODEL_KEY")
        letter = kept(user, error=ValueError("a-key-that-nobody-may-see\0 " + "x" * 1000))
    letter.refresh_from_db()
    assert "nobody-may-see" not in letter.error_text
    assert len(letter.error_text) == dead_letters.ERROR_TEXT_CHARS


def test_the_same_frame_sent_again_is_the_same_letter(user: User, operator: User) -> None:
    first = kept(user, error=ValueError("first"))
    again = kept(user, error=ValueError("again"))
    assert again.pk == first.pk
    assert (again.attempts, again.error_text) == (6, "again")
    assert again.connection_id != first.connection_id
    assert kept(operator).pk != first.pk, "another user's is another letter"
    discard(letter=again, actor=operator, reason="spam")
    assert kept(user).pk != first.pk, "what was resolved stays as it was"


def test_the_database_holds_that_a_frame_waits_once(user: User) -> None:
    letter = kept(user)
    letter.pk = None
    with pytest.raises(IntegrityError, match="dead_letter_waits_once"), transaction.atomic():
        letter.save(force_insert=True)


def test_a_user_has_no_more_waiting_letters_than_are_kept(user: User, operator: User) -> None:
    most = dead_letters.WAITING_A_USER_MAX
    DeadLetter.objects.bulk_create(
        DeadLetter(user=user, frame_type="ping", frame=f'{{"n":{n}}}', attempts=3)
        for n in range(most)
    )
    with pytest.raises(DeadLettersFull):
        kept(user)
    kept(operator)
    discard(letter=DeadLetter.objects.filter(user=user)[0], actor=operator, reason="room")
    kept(user)


def test_a_replay_stores_the_message_once_the_cause_is_gone(user: User, operator: User) -> None:
    with poisoned():
        letter = kept(user, error=failure_of(user))
        with pytest.raises(ReplayFailed):
            replay(letter=letter, actor=operator)
    assert (letter.state, letter.attempts, letter.resolved_at) == (LetterState.WAITING, 4, None)
    assert not Message.objects.exists()

    replay(letter=letter, actor=operator)
    message = Message.objects.get()
    assert (message.user, message.text, message.client_id) == (user, POISON, "c-1")
    assert message.answers.count() == 1
    assert (letter.state, letter.resolved_by) == (LetterState.REPLAYED, operator)
    assert letter.outcome == f"Stored as {message.public_id} in {message.thread.public_id}."


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_poisonous_frame_is_answered_kept_and_delivered_by_its_replay(
    user: User, operator: User
) -> None:
    session = await in_database(session_of, user)
    await in_database(poison)
    try:
        async with web_process():
            socket = Socket(session)
            await socket.open()
            await socket.frame("ready")
            await socket.send(type="send", client_id="c-1", text=POISON)
            assert (await socket.frame("error"))["client_id"] == "c-1"
            await socket.send(type="send", client_id="c-2", text="a text that breaks nothing")
            thread_id = (await socket.frame("ack"))["thread_id"]
            letter = await in_database(DeadLetter.objects.select_related("user").get)
            assert (letter.user, letter.client_id, letter.attempts) == (user, "c-1", 3)
            await in_database(cure)
            await in_database(replay, letter=letter, actor=operator)
            threads = (await socket.frame("threads"))["threads"]
            while threads[0]["thread_id"] == thread_id:
                threads = (await socket.frame("threads"))["threads"]
            assert threads[0]["title"] == POISON
            await socket.leave()
    finally:
        await in_database(cure)


@pytest.mark.parametrize("users_retry_is_first", [True, False])
def test_a_replay_and_the_users_own_retry_give_one_message(
    user: User, operator: User, users_retry_is_first: bool
) -> None:
    letter = kept(user)
    if users_retry_is_first:
        posted(user)
    replay(letter=letter, actor=operator)
    assert letter.outcome.startswith("Was stored before" if users_retry_is_first else "Stored as")
    assert posted(user).duplicate
    assert Message.objects.count() == 1


def test_a_replayed_stop_stops_the_run(user: User, operator: User) -> None:
    run_id = posted(user).run_id
    letter = kept(user, Stop(client_id="c-2", run_id=run_id))
    replay(letter=letter, actor=operator)
    assert letter.outcome == f"{run_id} was asked to stop."
    assert Run.objects.get().state == RunState.STOPPED


def test_a_replayed_edit_and_a_replayed_further_answer_are_done_once(
    user: User, operator: User
) -> None:
    first = posted(user)
    edit = Edit(client_id="c-2", message_id=first.message_id, text="a text that breaks nothing")
    letter = kept(user, edit)
    replay(letter=letter, actor=operator)
    assert letter.outcome == f"{first.message_id} in {first.thread_id} has the new text."
    assert Message.objects.get().text == edit.text

    services.stop_run(user=user, run_id=first.run_id)
    letter = kept(user, Regenerate(client_id="c-3", run_id=first.run_id))
    replay(letter=letter, actor=operator)
    again = Run.objects.latest("pk")
    assert letter.outcome == f"{again.public_id} answers the question once more."
    assert branches.answer_again(user=user, client_id="c-3", run_id=first.run_id).duplicate


def test_a_failed_replay_tells_the_new_error(user: User, operator: User) -> None:
    letter = kept(user, Stop(client_id="c-2", run_id=RunID.new()), error=ValueError("before"))
    with pytest.raises(ReplayFailed):
        replay(letter=letter, actor=operator)
    assert (letter.error_class, letter.error_text) == ("RunNotFound", "")


def test_a_stranger_to_the_thread_gains_nothing_by_a_replay(user: User, operator: User) -> None:
    theirs = posted(operator).thread_id
    letter = kept(user, Send(client_id="c-9", text="let me in", thread_id=theirs))
    with pytest.raises(ReplayFailed):
        replay(letter=letter, actor=operator)
    assert letter.error_class == "ThreadNotFound"


UNFIT = {
    "a ping asks for nothing": (Unfit.FRAME_TYPE, '{"type":"ping"}'),
    "what cannot be read": (Unfit.UNREADABLE, '{"type":"send"}'),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_is_not_replayable_is_refused_and_waits(case: str, user: User, operator: User) -> None:
    reason, frame = UNFIT[case]
    letter = kept(user, Ping())
    letter.frame = frame
    with pytest.raises(NotReplayable) as refused:
        replay(letter=letter, actor=operator)
    assert refused.value.reason is reason
    assert DeadLetter.objects.get().state == LetterState.WAITING


@pytest.mark.parametrize("leaves", ["suspended", "deleted"])
def test_nothing_is_done_in_the_name_of_who_has_left(
    leaves: str, user: User, operator: User
) -> None:
    kept(user)
    if leaves == "deleted":
        delete_account(user=user, reason="asked for")
    else:
        User.objects.filter(pk=user.pk).update(suspended_at=timezone.now())
    with pytest.raises(NotReplayable) as refused:
        replay(letter=DeadLetter.objects.get(), actor=operator)
    assert refused.value.reason is Unfit.ACCOUNT_CLOSED
    assert not Message.objects.exists()


def test_a_letter_is_discarded_with_a_reason_and_only_once(user: User, operator: User) -> None:
    letter = kept(user)
    with pytest.raises(ValueError, match="reason"):
        discard(letter=letter, actor=operator, reason="  ")
    discard(letter=letter, actor=operator, reason=" the user wrote again ")
    assert (letter.state, letter.outcome) == (LetterState.DISCARDED, "the user wrote again")
    assert (letter.resolved_by, letter.resolved_at is None) == (operator, False)
    with pytest.raises(AlreadyResolved):
        discard(letter=letter, actor=operator, reason="once more")
    with pytest.raises(AlreadyResolved):
        replay(letter=letter, actor=operator)
    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_one_replays(user: User, operator: User) -> None:
    letter = kept(user)

    def attempt() -> str:
        mine = DeadLetter.objects.select_related("user").get(pk=letter.pk)
        try:
            return replay(letter=mine, actor=operator).state
        except AlreadyResolved:
            return "late"

    assert sorted(at_once([attempt] * 4)) == ["late", "late", "late", "replayed"]
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_frame_kept_by_many_at_once_is_one_letter(user: User) -> None:
    at_once([lambda: kept(user)] * 4)
    assert DeadLetter.objects.get().attempts == 12


def test_what_was_resolved_long_ago_is_deleted_and_what_waits_is_not(
    user: User, operator: User
) -> None:
    waiting, recent, old = (kept(user, Send(client_id=f"c-{n}", text="x")) for n in range(3))
    for letter in (recent, old):
        discard(letter=letter, actor=operator, reason="spam")
    long_ago = timezone.now() - dead_letters.RESOLVED_LIFE - timedelta(minutes=1)
    DeadLetter.objects.filter(pk=old.pk).update(resolved_at=long_ago)
    DeadLetter.objects.filter(pk=waiting.pk).update(created_at=long_ago)
    assert prune() == 1
    assert set(DeadLetter.objects.all()) == {waiting, recent}
