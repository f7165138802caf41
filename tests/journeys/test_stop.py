"""Stop, in whatever a run is doing: one end, nothing left open, and the next message works.

While text streams it is stopped in `test_model`, without a provider in `test_mid_answer`.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import pytest
from pytest_django import DjangoDbBlocker

from chat.database import in_database
from tests.chat.run_invariants import Seen, assert_all
from tests.conftest import environment_of_servers
from tests.fakes.openai_server import Answer, CallTool, FakeOpenAI, FallSilent, Say
from tests.journeys.conftest import empty_database, new_person
from tests.journeys.crashes import Scene, Story

pytestmark = pytest.mark.django_db

# Within 250 ms where nothing else runs: a limit for hangs.
HANGS_AFTER_S = 30.0
AGAIN = "Still here."


def writes(tool: str) -> Callable[[str], Sequence[Answer]]:
    return lambda path: [CallTool(tool, {"path": path, "held": "after"}, text="I write. ")]


SCRIPTS: Mapping[str, Callable[[str], Sequence[Answer]]] = MappingProxyType(
    {
        "thinking": lambda path: [FallSilent("")],
        "tool": writes("write_once"),
        "waiting": writes("write_if_allowed"),
    }
)
REACHED: Mapping[str, Callable[[Scene, Story], bool]] = MappingProxyType(
    {
        "thinking": lambda scene, story: scene.fake.asked("thinking") == 1,
        "tool": lambda scene, story: bool(story.lines),
        "waiting": lambda scene, story: story.has("approval_required"),
        "queued": lambda scene, story: story.has("run_queued"),
    }
)


@pytest.fixture(scope="module")
def scene(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """All of it has happened when the tests look."""
    with django_db_blocker.unblock(), FakeOpenAI() as fake:
        try:
            made = Scene.set(environment_of_servers(), fake, tmp_path_factory.mktemp("traces"))
            asyncio.run(stop_all(made))
            yield made
        finally:
            empty_database()


async def stop_all(scene: Scene) -> None:
    async with scene:
        people = {word: await in_database(new_person, word) for word in SCRIPTS}
        for word, script in SCRIPTS.items():
            await scene.tell(people[word], word, script(str(scene.path(word))))
        await reach(scene, "thinking")
        # In a thread of its own, and the plan has one place: it waits for the one that thinks.
        await scene.tell(people["thinking"], "queued", [])
        for word in ("queued", *SCRIPTS):
            await reach(scene, word)
            story = scene.stories[word]
            stopped_at = time.monotonic()
            await story.say("stop")
            await scene.until(partial(story.has, "agent_completed"), f"{word}, stopped")
            story.came_at["stop"] = stopped_at
        await scene.until(lambda: fake_was_left(scene), "the provider's connection is closed")
        for word in REACHED:
            await ask_again(scene, scene.stories[word])


async def reach(scene: Scene, word: str) -> None:
    await scene.until(lambda: REACHED[word](scene, scene.stories[word]), word)


def fake_was_left(scene: Scene) -> bool:
    return scene.fake.left("thinking") == 1


async def ask_again(scene: Scene, story: Story) -> None:
    scene.fake.will(Say(AGAIN), to=f"next-{story.word}")
    await story.socket.send(f"And next-{story.word}?", thread_id=story.transcript.thread_id)
    await scene.until(lambda: len(story.ends) == 2, f"an answer after {story.word}")


@pytest.mark.parametrize("word", sorted(REACHED))
def test_it_ends_once_and_the_next_message_is_answered(scene: Scene, word: str) -> None:
    story = scene.stories[word]
    seconds = story.came_at["agent_completed"] - story.came_at["stop"]
    print(f"{word}: stopped after {seconds * 1000:.0f} ms")
    assert seconds < HANGS_AFTER_S
    assert [end["status"] for end in story.ends] == ["stopped", "completed"]
    assert AGAIN in story.transcript.texts.values()


@pytest.mark.parametrize("word", ["queued", "thinking"])
def test_who_stops_before_the_first_word_gets_no_empty_message(scene: Scene, word: str) -> None:
    assert scene.stories[word].ends[0]["message_id"] is None


@pytest.mark.parametrize(("word", "lines"), [("tool", 1), ("waiting", 0)])
def test_a_call_is_closed_and_the_text_before_it_is_kept(
    scene: Scene, word: str, lines: int
) -> None:
    story = scene.stories[word]
    assert story.data("tool_completed")["status"] == "stopped"
    assert story.text == "I write. "
    assert len(story.lines) == lines


def test_nothing_holds_less_than_before(scene: Scene) -> None:
    assert_all(Seen.of([story.person.user for story in scene.stories.values()]))
