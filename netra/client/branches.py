"""What was said in a thread, a tree of questions and answers, and which branch of it is shown."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from netra.client.decoding import Malformed, file_refs
from netra.client.frames import Event, Message, Snapshot

# Questions, and answers as many: what one followed thread may hold of a program's memory.
TURNS_KEPT_MAX: Final = 500
# As many may be known by an ack whose event has not come yet.
ACKED_KEPT_MAX: Final = 1000

# A question and the run of its answer that lies on the branch.
_Turn = tuple[Message | None, str | None]


class Branches:
    """The tree as far as it is known: each question names the run whose answer it follows.

    From every question that is held there is a way up to `lead`, the run before the first of them,
    and of every run in `_question_of` all that follows is held: what is not held was never told.
    """

    def __init__(self) -> None:
        # The run in which the shown branch ends; None while nothing is known of it.
        self.tip: str | None = None
        # None at the thread's beginning.
        self.lead: str | None = None
        # The branch cannot be told from what is known.
        self.is_torn = False
        self._end: str | None = None
        # The end before the last question came.
        self._end_before: tuple[str | None, str | None] = (None, None)
        self._questions: dict[str, Message] = {}
        self._answers: dict[str, Message] = {}
        self._question_of: dict[str, str] = {}
        # All runs that answer a question, and all questions that follow a run, oldest first.
        self._runs_of: dict[str, tuple[str, ...]] = {}
        self._versions: dict[str | None, tuple[str, ...]] = {}
        # Runs of messages whose ack was quicker than their event, by message.
        self._acked: dict[str, str] = {}

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages of the shown branch, in its order."""
        found: list[Message] = []
        for question, run_id in self._turns():
            answer = self._answers.get(run_id or "")
            question_id = self._question_of.get(run_id or "")
            if answer is not None and question_id is not None:
                found.append(self._shown_answer(answer, question_id))
            if question is not None:
                found.append(self._shown_question(question, run_id))
        return tuple(reversed(found))

    def take_event(self, event: Event) -> None:
        """Follow one event of the log."""
        data = event.data
        match event.type:
            case "message_created" if data.get("role") == "user":
                self._add_question(_message(event))
            case "message_created":
                self._add_answer(event.run_id, _message(event))
            case "run_queued":
                self._add_run(event.run_id, data.get("message_id"))
            case "agent_started":
                self._add_run(event.run_id, data.get("question_id"))
            case "agent_completed":
                self._end_answer(event.run_id, str(data.get("status")))
            case "branch_selected":
                self._select(str(data.get("run_id")), str(data.get("message_id")))
            case "message_edited":
                self._edit(str(data.get("message_id")), str(data.get("text", "")))
            case "message_moved":
                self._move(str(data.get("message_id")), _text_or_none(data.get("after_run_id")))

    def take_ack(self, message_id: str, run_id: str) -> None:
        """Learn which run answers a message of ours; its event may not have come yet."""
        if message_id not in self._questions:
            self._acked[message_id] = run_id
            if len(self._acked) > ACKED_KEPT_MAX:
                self._acked.pop(next(iter(self._acked)))
        elif not self._runs_of[message_id]:
            self._attach(run_id, message_id)

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show what it shows, which is of the place reached so far, or of any when new."""
        lead = next((one.after_run_id for one in snapshot.messages if _is_asked(one)), snapshot.tip)
        if self._question_of.get(lead or "") not in self._questions:
            # What is held does not reach further up than the snapshot.
            self.lead = lead
        for message in snapshot.messages:
            if _is_asked(message):
                self._hold_question(message)
            elif message.run_id is not None:
                self._hold_answer(message.run_id, message)
        self.tip = snapshot.tip
        self._end = self._question_of.get(snapshot.tip or "")

    # Events

    def _add_question(self, question: Message) -> None:
        """What is asked is shown: the branch ends in it now."""
        place, message_id = question.after_run_id, question.message_id
        if self._is_empty:
            self.lead = place
        elif not self._is_held(place):
            if place is None or self._end is None or self.tip is not None:
                self.is_torn = True
                return
            # Which run answers the question before is told by what follows it.
            self._attach(place, self._end)
        self._questions[message_id] = question
        self._runs_of.setdefault(message_id, ())
        self._versions[place] = _with(self._versions.get(place, ()), message_id)
        self._end_before = (self._end, self.tip)
        self._end, self.tip = message_id, None
        acked = self._acked.pop(message_id, None)
        if acked is not None:
            self._attach(acked, message_id)
        self._forget_other_branches()

    def _add_answer(self, run_id: str | None, answer: Message) -> None:
        if run_id is not None:
            self._answers[run_id] = answer
            self._forget_other_branches()

    def _add_run(self, run_id: str | None, message_id: object) -> None:
        """The first run of a question; a further one is selected before it says anything."""
        if run_id is None or not isinstance(message_id, str) or message_id not in self._questions:
            return
        known = self._runs_of[message_id]
        if not known:
            self._attach(run_id, message_id)
        elif run_id not in known:
            self.is_torn = True

    def _select(self, run_id: str, message_id: str) -> None:
        """The branch ends in that run: a further answer, or one of another branch."""
        if message_id not in self._questions:
            self.is_torn = True
            return
        if run_id not in self._runs_of[message_id]:
            self._attach(run_id, message_id)
        elif self._question_of.get(run_id) != message_id:
            self.is_torn = True
            return
        self._end, self.tip = message_id, run_id

    def _edit(self, message_id: str, text: str) -> None:
        question = self._questions.get(message_id)
        if question is not None:
            self._questions[message_id] = replace(question, text=text)

    def _move(self, message_id: str, after_run_id: str | None) -> None:
        """A waiting question follows the one that was just asked, which took its place.

        Where those that wait were put in another order only a snapshot can tell.
        """
        moved, urgent = self._questions.get(message_id), self._questions.get(self._end or "")
        if after_run_id is None or moved is None or urgent is None or moved is urgent:
            self.is_torn = True
            return
        runs = self._runs_of[urgent.message_id] or (after_run_id,)
        if moved.after_run_id != urgent.after_run_id or after_run_id not in runs:
            self.is_torn = True
            return
        if not self._runs_of[urgent.message_id]:
            self._attach(after_run_id, urgent.message_id)
        place = urgent.after_run_id
        self._versions[place] = tuple(one for one in self._versions[place] if one != message_id)
        self._versions[after_run_id] = (message_id,)
        self._questions[message_id] = replace(moved, after_run_id=after_run_id)
        self._end, self.tip = self._end_before

    def _end_answer(self, run_id: str | None, status: str) -> None:
        answer = self._answers.get(run_id or "")
        if answer is not None and run_id is not None:
            self._answers[run_id] = replace(answer, status=status)

    # The tree

    @property
    def _is_empty(self) -> bool:
        return self._end is None and self.tip is None

    def _is_held(self, place: str | None) -> bool:
        """Whether all that follows this run is held."""
        return place == self.lead or place in self._question_of

    def _attach(self, run_id: str, message_id: str) -> None:
        self._question_of[run_id] = message_id
        self._runs_of[message_id] = _with(self._runs_of[message_id], run_id)
        if self._end == message_id and self.tip is None:
            self.tip = run_id

    def _hold_question(self, question: Message) -> None:
        message_id, run_id = question.message_id, question.run_id
        self._questions[message_id] = question
        self._versions[question.after_run_id] = question.versions or (message_id,)
        self._runs_of[message_id] = question.answers or ((run_id,) if run_id else ())
        if run_id is not None:
            self._question_of[run_id] = message_id

    def _hold_answer(self, run_id: str, answer: Message) -> None:
        self._answers[run_id] = answer
        if answer.question_id is not None:
            # Of the first message held the question may not be.
            self._question_of[run_id] = answer.question_id
            self._runs_of.setdefault(answer.question_id, answer.versions or (run_id,))

    def _turns(self) -> list[_Turn]:
        """The shown branch from its end upwards; a last turn may have an answer only."""
        question, run_id = self._questions.get(self._end or ""), self.tip
        turns: list[_Turn] = [(question, run_id)]
        while question is not None and len(turns) <= len(self._questions):
            run_id = question.after_run_id
            question = self._questions.get(self._question_of.get(run_id or "", ""))
            turns.append((question, run_id))
        return turns

    def _shown_question(self, question: Message, run_id: str | None) -> Message:
        return replace(
            question,
            run_id=run_id,
            versions=_several(self._versions[question.after_run_id]),
            answers=_several(self._runs_of[question.message_id]),
        )

    def _shown_answer(self, answer: Message, question_id: str) -> Message:
        versions = _several(self._runs_of[question_id])
        return replace(answer, question_id=question_id, versions=versions)

    def _forget_other_branches(self) -> None:
        """Keep the shown branch only, and of that the newest, where too much is held."""
        if max(len(self._questions), len(self._answers)) <= TURNS_KEPT_MAX:
            return
        turns = self._turns()[:TURNS_KEPT_MAX]
        runs = {run_id for _question, run_id in turns}
        held = [question for question, _run_id in turns if question is not None]
        self._questions = {question.message_id: question for question in reversed(held)}
        self._answers = {key: value for key, value in self._answers.items() if key in runs}
        self._question_of = {key: value for key, value in self._question_of.items() if key in runs}
        places = {question.after_run_id for question in held}
        self._versions = {key: value for key, value in self._versions.items() if key in places}
        known = {*self._questions, *self._question_of.values()}
        self._runs_of = {key: value for key, value in self._runs_of.items() if key in known}
        if held:
            self.lead = held[-1].after_run_id


def _message(event: Event) -> Message:
    data = event.data
    try:
        files = file_refs(data)
    except Malformed:
        files = ()
    return Message(
        message_id=str(data.get("message_id")),
        role=str(data.get("role")),
        text=str(data.get("text", "")),
        run_id=event.run_id,
        status="stored" if event.run_id is None else "running",
        seq=event.seq,
        ts=event.ts,
        files=files,
        after_run_id=_text_or_none(data.get("after_run_id")),
    )


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _is_asked(message: Message) -> bool:
    return message.role == "user"


def _with(ids: tuple[str, ...], one: str) -> tuple[str, ...]:
    return ids if one in ids else (*ids, one)


def _several(ids: Sequence[str]) -> tuple[str, ...]:
    """All versions of something, itself included; none where it is alone."""
    return tuple(ids) if len(ids) > 1 else ()
