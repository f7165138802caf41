import hashlib
import json

import pytest

from netra.client.backoff import delay_before
from netra.client.decoding import decode
from netra.client.frames import Ack, Delta, Event, Events, Snapshot
from netra.client.thread import Lack, Thread
from tests.netra.client_world import RUN, THREAD, Frame, ack, delta, event, events, snapshot


def lack(one: Thread) -> Lack | None:
    """What is missing now; a type checker would remember what it was."""
    return one.lack


def thread(*, after_seq: int | None = 0, events_kept: int = 100) -> Thread:
    return Thread(THREAD, after_seq=after_seq, events_kept=events_kept)


def batch(*frames: Frame) -> tuple[Event, ...]:
    decoded = decode(json.dumps(events(*frames)))
    assert isinstance(decoded, Events)
    return decoded.events


def piece(offset: int, text: str, *, attempt: int = 1) -> Delta:
    decoded = decode(json.dumps(delta(offset, text, attempt=attempt)))
    assert isinstance(decoded, Delta)
    return decoded


def picture(seq: int, *messages: Frame, active_run: Frame | None = None) -> Snapshot:
    decoded = decode(json.dumps(snapshot(seq, *messages, active_run=active_run)))
    assert isinstance(decoded, Snapshot)
    return decoded


def answered(client_id: str) -> Ack:
    decoded = decode(json.dumps(ack(client_id)))
    assert isinstance(decoded, Ack)
    return decoded


def stored(seq: int, role: str, text: str) -> Frame:
    return {
        "message_id": f"msg_1_{seq:06}",
        "role": role,
        "text": text,
        "run_id": RUN,
        "status": "completed" if role == "assistant" else "stored",
        "seq": seq,
        "ts": "2026-11-22T10:00:00.000Z",
        "files": [{"file_id": "file_1_aaaaaa", "name": "a.csv", "bytes": 3}],
        **({"question_id": "msg_1_000001"} if role == "assistant" else {}),
    }


def whole(text: str, seq: int = 1) -> tuple[Frame, Frame]:
    """The events that close an answer."""
    name = f"msg_1_{seq:06}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (
        event(seq, "message_created", message_id=name, role="assistant", text=text),
        event(seq + 1, "message_completed", message_id=name, length=len(text), sha256=digest),
    )


def test_the_next_is_applied_the_old_dropped_and_a_gap_is_a_lack() -> None:
    one = thread()
    assert one.take_events(batch(event(1), event(2)))
    assert not one.take_events(batch(event(1), event(2)))
    assert not one.take_events(batch(event(4)))
    assert lack(one) is Lack.EVENTS
    assert one.take_events(batch(event(2), event(3), event(4)))
    assert lack(one) is None
    assert [each.seq for each in one.events] == [1, 2, 3, 4]


def test_before_the_first_snapshot_nothing_is_applied() -> None:
    one = thread(after_seq=None)
    assert not one.take_events(batch(event(1)))
    assert not one.take_delta(piece(0, "x"))
    assert (lack(one), one.events) == (Lack.SNAPSHOT, ())


def test_a_snapshot_from_further_on_begins_the_events_anew() -> None:
    one = thread()
    one.take_events(batch(event(1), event(2)))
    assert one.take_snapshot(picture(9), asked_after=None)
    one.take_events(batch(event(10)))
    assert [each.seq for each in one.events] == [10]
    assert (one.seq, one.first_kept, one.snapshot_seq) == (10, 10, 9)


def test_a_snapshot_of_the_same_place_keeps_them() -> None:
    one = thread()
    one.take_events(batch(event(1), event(2)))
    assert one.take_snapshot(picture(2), asked_after=None)
    assert len(one.events) == 2


def test_an_old_snapshot_is_dropped_unless_the_server_has_no_later_position() -> None:
    one = thread()
    one.take_events(batch(event(1), event(2), event(3)))
    assert not one.take_snapshot(picture(2), asked_after=None)
    # The server has named 3 over this connection: this one was long on its way.
    assert not one.take_snapshot(picture(2), asked_after=3)
    assert one.seq == 3
    one.connected()
    assert one.take_snapshot(picture(2), asked_after=3)
    assert [each.seq for each in one.events] == [1, 2]


def test_events_kept_are_the_newest() -> None:
    one = thread(events_kept=3)
    one.take_events(batch(*(event(seq) for seq in range(1, 6))))
    assert [each.seq for each in one.events] == [3, 4, 5]
    assert [each.seq for each in one.events_after(4)] == [5]
    assert [each.seq for each in one.events_after(0)] == [3, 4, 5]
    assert one.first_kept == 3


def test_text_is_joined_by_offset_in_code_points() -> None:
    one = thread()
    one.take_delta(piece(0, "a😀"))
    one.take_delta(piece(1, "😀é"))
    one.take_delta(piece(0, "a"))
    assert one.text_of(RUN) == "a😀é"
    assert lack(one) is None


def test_a_hole_in_the_text_is_a_lack_until_the_text_is_there() -> None:
    one = thread()
    assert not one.take_delta(piece(2, "c"))
    assert lack(one) is Lack.TEXT
    assert one.take_delta(piece(0, "abc"))
    assert lack(one) is None


def test_a_higher_attempt_cuts_the_text_and_a_lower_one_is_late() -> None:
    one = thread()
    one.take_delta(piece(0, "abcdef"))
    one.take_delta(piece(2, "X", attempt=2))
    one.take_delta(piece(6, "g", attempt=1))
    assert one.text_of(RUN) == "abX"


def test_the_stored_answer_replaces_what_was_streamed() -> None:
    one = thread()
    one.take_delta(piece(0, "half"))
    one.take_delta(piece(9, "hole"))
    one.take_events(batch(*whole("half of it")))
    one.take_delta(piece(10, " late"))
    assert (one.text_of(RUN), lack(one)) == ("half of it", None)


@pytest.mark.parametrize("spoilt", [{"length": 3}, {"sha256": "0" * 64}])
def test_an_answer_that_does_not_fit_asks_for_a_snapshot(spoilt: Frame) -> None:
    one = thread()
    created, completed = whole("text")
    one.take_events(batch(created, {**completed, "data": completed["data"] | spoilt}))
    assert lack(one) is Lack.SNAPSHOT
    one.take_snapshot(picture(2, stored(1, "assistant", "text")), asked_after=None)
    assert (one.text_of(RUN), lack(one)) == ("text", None)


def test_messages_come_from_snapshots_events_and_acks_alike() -> None:
    one = thread(after_seq=None)
    one.take_snapshot(picture(4, stored(1, "user", "hi"), stored(4, "assistant", "hello")),
                      asked_after=None)  # fmt: skip
    one.take_ack(answered("c1"))
    asked = event(5, "message_created", run_id=None, message_id="m5", role="user", text="more",
                  after_run_id=RUN)  # fmt: skip
    queued = event(6, "run_queued", run_id="run_1_bbbbbb", message_id="m5", position=1)
    one.take_events(batch(asked, queued))
    told = [(each.role, each.text, each.run_id, each.status) for each in one.messages]
    assert told == [
        ("user", "hi", RUN, "stored"),
        ("assistant", "hello", RUN, "completed"),
        ("user", "more", "run_1_bbbbbb", "stored"),
    ]
    assert one.messages[0].files[0].name == "a.csv"


def test_an_answer_has_the_status_its_run_ended_with() -> None:
    one = thread()
    asked = event(1, "message_created", run_id=None, message_id="m1", role="user", text="hi")
    one.take_events(batch(asked, event(2, "agent_started", question_id="m1"), *whole("text", 3)))
    assert (one.status_of(RUN), one.active_run_id) == ("running", RUN)
    one.take_events(batch(event(5, "agent_completed", status="stopped", message_id="msg_1_000003")))
    assert (one.status_of(RUN), one.active_run_id) == ("stopped", None)
    assert [each.status for each in one.messages] == ["stored", "stopped"]


def test_an_active_run_keeps_its_text_over_a_snapshot_of_the_same_attempt() -> None:
    one = thread()
    one.take_delta(piece(0, "so far"))
    for attempt, text in ((1, "so far"), (2, "")):
        active = {"run_id": RUN, "status": "running", "attempt": attempt}
        one.take_snapshot(picture(1, active_run=active), asked_after=None)
        assert one.text_of(RUN) == text


def test_backoff_is_full_jitter_between_half_a_second_and_thirty() -> None:
    def delays(chance: float) -> list[float]:
        return [
            delay_before(code=1006, failures=failures, drain_s=9, chance=chance)
            for failures in (0, 1, 2, 5, 50)
        ]

    assert delays(0.0) == [0.5] * 5
    assert delays(1.0) == [1.0, 2.0, 4.0, 30.0, 30.0]
    assert delay_before(code=1012, failures=0, drain_s=0.7, chance=1) == 0.7
    assert delay_before(code=1012, failures=1, drain_s=0.7, chance=1) == 2.0
