"""A thread as the server keeps it, a tree in memory: what is done to it, what its log says."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from tests.netra.client_world import THREAD, Frame, event

# What a client should show of a message: all of its fields but the time.
Shown = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Asked:
    """A question and the run whose answer it follows."""

    message_id: str
    text: str
    after: str | None
    seq: int


@dataclass(slots=True, kw_only=True)
class Answering:
    """A run; `text` is None while there is no answer."""

    run_id: str
    question: str
    number: int
    precedence: int
    state: str = "queued"
    is_cancelled: bool = False
    text: str | None = None
    seq: int = 0

    @property
    def has_ended(self) -> bool:
        return self.state not in ("queued", "running")


@dataclass(slots=True)
class Tree:
    """Questions and runs by id, in the order in which they were made."""

    log: list[Frame] = field(default_factory=list)
    questions: dict[str, Asked] = field(default_factory=dict)
    runs: dict[str, Answering] = field(default_factory=dict)
    tip: str | None = None

    # What may be done

    def send(self) -> None:
        self.tip = self._ask(after=self.tip).run_id

    def interrupt(self) -> None:
        self._stop([run for run in self.runs.values() if run.state == "running"])
        waiting = list(takewhile(self._can_be_overtaken, self._upwards(self.tip)))
        if not waiting:
            self.tip = self._ask(after=self.tip, is_urgent=True).run_id
            return
        overtaken = self.questions[waiting[-1].question]
        run = self._ask(after=overtaken.after, is_urgent=True)
        overtaken.after = run.run_id
        self._tell("message_moved", message_id=overtaken.message_id, after_run_id=run.run_id)

    def advance(self, run: Answering) -> None:
        self._stop([one for one in self.runs.values() if one.state == "running"])
        others = [one for one in self.runs.values() if one.state == "queued" and one is not run]
        run.precedence = 1 + max((one.precedence for one in others), default=0)
        _own, *above = self._upwards(run.run_id)
        waiting = list(takewhile(lambda one: one.state == "queued", above))
        if not waiting or len(self._answers_to(run.question)) > 1:
            return
        first, question = self.questions[waiting[-1].question], self.questions[run.question]
        followers = [one for one in self.questions.values() if one.after == run.run_id]
        place, before = first.after, question.after
        first.after, question.after = run.run_id, place
        for follower in followers:
            follower.after = before
        if self.tip == run.run_id:
            self.tip = before
        for moved in (first, question, *followers):
            more = {} if moved.after is None else {"after_run_id": moved.after}
            self._tell("message_moved", message_id=moved.message_id, **more)

    def edit(self, message_id: str) -> None:
        question = self.questions[message_id]
        answers = self._answers_to(message_id)
        if [run.state for run in answers] == ["queued"]:
            question.text = f"{question.text}, better"
            self._tell("message_edited", message_id=message_id, text=question.text)
            return
        self._leave(message_id)
        self.tip = self._ask(after=question.after).run_id

    def regenerate(self, run_id: str) -> None:
        question = self.runs[run_id].question
        self._leave(question)
        run = self._new_run(question)
        self.tip = run.run_id
        self._tell("branch_selected", run_id=run.run_id, message_id=question)
        self._tell_place(run)

    def switch(self, run_ids: list[str]) -> None:
        """Show, of the branches through any of these runs, the one that was added to last."""
        below = [
            run
            for run in self.runs.values()
            if not any(one.after == run.run_id for one in self.questions.values())
            and any(above.run_id in run_ids for above in self._upwards(run.run_id))
        ]
        end = max(below, key=lambda run: run.number)
        if self.tip != end.run_id:
            self.tip = end.run_id
            self._tell("branch_selected", run_id=end.run_id, message_id=end.question)

    def work(self, *, says_something: bool) -> None:
        """The run that is active ends, or else the next one begins."""
        waiting = [run for run in self.runs.values() if run.state == "queued"]
        for run in self.runs.values():
            if run.state == "running":
                self._end(run, says_something=says_something)
                return
        if waiting:
            run = min(waiting, key=lambda run: (-run.precedence, run.number))
            run.state = "running"
            self._tell_of(run, "agent_started", question_id=run.question)

    # What a client should know

    @property
    def is_at_rest(self) -> bool:
        return all(run.has_ended for run in self.runs.values())

    def shown(self) -> list[Shown]:
        """The messages of the branch that is shown, as in a snapshot."""
        found: list[Shown] = []
        for run in reversed(list(self._upwards(self.tip))):
            answers = [one.run_id for one in self._answers_to(run.question)]
            found.append(self._question(run, answers))
            if run.text is not None:
                found.append(self._answer(run, answers))
        return found

    def snapshot(self, messages_max: int) -> Frame:
        shown = self.shown()
        running = [run for run in self.runs.values() if run.state == "running"]
        return {
            "type": "snapshot",
            "thread_id": THREAD,
            "seq": len(self.log),
            "messages": [_told(message) for message in shown[-messages_max:]],
            "more": len(shown) > messages_max,
            "tip": self.tip,
            "active_run": {"run_id": running[0].run_id, "status": "running", "attempt": 1}
            if running
            else None,
            "queued_runs": [
                {"run_id": run.run_id} for run in self.runs.values() if run.state == "queued"
            ],
        }

    # The tree

    def _ask(self, *, after: str | None, is_urgent: bool = False) -> Answering:
        message_id = f"msg_{len(self.questions) + 1}"
        more = {} if after is None else {"after_run_id": after}
        text = f"q{len(self.questions) + 1}"
        seq = self._tell("message_created", message_id=message_id, role="user", text=text, **more)
        asked = Asked(message_id=message_id, text=text, after=after, seq=seq)
        self.questions[message_id] = asked
        run = self._new_run(message_id, is_urgent=is_urgent)
        self._tell_place(run)
        return run

    def _new_run(self, question: str, *, is_urgent: bool = False) -> Answering:
        number = len(self.runs) + 1
        run = Answering(
            run_id=f"run_{number}", question=question, number=number, precedence=int(is_urgent)
        )
        self.runs[run.run_id] = run
        return run

    def _tell_place(self, run: Answering) -> None:
        """Say where in the line it waits; one that need not says nothing until it begins."""
        ahead = [
            one
            for one in self.runs.values()
            if one.state == "running"
            or (one.state == "queued" and one is not run and one.precedence >= run.precedence)
        ]
        if ahead:
            self._tell_of(run, "run_queued", message_id=run.question, position=len(ahead))

    def _leave(self, message_id: str) -> None:
        below = [
            run
            for run in self.runs.values()
            if not run.has_ended
            and any(above.question == message_id for above in self._upwards(run.run_id))
        ]
        self._stop(below[::-1])

    def _stop(self, runs: list[Answering]) -> None:
        for run in runs:
            run.is_cancelled = True
            if run.state == "queued":
                run.state = "stopped"
                self._tell_of(run, "agent_started", question_id=run.question)
                self._tell_of(run, "agent_completed", status="stopped", message_id=None)

    def _end(self, run: Answering, *, says_something: bool) -> None:
        run.state = "stopped" if run.is_cancelled else "completed"
        name = None
        if says_something:
            name, text = f"answer_{run.number}", f"a{run.number}"
            digest = hashlib.sha256(text.encode()).hexdigest()
            run.text = text
            run.seq = self._tell_of(
                run, "message_created", message_id=name, role="assistant", text=text
            )
            self._tell_of(
                run, "message_completed", message_id=name, length=len(text), sha256=digest
            )
        self._tell_of(run, "agent_completed", status=run.state, message_id=name)

    def _upwards(self, run_id: str | None) -> Iterator[Answering]:
        while run_id is not None:
            run = self.runs[run_id]
            yield run
            run_id = self.questions[run.question].after

    def _answers_to(self, message_id: str) -> list[Answering]:
        return [run for run in self.runs.values() if run.question == message_id]

    def _can_be_overtaken(self, run: Answering) -> bool:
        return run.state == "queued" and run.precedence == 0

    def _question(self, run: Answering, answers: list[str]) -> Shown:
        asked = self.questions[run.question]
        versions = [one.message_id for one in self.questions.values() if one.after == asked.after]
        return {
            "message_id": asked.message_id,
            "role": "user",
            "text": asked.text,
            "run_id": run.run_id,
            "status": "stored",
            "seq": asked.seq,
            "after_run_id": asked.after,
            "question_id": None,
            "versions": _several(versions),
            "answers": _several(answers),
        }

    def _answer(self, run: Answering, answers: list[str]) -> Shown:
        return {
            "message_id": f"answer_{run.number}",
            "role": "assistant",
            "text": run.text,
            "run_id": run.run_id,
            "status": run.state,
            "seq": run.seq,
            "after_run_id": None,
            "question_id": run.question,
            "versions": _several(answers),
            "answers": (),
        }

    def _tell(self, kind: str, **data: Any) -> int:
        return self._append({**event(0, kind, run_id=None), "data": data})

    def _tell_of(self, run: Answering, kind: str, **data: Any) -> int:
        return self._append(event(0, kind, run_id=run.run_id, **data))

    def _append(self, one: Frame) -> int:
        self.log.append({**one, "seq": len(self.log) + 1})
        return len(self.log)


def _told(shown: Shown) -> Frame:
    """A message as a snapshot has it: lists of one are left out."""
    told = {key: value for key, value in shown.items() if value != ()}
    return {**told, "ts": "2026-11-22T10:00:00.000Z"}


def _several(ids: list[str]) -> tuple[str, ...]:
    return tuple(ids) if len(ids) > 1 else ()
