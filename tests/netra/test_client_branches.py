"""A client shows the branch that the server shows, however it came to know of it."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra.client import branches
from netra.client.decoding import decode
from netra.client.frames import Events, Snapshot
from netra.client.thread import Lack, Thread
from tests.netra.client_tree import Shown, Tree
from tests.netra.client_world import THREAD, events

MESSAGES_MAX = 1000
TOLD = ["send", "work", "work", "work", "edit", "regenerate", "switch", "interrupt"]


def actions_of(kinds: list[str]) -> st.SearchStrategy[list[tuple[str, int]]]:
    """What is done, and to which of the things there are."""
    one = st.tuples(st.sampled_from(kinds), st.integers(0, 2**16))
    return st.lists(one, min_size=4, max_size=40)


# All that the log alone tells, and what needs a snapshot.
ACTIONS = actions_of([*TOLD, "advance"])


def act(tree: Tree, action: str, which: int, *, is_alone: bool = False) -> None:
    """Do one thing; alone in the world somebody sees what they change."""
    questions = [one["message_id"] for one in tree.shown() if one["role"] == "user"]
    asked = questions if is_alone else list(tree.questions)
    ended = [run.run_id for run in tree.runs.values() if run.has_ended]
    waiting = [run for run in tree.runs.values() if run.state == "queued"]
    match action:
        case "advance" if waiting:
            tree.advance(waiting[which % len(waiting)])
        case "edit" if asked:
            tree.edit(asked[which % len(asked)])
        case "regenerate" if ended:
            tree.regenerate(ended[which % len(ended)])
        case "switch" if tree.runs:
            run = list(tree.runs.values())[which % len(tree.runs)]
            same = [one.run_id for one in tree.runs.values() if one.question == run.question]
            tree.switch(same if which % 2 else [run.run_id])
        case "interrupt":
            tree.interrupt()
        case "work":
            tree.work(says_something=which % 4 > 0)
        case _:
            tree.send()


def calm_down(tree: Tree) -> None:
    while not tree.is_at_rest:
        tree.work(says_something=True)


def follow(*, after_seq: int | None) -> Thread:
    return Thread(THREAD, after_seq=after_seq, events_kept=1000)


def hear(thread: Thread, tree: Tree) -> None:
    """Let the client apply what the log has more."""
    decoded = decode(json.dumps(events(*tree.log[thread.seq or 0 :])))
    assert isinstance(decoded, Events)
    thread.take_events(decoded.events)
    assert thread.seq == len(tree.log)


def see(thread: Thread, tree: Tree, *, messages_max: int = MESSAGES_MAX) -> None:
    decoded = decode(json.dumps(tree.snapshot(messages_max)))
    assert isinstance(decoded, Snapshot)
    assert thread.take_snapshot(decoded, asked_after=None)


def shown(thread: Thread) -> list[Shown]:
    left_out = ("ts", "files")
    return [
        {name: value for name, value in asdict(message).items() if name not in left_out}
        for message in thread.messages
    ]


def wanted(thread: Thread, tree: Tree) -> list[Shown]:
    """What the server shows; who answers the last question may not have been told yet."""
    branch = tree.shown()
    if thread.tip is not None or not branch:
        return branch
    return [*branch[:-1], {**branch[-1], "run_id": None}]


@settings(max_examples=300)
@given(actions=actions_of(TOLD))
def test_the_log_alone_tells_which_branch_is_shown(actions: list[tuple[str, int]]) -> None:
    tree, thread = Tree(), follow(after_seq=0)
    for action, which in actions:
        act(tree, action, which)
        hear(thread, tree)
        assert thread.lack is None
        assert shown(thread) == wanted(thread, tree)
        assert thread.tip in (None, tree.tip)
        assert not thread.more


def test_whoever_follows_from_the_middle_sees_what_is_asked_from_there_on() -> None:
    tree = Tree()
    for _turn in range(3):
        tree.send()
        calm_down(tree)
    thread = follow(after_seq=len(tree.log))
    tree.send()
    tree.send()
    hear(thread, tree)
    assert [message["text"] for message in shown(thread)] == ["q4", "q5"]
    assert (thread.more, thread.lack) == (True, None)
    calm_down(tree)
    tree.regenerate("run_1")
    hear(thread, tree)
    assert thread.lack is Lack.SNAPSHOT
    see(thread, tree)
    assert shown(thread) == tree.shown()


@settings(max_examples=300)
@given(
    actions=ACTIONS,
    joined=st.integers(0, 40),
    window=st.sampled_from([1, 2, 3, 5, MESSAGES_MAX]),
)
def test_whoever_joins_with_a_snapshot_sees_the_same_from_there_on(
    actions: list[tuple[str, int]], joined: int, window: int
) -> None:
    tree, thread = Tree(), follow(after_seq=None)
    for number, (action, which) in enumerate(actions):
        act(tree, action, which, is_alone=True)
        if number < joined:
            continue
        if thread.seq is not None:
            hear(thread, tree)
        if thread.lack is Lack.SNAPSHOT:
            see(thread, tree, messages_max=window)
        branch = wanted(thread, tree)
        seen = shown(thread)
        assert seen == branch[len(branch) - len(seen) :]
        assert len(seen) > 0 or not branch
        assert thread.more == (len(seen) < len(branch))


@settings(max_examples=200)
@given(actions=ACTIONS, joined=st.integers(0, 40), kept=st.integers(2, 6))
def test_whatever_was_forgotten_or_guessed_wrong_is_mended_by_the_end(
    actions: list[tuple[str, int]], joined: int, kept: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branches, "TURNS_KEPT_MAX", kept)
        tree, thread = Tree(), follow(after_seq=None)
        for number, (action, which) in enumerate(actions):
            act(tree, action, which)
            if number >= joined and thread.seq is not None:
                hear(thread, tree)
            if number >= joined and thread.lack is Lack.SNAPSHOT:
                see(thread, tree, messages_max=2 * kept)
        calm_down(tree)
        if thread.seq is not None:
            hear(thread, tree)
        if thread.lack is Lack.SNAPSHOT:
            see(thread, tree, messages_max=2 * kept)
        seen, branch = shown(thread), tree.shown()
        assert seen == branch[len(branch) - len(seen) :]
        assert thread.tip == tree.tip
        assert thread.more == (len(seen) < len(branch))
        assert len(seen) > 0 or not branch
        assert len(thread.messages) <= 2 * kept + 1
