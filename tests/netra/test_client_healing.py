"""Whatever a connection drops, repeats or reorders, a client ends with exactly the log."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.netra.client_world import THREAD, Frame, Server, Talk

# Frames that the channel may spoil: those of a set-up cannot be lost without the connection.
CALM_ROUNDS_MAX = 40


class Channel:
    """Frames on their way to the client; the way back is as reliable as TCP."""

    def __init__(self, talk: Talk, server: Server, chance: random.Random) -> None:
        self.talk = talk
        self.server = server
        self.chance = chance
        self.on_their_way: list[Frame] = []

    def put(self, frames: list[Frame]) -> None:
        self.on_their_way += frames

    def exchange(self) -> None:
        """The client says what it has to say; the answers are on their way."""
        for frame in self.talk.says():
            self.put(self.server.answer(frame))

    def deliver(self, fault: str) -> None:
        if not self.on_their_way:
            return
        at = self.chance.randrange(len(self.on_their_way)) if fault == "reorder" else 0
        frame = self.on_their_way.pop(at)
        if fault == "drop":
            return
        self.talk.hear(frame)
        if fault == "repeat":
            self.on_their_way.insert(self.chance.randrange(len(self.on_their_way) + 1), frame)

    def reconnect(self) -> None:
        self.on_their_way.clear()
        self.server.is_followed = False
        self.talk.cut()
        self.talk.connect()

    def calm_down(self) -> None:
        """No more faults: what heals must do so now, by the client's own means."""
        self.talk.dialogue.wake(self.talk.now)
        for _round in range(CALM_ROUNDS_MAX):
            self.exchange()
            while self.on_their_way:
                self.deliver("none")
                self.exchange()
            self.talk.now += 0.5


ACTIONS = st.sampled_from(
    ["append", "stream", "stream", "turn", "crash", "wait", "reconnect"]
    + ["none"] * 4
    + ["drop", "repeat", "reorder"] * 2
)


def act(channel: Channel, action: str, number: int) -> None:
    server, talk = channel.server, channel.talk
    match action:
        case "wait":
            talk.now += 0.3
        case "reconnect":
            channel.reconnect()
        case "append":
            channel.put(server.append({**_progress(server), "data": {"n": number}}))
        case "stream" if server.run_id is not None:
            channel.put(server.stream(f"«{number} 😀»"))
        case "crash" if server.run_id is not None:
            keeps = len(server.texts[server.run_id]) // 2
            channel.put(server.crash(keeps=keeps))
        case "turn" | "stream" | "crash":
            channel.put(server.end() if server.run_id is not None else server.begin())
        case fault:
            channel.deliver(fault)
    channel.exchange()


def _progress(server: Server) -> Frame:
    return {
        "type": "tool_progress",
        "run_id": server.run_id,
        "agent_name": None,
        "ts": "2026-11-22T10:00:00.000Z",
    }


def as_logged(thread_event: Any) -> tuple[int, str, dict[str, Any]]:
    return thread_event.seq, thread_event.type, dict(thread_event.data)


@settings(max_examples=200)
@given(
    actions=st.lists(ACTIONS, min_size=20, max_size=120),
    after_seq=st.sampled_from([0, None]),
    seed=st.integers(0, 2**16),
)
def test_any_interleaving_of_faults_ends_with_exactly_the_log(
    actions: list[str], after_seq: int | None, seed: int
) -> None:
    talk, server = Talk(), Server()
    channel = Channel(talk, server, random.Random(seed))
    channel.put(server.begin())
    talk.connect()
    talk.dialogue.followings.follow(THREAD, after_seq=after_seq)
    channel.exchange()
    for number, action in enumerate(actions):
        act(channel, action, number)
    thread = talk.dialogue.followings[THREAD].thread
    if server.run_id is not None:
        # That the last piece of a text was lost shows with the next one.
        channel.put(server.stream("and more"))
        channel.calm_down()
        # The text of a later attempt may be wrong until its end, when its first piece came late.
        if server.attempt == 1:
            assert thread.text_of(server.run_id) == server.texts[server.run_id]
        channel.put(server.end())
    channel.calm_down()
    since = thread.snapshot_seq or 0
    logged = [(one["seq"], one["type"], one["data"]) for one in server.log]
    assert thread.lack is None
    assert thread.seq == len(server.log)
    # A client that was far behind has a snapshot in the place of what came before it.
    assert [as_logged(one) for one in thread.events] == logged[thread.first_kept - 1 :]
    assert thread.first_kept <= since + 1
    for run_id, text in server.texts.items():
        assert thread.text_of(run_id) == text
    told = [message.text for message in thread.messages if message.role == "assistant"]
    assert told == list(server.texts.values())
