"""What a client says until it is answered, and what it learns from the answer."""

import pytest

from netra.client.pending import (
    Pending,
    PendingAdvance,
    PendingDecision,
    PendingEdit,
    PendingRegenerate,
    PendingSend,
    PendingStop,
    PendingSwitch,
)
from tests.netra.client_world import (
    RUN,
    THREAD,
    Frame,
    Talk,
    ack,
    error,
    event,
    events,
    followed,
    subscribe,
)

OTHER = "thread_1_bbbbbb"


def send(client_id: str = "c1", thread_id: str | None = None) -> PendingSend:
    return PendingSend(client_id=client_id, text="hello", thread_id=thread_id)


def sent(client_id: str = "c1", thread_id: str | None = None) -> Frame:
    return {
        "type": "send",
        "client_id": client_id,
        "thread_id": thread_id,
        "text": "hello",
        "mode": "queue",
    }


def test_a_send_is_repeated_on_each_connection_until_it_is_answered() -> None:
    talk = Talk()
    talk.dialogue.outbox.add(send())
    assert talk.connect().says() == [sent()]
    assert talk.says(after_s=9) == []
    talk.cut()
    assert talk.connect().says() == [sent()]
    talk.hear(ack("c1"))
    talk.cut()
    assert sent() not in talk.connect().says()


def test_the_thread_of_a_send_is_followed_from_its_message_on() -> None:
    talk = Talk().connect()
    talk.dialogue.outbox.add(send(thread_id=THREAD))
    talk.says()
    talk.hear(ack("c1", seq=8), events(event(8, "message_created", run_id=None)))
    assert talk.dialogue.followings[THREAD].thread.seq == 8
    assert subscribe(7) not in talk.says(after_s=1)


def test_events_of_a_new_thread_may_come_before_its_ack() -> None:
    talk = Talk().connect()
    talk.dialogue.outbox.add(send())
    talk.says()
    talk.hear(events(event(1, "message_created", run_id=None, client_id="c1")), ack("c1"))
    assert [one.seq for one in talk.dialogue.followings[THREAD].thread.events] == [1]


def test_an_acknowledged_message_whose_event_does_not_come_is_asked_for() -> None:
    talk = Talk().connect()
    talk.dialogue.outbox.add(send())
    talk.says()
    talk.hear(ack("c1", seq=1))
    assert subscribe(0) not in talk.says(after_s=4.9)
    assert subscribe(0) in talk.says(after_s=0.1)


def test_events_of_threads_that_nobody_follows_are_ignored() -> None:
    talk = Talk().connect()
    talk.hear(events(event(1, client_id="somebody-else"), thread_id=OTHER))
    assert OTHER not in talk.dialogue.followings


def test_what_one_user_wrote_is_not_sent_as_another() -> None:
    talk = Talk()
    talk.dialogue.outbox.add(send())
    talk.connect()
    talk.says()
    talk.cut()
    assert talk.connect(user_id="user_1_bbbbbb").says() == []
    talk.cut()
    assert talk.connect().says() == [sent()]


@pytest.mark.parametrize(
    ("pending", "frame"),
    [
        (PendingStop(client_id="s1", run_id=RUN), {"type": "stop", "run_id": RUN}),
        (PendingAdvance(client_id="s1", run_id=RUN), {"type": "advance", "run_id": RUN}),
        (
            PendingDecision(client_id="s1", run_id=RUN, call_id="c", decision="deny"),
            {"type": "approve", "run_id": RUN, "call_id": "c", "decision": "deny"},
        ),
        (
            PendingEdit(client_id="s1", message_id="m", text="é"),
            {"type": "edit", "message_id": "m", "text": "é"},
        ),
        (PendingRegenerate(client_id="s1", run_id=RUN), {"type": "regenerate", "run_id": RUN}),
        (PendingSwitch(client_id="s1", run_id=RUN), {"type": "switch", "run_id": RUN}),
        (PendingSwitch(client_id="s1", message_id="m"), {"type": "switch", "message_id": "m"}),
    ],
)
def test_whatever_is_asked_is_repeated_until_it_is_answered(pending: Pending, frame: Frame) -> None:
    talk = Talk().connect()
    talk.dialogue.outbox.add(pending)
    asked = {**frame, "client_id": "s1"}
    assert talk.says() == [asked]
    talk.hear(error("unavailable", retryable=True, retry_after_s=2, client_id="s1"))
    assert talk.says(after_s=2) == [asked]
    talk.cut()
    assert talk.connect().says() == [asked]
    talk.hear(ack("s1", seq=None))
    assert talk.dialogue.outbox.pending == ()


def test_only_what_is_said_in_a_thread_makes_the_server_follow_it() -> None:
    talk = Talk().connect()
    talk.dialogue.outbox.add(PendingRegenerate(client_id="r1", run_id=RUN))
    talk.dialogue.outbox.add(PendingSwitch(client_id="s1", run_id=RUN))
    talk.says()
    talk.hear(ack("r1", seq=7), ack("s1", seq=8))
    assert THREAD not in talk.dialogue.followings
    talk.dialogue.outbox.add(PendingEdit(client_id="e1", message_id="m", text="x"))
    talk.says()
    talk.hear(ack("e1", seq=9))
    assert talk.dialogue.followings[THREAD].thread.seq == 8


def test_a_branch_that_was_acknowledged_and_does_not_come_is_asked_for() -> None:
    talk = followed()
    talk.hear(events(event(1)))
    talk.dialogue.outbox.add(PendingSwitch(client_id="s1", run_id=RUN))
    talk.says()
    talk.hear(ack("s1", seq=2))
    assert subscribe(1) not in talk.says(after_s=0.9)
    assert subscribe(1) in talk.says(after_s=0.1)
