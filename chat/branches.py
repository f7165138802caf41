"""Other versions of what was said: questions edited, answers made again, branches shown."""

from django.db import IntegrityError, transaction
from msgspec import Struct

from accounts.models import User
from chat import offers, paths, questions, services
from chat.errors import MessageNotFound, NotEnded, RunNotFound
from chat.models import File, Message, Role, Run, Thread, new_run_id, public_id
from chat.protocol.events import BranchSelected, MessageEdited
from chat.questions import Question
from chat.runs.lifecycle import TERMINAL, RunState
from chat.services import Posted, digest_of
from netra import traces
from netra.ids import MessageID, RunID


class Shown(Struct, frozen=True, kw_only=True):
    """What a frame made of the thread: the run in which its branch ends, and when."""

    run: Run
    message_id: str | None
    seq: int | None
    duplicate: bool


def edit(
    *, user: User, client_id: str, message_id: str, text: str, model: str | None = None
) -> Posted:
    """Give a message another text: in place while it waits, else as a version beside it.

    Raises MessageNotFound, ModelNotFound, ClientIDReused, AddressUnverified, QueueFull, and
    billing's LimitReached.
    """
    try:
        with traces.span("store"), transaction.atomic():
            return _edit(user, client_id, message_id, text, model)
    except IntegrityError as error:
        # Another connection stored the same client_id between our look and our insert.
        if "message_client_id_once" not in str(error):
            raise
    with transaction.atomic():
        return _edit(user, client_id, message_id, text, model)


def answer_again(*, user: User, client_id: str, run_id: str, model: str | None = None) -> Shown:
    """Begin a further answer to the question of a run; what there is stays.

    Raises RunNotFound, ModelNotFound, NotEnded, AddressUnverified, QueueFull, and billing's
    LimitReached.
    """
    with traces.span("store"), transaction.atomic():
        # Its row is held, so that of two such frames the second finds what the first has made.
        first = _mine(user, run_id, hold=True)
        made = Run.objects.filter(user=user, client_id=client_id).select_related("thread").first()
        if made is not None:
            return Shown(run=made, message_id=first.question.public_id, seq=None, duplicate=True)
        if RunState(first.state) not in TERMINAL:
            raise NotEnded
        questions.require_verified(user)
        _leave_branch(first.question)
        thread = questions.locked(first.thread_id)
        offers.choose(user=user, thread=thread, model=model)
        return _answer_again(user, thread, first, client_id)


def switch(*, user: User, run_id: str | None, message_id: str | None) -> Shown:
    """Show the branch through this answer, or this message, that was added to last.

    Raises RunNotFound and MessageNotFound.
    """
    with transaction.atomic():
        runs = [_mine(user, run_id).pk] if run_id is not None else _runs_of(user, message_id or "")
        end = Run.objects.select_related("thread", "question").get(pk=paths.newest_end(runs))
        thread = questions.locked(end.thread_id)
        if thread.tip_id == end.pk:
            return Shown(run=end, message_id=None, seq=thread.head, duplicate=True)
        return Shown(run=end, message_id=None, seq=_select(thread, end), duplicate=False)


def _edit(user: User, client_id: str, message_id: str, text: str, model: str | None) -> Posted:
    message = _question(user, message_id)
    digest = digest_of("edit", message_id, text)
    made = services.posted_before(user, client_id=client_id, digest=digest)
    if made is not None:
        return made
    waiting = _waiting_run(message)
    # Read when that run is held: of two such frames the second finds what the first has done.
    message.refresh_from_db(fields=["edited_by"])
    if message.edited_by == client_id:
        return _posted(message, message.answers.earliest("pk"), duplicate=True)
    if waiting is not None:
        offers.choose(user=user, thread=questions.locked(message.thread_id), model=model)
        return _edit_in_place(message, waiting, client_id, text)
    questions.require_verified(user)
    _leave_branch(message)
    thread = questions.locked(message.thread_id)
    offers.choose(user=user, thread=thread, model=model)
    first = message.version_of or message
    question = Question(
        text=text,
        client_id=client_id,
        digest=digest,
        after=message.after_id,
        files=list(File.objects.filter(message=first).order_by("pk")),
        version_of=first.pk,
        trigger="edit",
    )
    asked = questions.ask(user=user, thread=thread, question=question)
    questions.publish_asked(thread, user_id=user.public_id, at=asked.at)
    return services.posted_now(thread, asked)


def _waiting_run(message: Message) -> Run | None:
    """The one run of a message that has not begun, kept from beginning."""
    # A run that is being claimed is waited for here, and has begun then.
    waiting = Run.objects.select_for_update(no_key=True).filter(
        question=message, state=RunState.QUEUED
    )
    run = waiting.first()
    return run if run is not None and message.answers.count() == 1 else None


def _leave_branch(question: Message) -> None:
    """Stop what has not ended from this question on: nobody looks at it any more."""
    services.stop_each(paths.unfinished_below(thread=question.thread_id, question=question.pk))


def _edit_in_place(message: Message, run: Run, client_id: str, text: str) -> Posted:
    thread = questions.locked(message.thread_id)
    Message.objects.filter(pk=message.pk).update(text=text, edited_by=client_id)
    stored = questions.append(thread, MessageEdited(message_id=message.public_id, text=text))
    message.seq = stored.seq
    return _posted(message, run, duplicate=False)


def _answer_again(user: User, thread: Thread, first: Run, client_id: str) -> Shown:
    new_id = new_run_id()
    entitled, _ = questions.use_limits(user, run_id=new_id, message_id=f"again/{new_id}")
    run = Run.objects.create(
        public_id=new_id,
        thread=thread,
        user=user,
        question=first.question,
        client_id=client_id,
        trigger="retry" if first.state == RunState.FAILED else "regenerate",
    )
    seq = _select(thread, run)
    questions.begin_answer(run, entitled=entitled)
    questions.publish_thread_row(thread=thread.pk, user_id=user.public_id)
    return Shown(run=run, message_id=first.question.public_id, seq=seq, duplicate=False)


def _select(thread: Thread, run: Run) -> int:
    """Show the branch that ends in this run, and tell every device."""
    selected = BranchSelected(run_id=run.public_id, message_id=run.question.public_id)
    stored = questions.append(thread, selected)
    questions.show(thread, run)
    return stored.seq


def _posted(message: Message, run: Run, *, duplicate: bool) -> Posted:
    return Posted(
        message_id=message.public_id,
        thread_id=message.thread.public_id,
        run_id=run.public_id,
        seq=message.seq,
        duplicate=duplicate,
        thread=message.thread_id,
    )


def _mine(user: User, run_id: str, *, hold: bool = False) -> Run:
    known = public_id(RunID, run_id)
    mine = Run.objects.filter(public_id=known, user=user, thread__purge_at=None)
    runs = mine.select_related("thread", "question")
    if hold:
        runs = runs.select_for_update(no_key=True, of=("self",))
    run = runs.first() if known else None
    if run is None:
        raise RunNotFound
    return run


def _runs_of(user: User, message_id: str) -> list[int]:
    """The run that wrote an answer, or all that answer a question."""
    known = public_id(MessageID, message_id)
    mine = Message.objects.filter(public_id=known, thread__user=user, thread__purge_at=None)
    message = mine.first() if known else None
    if message is None:
        raise MessageNotFound
    if message.run_id is not None:
        return [message.run_id]
    return list(message.answers.values_list("pk", flat=True))


def _question(user: User, message_id: str) -> Message:
    known = public_id(MessageID, message_id)
    mine = Message.objects.filter(public_id=known, user=user, role=Role.USER, thread__purge_at=None)
    message = mine.select_related("thread", "after", "version_of").first() if known else None
    if message is None:
        raise MessageNotFound
    return message
