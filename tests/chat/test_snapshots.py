"""What a snapshot tells of a run besides its text."""

from datetime import timedelta

import pytest

from accounts.models import User
from chat import snapshots
from chat.models import Event, Run
from chat.protocol.events import AgentThinking
from chat.runs import attempts
from tests.chat.test_turns import claimed, post

# A snapshot is of one moment: nothing may have been read in its transaction before.
pytestmark = pytest.mark.django_db(transaction=True)


def test_how_long_a_run_thought_is_known_while_it_runs_and_when_it_has_ended(user: User) -> None:
    posted = post(user, "c1")
    attempt = claimed(posted.run_id)
    attempts.append(attempt, "", [AgentThinking(text="Let me see."), AgentThinking(text="Ah.")])
    started_at = Run.objects.get().started_at
    assert started_at is not None
    thoughts = Event.objects.filter(type=AgentThinking.type).order_by("seq")
    for number, thought in enumerate(thoughts, start=1):
        thought.ts = started_at + timedelta(seconds=2 * number)
        thought.save(update_fields=["ts"])

    active = snapshots.snapshot(thread=posted.thread).active_run
    assert active is not None
    attempts.finish(attempt, status="completed", text="x", usage={})
    answer = snapshots.page(thread=posted.thread, before=None, limit=1).messages[-1]
    assert [active.thought_ms, answer.thought_ms] == [4000, 4000]
