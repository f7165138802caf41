import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chat.delivery.bell import ThreadDelta, ThreadEvents
from chat.delivery.topics import RunText, Topic
from chat.protocol.frames import Delta

THREAD = "thread_1_abcdef"
RUN = "run_1_abcdef"


class Reader:
    """A listener that keeps what it is handed."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.text = ""
        self.typing: list[str] = []

    def on_events(self, ring: ThreadEvents) -> None:
        self.batches.append((ring.first, ring.last))

    def on_typing(self, connection_id: str, frame: str) -> None:
        self.typing.append(connection_id)

    def on_text(self, text: RunText, delta: Delta, frame: str) -> None:
        assert json.loads(frame)["text"] == delta.text
        assert delta.offset <= len(self.text), "the text has a hole"
        self.text = self.text[: delta.offset] + delta.text
        assert self.text == text.text


def topic_with(reader: Reader, *, head: int | None = None) -> Topic:
    topic = Topic(THREAD)
    topic.listeners.add(reader)
    topic.head = head
    return topic


def events(first: int, last: int, **more: Any) -> ThreadEvents:
    return ThreadEvents(thread_id=THREAD, first=first, last=last, frame="{}", **more)


def delta(offset: int, text: str, *, attempt: int = 1, run_id: str = RUN) -> ThreadDelta:
    return ThreadDelta(thread_id=THREAD, run_id=run_id, attempt=attempt, offset=offset, text=text)


def test_batches_that_follow_each_other_are_handed_on() -> None:
    reader = Reader()
    topic = topic_with(reader, head=3)
    assert topic.hear_events(events(4, 5))
    assert topic.hear_events(events(6, 6))
    assert reader.batches == [(4, 5), (6, 6)]


def test_a_batch_that_was_handed_on_before_is_dropped() -> None:
    reader = Reader()
    topic = topic_with(reader, head=5)
    assert topic.hear_events(events(4, 5))
    assert reader.batches == []


def test_a_gap_is_not_handed_on_but_remembered_as_heard() -> None:
    reader = Reader()
    topic = topic_with(reader, head=3)
    assert not topic.hear_events(events(5, 6))
    assert (topic.head, topic.seen, reader.batches) == (3, 6, [])
    assert topic.hear_events(events(4, 6))


def test_the_end_of_a_run_forgets_its_text() -> None:
    topic = topic_with(Reader(), head=0)
    topic.hear_delta(delta(0, "hello"))
    topic.hear_events(events(1, 1, ends_run=True))
    assert topic.text is None


def test_text_is_joined_by_offset_and_known_text_is_ignored() -> None:
    reader = Reader()
    topic = topic_with(reader)
    for piece in (delta(0, "he"), delta(2, "llo"), delta(0, "hel"), delta(3, "lo 😀")):
        assert topic.hear_delta(piece)
    assert reader.text == "hello 😀"


def test_a_hole_in_the_text_waits_for_the_checkpoint() -> None:
    reader = Reader()
    topic = topic_with(reader)
    topic.hear_delta(delta(0, "he"))
    assert not topic.hear_delta(delta(5, "!"))
    assert topic.behind
    topic.heal_text(RUN, 1, "hello!")
    assert (reader.text, topic.behind) == ("hello!", False)


def test_text_that_came_while_the_checkpoint_was_read_joins_it() -> None:
    reader = Reader()
    topic = topic_with(reader)
    for piece in (delta(0, "he"), delta(5, " the"), delta(9, "re")):
        topic.hear_delta(piece)
    topic.heal_text(RUN, 1, "hell")
    assert topic.behind, "the checkpoint does not reach it yet"
    topic.heal_text(RUN, 1, "hello t")
    assert (reader.text, topic.behind) == ("hello there", False)


def test_a_higher_attempt_cuts_the_text_where_its_checkpoint_says() -> None:
    reader = Reader()
    topic = topic_with(reader)
    topic.hear_delta(delta(0, "one two"))
    # Whether pieces of it before this one were lost, nobody can tell.
    assert not topic.hear_delta(delta(6, "ree", attempt=2))
    topic.heal_text(RUN, 2, "one th")
    assert reader.text == "one three"
    assert topic.hear_delta(delta(7, " lost", attempt=1)), "an older attempt says nothing more"
    assert reader.text == "one three"


def test_a_checkpoint_of_a_higher_attempt_replaces_what_differs() -> None:
    reader = Reader()
    topic = topic_with(reader)
    topic.hear_delta(delta(0, "one two"))
    topic.heal_text(RUN, 2, "one three")
    assert reader.text == "one three"
    topic.heal_text(RUN, 1, "one two and more")
    assert reader.text == "one three"


def test_the_text_of_another_run_begins_anew() -> None:
    reader = Reader()
    topic = topic_with(reader)
    topic.hear_delta(delta(0, "first"))
    topic.hear_delta(delta(0, "second", run_id="run_1_uvwxyz"))
    assert topic.text is not None
    assert topic.text.text == "second"


pieces = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=12)


@given(pieces, st.data())
def test_lost_repeated_and_reordered_deltas_heal_to_the_whole_text(
    parts: list[str], data: st.DataObject
) -> None:
    whole = "".join(parts)
    offsets = [len("".join(parts[:n])) for n in range(len(parts))]
    sent = [delta(offset, text) for offset, text in zip(offsets, parts, strict=True)]
    arriving = data.draw(st.lists(st.sampled_from(sent), max_size=30))
    reader = Reader()
    topic = topic_with(reader)
    for piece in arriving:
        if not topic.hear_delta(piece):
            checkpoint = data.draw(st.integers(0, len(whole)))
            topic.heal_text(RUN, 1, whole[:checkpoint])
        assert whole.startswith(reader.text)
    topic.heal_text(RUN, 1, whole)
    assert reader.text == whole


@given(pieces, pieces, st.data())
def test_two_attempts_are_never_mixed_whatever_was_lost(
    first: list[str], second: list[str], data: st.DataObject
) -> None:
    wholes = ["".join(first), "".join(second)]
    sent = [
        delta(len("".join(parts[:number])), text, attempt=attempt)
        for attempt, parts in enumerate((first, second), start=1)
        for number, text in enumerate(parts)
    ]
    reader = Reader()
    topic = topic_with(reader)
    for piece in data.draw(st.lists(st.sampled_from(sent), max_size=30)):
        if not topic.hear_delta(piece):
            whole = wholes[piece.attempt - 1]
            topic.heal_text(RUN, piece.attempt, whole[: data.draw(st.integers(0, len(whole)))])
        if topic.text is not None:
            assert wholes[topic.text.attempt - 1].startswith(topic.text.text)
