import json
from pathlib import Path

import pytest

from netra.client.decoding import decode
from netra.client.errors import OutboxFull, OutboxUnreadable, Refused
from netra.client.frames import Ack, Problem
from netra.client.outbox import TRIES_MAX, Outbox
from netra.client.outbox_file import OutboxFile
from netra.client.pending import PendingSend, PendingStop
from tests.netra.client_world import THREAD, USER, Frame, ack, error

NOW = 100.0


def send(client_id: str, *, thread_id: str | None = THREAD, text: str = "hello") -> PendingSend:
    return PendingSend(client_id=client_id, text=text, thread_id=thread_id)


def answer(frame: Frame) -> Ack | Problem:
    decoded = decode(json.dumps(frame))
    assert isinstance(decoded, Ack | Problem)
    return decoded


def later(client_id: str, retry_after_s: float) -> Problem:
    refused = answer(
        error("unavailable", retryable=True, retry_after_s=retry_after_s, client_id=client_id)
    )
    assert isinstance(refused, Problem)
    return refused


def taken(outbox: Outbox, now: float = NOW) -> list[str]:
    """The client_ids of the frames that go now."""
    frames = outbox.take(now, user_id=USER)
    return [one.client_id for one in outbox.pending if any(one.client_id in f for f in frames)]


def test_frames_go_once_a_connection_in_the_order_they_were_added() -> None:
    outbox = Outbox(limit=10)
    for client_id in ("c1", "c2", "c3"):
        outbox.add(send(client_id))
    assert taken(outbox) == ["c1", "c2", "c3"]
    assert taken(outbox) == []
    outbox.reconnected()
    assert taken(outbox) == ["c1", "c2", "c3"]


def test_text_of_any_language_takes_no_more_bytes_than_utf_8() -> None:
    [frame] = [send("c1", text="😀" * 10_000).frame()]
    assert len(frame.encode()) < 41_000


def test_none_overtakes_a_postponed_one_of_its_thread() -> None:
    outbox = Outbox(limit=10)
    outbox.add(send("c1"))
    taken(outbox)
    assert not outbox.take_answer(later("c1", 5), NOW)
    outbox.add(send("c2"))
    outbox.add(send("c3", thread_id="thread_1_other0"))
    assert taken(outbox, NOW + 4.9) == ["c3"]
    assert outbox.due_at(NOW) == NOW + 5
    assert taken(outbox, NOW + 5) == ["c1", "c2"]


def test_what_the_server_wants_again_is_given_up_after_so_many_tries() -> None:
    outbox = Outbox(limit=10)
    outbox.add(send("c1"))
    now = NOW
    for _try in range(TRIES_MAX - 1):
        assert taken(outbox, now) == ["c1"]
        assert not outbox.take_answer(later("c1", 1), now)
        now += 1
    assert taken(outbox, now) == ["c1"]
    assert outbox.take_answer(later("c1", 1), now)
    refused = outbox.answer_to("c1")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retryable) == ("unavailable", True)


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "text_empty"},
        {"code": "limit_reached", "retryable": True},
        {"code": "failed", "retryable": True},
        {"code": "limit_reached", "retryable": True, "retry_after_s": 86_400},
    ],
)
def test_a_refusal_without_a_near_time_is_final(fields: Frame) -> None:
    outbox = Outbox(limit=10)
    outbox.add(send("c1"))
    taken(outbox)
    assert outbox.take_answer(answer(error(**fields, client_id="c1")), NOW)
    assert outbox.pending == ()


def test_an_answer_is_kept_for_whoever_asks_later() -> None:
    outbox = Outbox(limit=10)
    outbox.add(send("c1"))
    outbox.take_answer(answer(ack("c1", seq=4)), NOW)
    given = outbox.answer_to("c1")
    assert isinstance(given, Ack)
    assert given.seq == 4


def test_answers_to_nothing_of_ours_are_ignored() -> None:
    assert not Outbox(limit=10).take_answer(answer(ack("c1")), NOW)


def test_a_full_outbox_takes_no_more() -> None:
    outbox = Outbox(limit=1)
    outbox.add(send("c1"))
    with pytest.raises(OutboxFull):
        outbox.add(send("c2"))


def test_the_same_send_joins_the_one_that_waits_and_another_is_refused() -> None:
    outbox = Outbox(limit=10)
    outbox.add(send("c1"))
    taken(outbox)
    outbox.add(send("c1"))
    assert taken(outbox) == []
    with pytest.raises(Refused, match="client_id_reused"):
        outbox.add(send("c1", text="something else"))


def test_a_held_frame_waits_for_its_release() -> None:
    outbox = Outbox(limit=10)
    outbox.add(send("c1"), is_held=True)
    outbox.add(send("c2"))
    assert taken(outbox) == []
    outbox.release("c1")
    assert taken(outbox) == ["c1", "c2"]


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "outbox")
    assert file.read() == ()
    sends = (send("c1", text="é😀"), PendingSend(client_id="c2", text="x", files=("f1", "f2")))
    file.write(sends)
    assert file.read() == sends
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]


def test_stops_are_not_stored() -> None:
    outbox = Outbox(limit=10)
    outbox.add(PendingStop(client_id="s1", run_id="run_1_aaaaaa"))
    outbox.add(send("c1"))
    assert [one.client_id for one in outbox.stored] == ["c1"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version":2,"sends":[]}', '{"version":1,"sends":[{"text":"x"}]}']
)
def test_a_damaged_file_is_told_and_not_touched(tmp_path: Path, content: str) -> None:
    path = tmp_path / "outbox"
    path.write_text(content)
    with pytest.raises(OutboxUnreadable):
        OutboxFile(path).read()
    assert path.read_text() == content
