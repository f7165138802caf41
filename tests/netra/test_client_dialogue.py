import json

import pytest

from netra.client.dialogue import ClientState, Dialogue
from netra.client.errors import Closed
from netra.client.outbox import Outbox
from netra.client.pending import PendingStop
from netra.client.thread import Lack
from tests.netra.client_world import (
    ENTITLEMENTS,
    RUN,
    SERVICES,
    THREAD,
    WELCOME,
    Frame,
    Talk,
    delta,
    error,
    event,
    events,
    followed,
    ready,
    snapshot,
    subscribe,
)

OTHER = "thread_1_bbbbbb"


def pong(**heads: int) -> Frame:
    return {"type": "pong", "heads": heads}


def seen_of(talk: Talk, *, after_s: float = 0.0) -> list[Frame]:
    talk.now += after_s
    frames = [json.loads(text) for text in talk.dialogue.to_send(talk.now)]
    return [frame for frame in frames if frame["type"] == "seen"]


# States


def test_the_state_says_how_far_the_connection_is() -> None:
    talk = Talk()
    states = [talk.dialogue.state]
    talk.dialogue.opening(talk.now)
    states.append(talk.dialogue.state)
    for frame in (WELCOME, ready(), {"type": "state", "services": SERVICES | {"runs": False}}):
        talk.hear(frame)
        states.append(talk.dialogue.state)
    assert states == ["disconnected", "connecting", "connected", "ready", "degraded"]


def test_a_first_failure_is_still_connecting_and_the_second_is_offline() -> None:
    talk = Talk()
    states = []
    for _attempt in range(2):
        talk.dialogue.opening(talk.now)
        talk.cut()
        states.append(talk.dialogue.state)
    assert states == [ClientState.CONNECTING, ClientState.OFFLINE]


@pytest.mark.parametrize(
    ("code", "is_final"),
    [
        *((code, False) for code in (1000, 1006, 1012, 1013, 4408, 4410, 4429, 4499)),
        *((code, True) for code in (4500, 4501, 4503, 4529, 4530, 4999)),
    ],
)
def test_close_codes_from_4500_on_are_final(code: int, is_final: bool) -> None:
    talk = Talk().connect()
    talk.cut(code)
    assert (talk.dialogue.final is not None) == is_final
    assert (talk.dialogue.retry_at is None) == is_final


def test_after_a_drain_the_client_comes_back_when_it_was_told_to() -> None:
    talk = Talk().connect()
    talk.hear({"type": "drain", "reconnect_after_ms": 700})
    talk.cut(1012)
    assert talk.dialogue.retry_at == pytest.approx(talk.now + 0.7)


def test_the_account_is_always_the_newest() -> None:
    talk = Talk().connect()
    assert talk.dialogue.account is not None
    assert talk.dialogue.account.tier == "free"
    talk.hear({"type": "account", "entitlements": ENTITLEMENTS | {"tier": "mid"}})
    assert talk.dialogue.account.tier == "mid"


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"7", b"{", b'{"type":7}', b'{"type":"events"}', b'{"type":"ack"}', b"\xff"]
)
def test_a_frame_that_is_none_changes_nothing(raw: bytes) -> None:
    talk = followed()
    talk.dialogue.receive(raw, talk.now)
    talk.hear({"type": "of_tomorrow", "x": 1}, events(event(1)))
    assert talk.dialogue.frames_ignored == 1
    assert talk.dialogue.followings[THREAD].thread.seq == 1


# Confirming what arrived


def test_seen_counts_bytes_since_connecting_and_names_what_was_applied() -> None:
    talk = followed()
    frames = [WELCOME, ready(), events(event(1, text="😀"), event(2))]
    talk.hear(frames[2])
    [first] = seen_of(talk, after_s=1.0)
    assert first["heads"] == {THREAD: 2}
    # The set-up has been confirmed by then, since `followed` took what was said.
    assert first["bytes"] == sum(len(json.dumps(frame).encode()) for frame in frames)


def test_seen_is_said_at_most_once_a_second_and_only_after_a_frame() -> None:
    talk = Talk().connect()
    assert len(seen_of(talk)) == 1
    talk.hear(pong())
    assert seen_of(talk, after_s=0.5) == []
    assert len(seen_of(talk, after_s=0.5)) == 1
    assert seen_of(talk, after_s=10) == []


def test_a_new_connection_counts_from_nothing() -> None:
    talk = Talk().connect()
    [before] = seen_of(talk)
    talk.cut()
    talk.now += 5
    talk.connect()
    assert seen_of(talk) == [before]


# Dead connections


def test_a_minute_without_a_frame_is_death() -> None:
    talk = Talk().connect()
    assert not talk.dialogue.is_dead(talk.now + 59.9)
    assert talk.dialogue.is_dead(talk.now + 60)


def test_a_set_up_that_takes_too_long_is_left() -> None:
    talk = Talk()
    talk.dialogue.opening(talk.now)
    assert talk.dialogue.due_at(talk.now) == talk.now + 15
    assert talk.dialogue.is_dead(talk.now + 15)


def test_a_woken_client_asks_and_gives_three_seconds() -> None:
    talk = Talk().connect()
    talk.dialogue.wake(talk.now)
    assert talk.says() == [{"type": "ping"}]
    assert talk.dialogue.is_dead(talk.now + 3)
    talk.hear(pong())
    assert not talk.dialogue.is_dead(talk.now + 3)


def test_a_woken_client_waits_no_longer_to_connect() -> None:
    talk = Talk().connect()
    talk.cut()
    talk.dialogue.wake(talk.now)
    assert talk.dialogue.retry_at == talk.now


# Following


def test_a_thread_is_asked_for_once_the_connection_is_ready_and_on_each_new_one() -> None:
    talk = Talk()
    talk.dialogue.followings.follow(THREAD, after_seq=None)
    talk.dialogue.opening(talk.now)
    talk.hear(WELCOME)
    assert talk.says() == []
    talk.hear(ready())
    assert talk.says() == [subscribe(None)]
    talk.hear(snapshot(7))
    talk.cut()
    talk.connect()
    assert talk.says() == [subscribe(7)]


def test_a_gap_is_asked_for_at_once_and_not_twice() -> None:
    talk = followed()
    talk.hear(events(event(1)))
    talk.hear(events(event(3)))
    assert talk.says(after_s=0.2) == [subscribe(1)]
    talk.hear(events(event(4)))
    assert talk.says(after_s=1) == []
    talk.hear(events(event(2), event(3), event(4)))
    assert talk.says(after_s=1) == []


def test_an_answer_that_does_not_come_is_asked_for_again() -> None:
    talk = followed()
    talk.hear(events(event(3)))
    assert talk.says(after_s=4.9) == [{"type": "ping"}]
    assert talk.says(after_s=0.1) == [subscribe(0)]


def test_a_head_beyond_what_was_applied_has_a_second_to_arrive() -> None:
    talk = followed()
    talk.hear(events(event(1)), pong(**{THREAD: 2}))
    assert subscribe(1) not in talk.says(after_s=0.9)
    assert talk.says(after_s=0.1) == [subscribe(1)]


def test_a_thread_the_server_does_not_follow_for_us_is_asked_for_again() -> None:
    talk = followed()
    talk.hear(events(event(1)))
    talk.now += 6
    talk.hear(pong())
    assert talk.says() == [subscribe(1)]


def test_with_nothing_new_a_ping_tells_that_the_subscription_holds() -> None:
    talk = followed(after_seq=5)
    assert talk.says(after_s=0.25) == [{"type": "ping"}]
    assert not talk.dialogue.followings[THREAD].is_settled
    talk.hear(pong(**{THREAD: 5}))
    assert talk.dialogue.followings[THREAD].is_settled
    assert talk.says(after_s=20) == []


def test_a_hole_in_the_text_is_asked_for() -> None:
    talk = followed()
    talk.hear(events(event(1, "agent_started")), delta(0, "ab"), delta(5, "f"))
    assert talk.dialogue.followings[THREAD].thread.lack is Lack.TEXT
    assert talk.says(after_s=0.2) == [subscribe(1)]
    talk.hear(delta(0, "abcdef"))
    assert talk.says(after_s=1) == []


def test_a_text_that_does_not_fit_its_hash_asks_for_a_snapshot() -> None:
    talk = followed()
    created = event(1, "message_created", message_id="m", role="assistant", text="spoilt")
    completed = event(2, "message_completed", message_id="m", length=6, sha256="0" * 64)
    talk.hear(events(created, completed))
    assert talk.says(after_s=0.2) == [subscribe(None)]
    # What comes live meanwhile is not the answer.
    talk.hear(events(event(3)))
    assert talk.says(after_s=1) == []


def test_a_subscribe_refused_for_now_is_repeated_when_the_server_said() -> None:
    talk = followed()
    talk.hear(error("unavailable", retryable=True, retry_after_s=3))
    assert talk.says(after_s=2.9) == []
    assert talk.says(after_s=0.1) == [subscribe(0)]


def test_a_thread_that_does_not_exist_is_asked_for_no_more() -> None:
    talk = followed()
    talk.hear(error("not_found"))
    following = talk.dialogue.followings[THREAD]
    assert following.refusal is not None
    assert following.refusal.code == "not_found"
    assert talk.says(after_s=30) == []


def test_new_threads_are_asked_for_one_by_one_since_an_error_names_none() -> None:
    talk = followed(after_seq=None)
    talk.dialogue.followings.follow(OTHER, after_seq=None)
    assert subscribe(None, OTHER) not in talk.says(after_s=1)
    talk.hear(error("not_found"))
    assert talk.says() == [subscribe(None, OTHER)]


def test_an_error_that_names_its_thread_is_about_that_one() -> None:
    talk = followed()
    talk.hear(events(event(1)))
    talk.dialogue.followings.follow(OTHER, after_seq=None)
    talk.says()
    talk.hear(error("not_found", thread_id=THREAD))
    assert talk.dialogue.followings[THREAD].refusal is not None
    assert talk.dialogue.followings[OTHER].refusal is None


def test_a_thread_that_is_left_is_unsubscribed() -> None:
    talk = followed()
    talk.dialogue.followings.unfollow(THREAD)
    assert talk.says() == [{"type": "unsubscribe", "thread_id": THREAD}]
    assert THREAD not in talk.dialogue.followings


def test_an_end_says_no_more_and_keeps_what_was_not_answered() -> None:
    dialogue = Dialogue(outbox=Outbox(limit=10), events_kept=10)
    talk = Talk(dialogue).connect()
    dialogue.outbox.add(PendingStop(client_id="s1", run_id=RUN))
    dialogue.end(Closed(1000, "closed"))
    assert talk.says() == []
    assert dialogue.state is ClientState.DISCONNECTED
    assert len(dialogue.outbox.pending) == 1
