"""`kill -9` of the worker at each point of a run: it goes on elsewhere, or ends so that one can
try again; what has an effect outside has it once.

All points at once, since what a crash takes is waiting for a lease: one worker dies with all of
these runs, later the next, and each test looks at what became of one.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
from pytest_django import DjangoDbBlocker

from billing.models import Reservation, UsageCounter
from chat.database import in_database
from chat.models import Message, Run
from tests.chat.run_invariants import Seen, assert_all
from tests.conftest import environment_of_servers
from tests.fakes.openai_server import Answer, CallTool, FakeOpenAI, FallSilent, Say
from tests.journeys.conftest import empty_database, new_person
from tests.journeys.crashes import Scene, Story
from tests.journeys.transcript import assert_brackets, assert_text_is_whole

pytestmark = [pytest.mark.django_db, pytest.mark.chaos]

# It goes on within 10 s where nothing else runs: a limit for hangs, on a machine that does much.
HANGS_AFTER_S = 45.0
HALF = "Half of an answer"
WHOLE = "A whole answer, from the beginning."


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the model says in this run, and how to see that the run has come to the point."""

    answers: Callable[[str], Sequence[Answer]]
    is_reached: Callable[[Scene, Story], bool]
    allows: bool = False


def writes(tool: str, held: str | None = None) -> Callable[[str], CallTool]:
    return lambda path: CallTool(tool, {"path": path, "held": held}, text="I write. ")


POINTS = {
    "thinking": Point(
        answers=lambda path: [FallSilent(""), Say(WHOLE)],
        is_reached=lambda scene, story: scene.fake.asked(story.word) == 1,
    ),
    "streaming": Point(
        answers=lambda path: [FallSilent(HALF), Say(WHOLE)],
        is_reached=lambda scene, story: story.text == HALF,
    ),
    "between": Point(
        answers=lambda path: [writes("write_once")(path), FallSilent(""), Say(WHOLE)],
        is_reached=lambda scene, story: scene.fake.asked(story.word) == 2,
    ),
    "replayable": Point(
        answers=lambda path: [writes("write_again", "after")(path), Say(WHOLE)],
        is_reached=lambda scene, story: len(story.lines) == 1,
    ),
    "effective": Point(
        answers=lambda path: [writes("write_once", "after")(path), Say(WHOLE)],
        is_reached=lambda scene, story: len(story.lines) == 1,
    ),
    "allowed": Point(
        answers=lambda path: [writes("write_if_allowed", "before")(path), Say(WHOLE)],
        is_reached=lambda scene, story: story.has("tool_executing"),
        allows=True,
    ),
    "waiting": Point(
        answers=lambda path: [writes("write_if_allowed")(path), Say(WHOLE)],
        is_reached=lambda scene, story: story.has("approval_required"),
    ),
    "hopeless": Point(
        answers=lambda path: [FallSilent(HALF), FallSilent(HALF + " again"), Say(WHOLE)],
        is_reached=lambda scene, story: story.text == HALF,
    ),
}  # fmt: skip
OUTLIVES_TWO = ("waiting", "hopeless")


@dataclass(slots=True, kw_only=True)
class Aftermath:
    """What there was to see of it all, for the tests to look at."""

    scene: Scene
    killed_at: list[float]
    # The events of the run that waited, before and after three workers died.
    waited: tuple[list[str], list[str]]

    def story(self, word: str) -> Story:
        return self.scene.stories[word]

    def took(self, word: str, kind: str, *, kill: int = 0) -> float:
        return self.story(word).came_at[kind] - self.killed_at[kill]


@pytest.fixture(scope="module")
def aftermath(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Aftermath]:
    with django_db_blocker.unblock(), FakeOpenAI() as fake:
        try:
            scene = Scene.set(environment_of_servers(), fake, tmp_path_factory.mktemp("traces"))
            yield asyncio.run(crashed(scene))
        finally:
            empty_database()


async def crashed(scene: Scene) -> Aftermath:
    async with scene:
        for word, point in POINTS.items():
            person = await in_database(new_person, word)
            answers = point.answers(str(scene.path(word)))
            await scene.tell(person, word, answers, allows=point.allows)
        for word, point in POINTS.items():
            story = scene.stories[word]
            await scene.until(partial(point.is_reached, scene, story), word)
        await is_stored(scene.stories["hopeless"], HALF)
        await scene.workers.start()
        killed_at = [scene.workers.kill_oldest()]
        return await die_again(scene, killed_at)


async def die_again(scene: Scene, killed_at: list[float]) -> Aftermath:
    """The second worker has gone on with everything: it dies too, and so does the third."""
    waiting, hopeless = scene.stories["waiting"], scene.stories["hopeless"]
    waited_with = list(waiting.types)
    for story in scene.stories.values():
        story.release()
    for word in POINTS.keys() - set(OUTLIVES_TWO):
        story = scene.stories[word]
        await scene.until(partial(story.has, "agent_completed"), f"the end of {word}")
    await is_stored(hopeless, HALF + " again")
    await scene.workers.start()
    killed_at.append(scene.workers.kill_oldest())
    await scene.until(lambda: hopeless.has("agent_completed"), "the end of hopeless")
    killed_at.append(scene.workers.kill_oldest())
    waited = (waited_with, list(waiting.types))
    # Allowed while nobody works: whoever comes begins the call.
    await waiting.allow()
    await scene.until(lambda: waiting.has("approval_resolved"), "the decision")
    await scene.workers.start()
    await scene.until(lambda: waiting.has("agent_completed"), "the end of waiting")
    await try_again(scene, scene.stories["effective"])
    return Aftermath(scene=scene, killed_at=killed_at, waited=waited)


async def try_again(scene: Scene, story: Story) -> None:
    await story.say("regenerate")
    await scene.until(lambda: len(story.ends) == 2, "the further answer")


async def is_stored(story: Story, text: str) -> None:
    """Wait until the text so far is in the database, as it is twice a second."""
    while (await in_database(run_of, story)).partial_text != text:
        await asyncio.sleep(0.05)


def run_of(story: Story) -> Run:
    return Run.objects.get(public_id=story.run_id)


@pytest.mark.parametrize("word", sorted(POINTS))
def test_its_log_is_whole_and_its_text_is_what_was_stored(aftermath: Aftermath, word: str) -> None:
    story = aftermath.story(word)
    assert_brackets(story.types)
    text = assert_text_is_whole(story.transcript, story.run_id, streamed=False)
    assert text == Message.objects.get(run__public_id=story.run_id, role="assistant").text


def test_nothing_holds_less_than_before(aftermath: Aftermath) -> None:
    assert_all(Seen.of([story.person.user for story in aftermath.scene.stories.values()]))


@pytest.mark.parametrize("word", ["thinking", "streaming", "between", "replayable"])
def test_a_run_goes_on_in_another_process(aftermath: Aftermath, word: str) -> None:
    story = aftermath.story(word)
    seconds = aftermath.took(word, "run_resumed")
    print(
        f"{word}: went on after {seconds:.1f} s, ended after "
        f"{aftermath.took(word, 'agent_completed'):.1f} s"
    )
    assert seconds < HANGS_AFTER_S
    assert story.data("agent_completed")["status"] == "completed"
    assert story.types.count("run_resumed") == 1
    assert story.text.endswith(WHOLE)
    assert run_of(story).attempt == 2
    assert charged(story) == ["settled"]


@pytest.mark.parametrize(
    ("word", "lines"), [("between", 1), ("replayable", 2), ("effective", 1), ("allowed", 0)]
)
def test_a_tool_is_run_again_only_where_that_does_no_harm(
    aftermath: Aftermath, word: str, lines: int
) -> None:
    story = aftermath.story(word)
    # What is left of a call is one pair of events, and one id to know a repeat by.
    assert len(story.lines) == lines
    assert len(set(story.lines)) <= 1
    assert story.types.count("tool_executing") == story.types.count("tool_completed") == 1
    assert story.text.startswith("I write. ")


@pytest.mark.parametrize("word", ["effective", "allowed"])
def test_a_call_that_may_have_had_its_effect_ends_the_run_readably(
    aftermath: Aftermath, word: str
) -> None:
    story = aftermath.story(word)
    ended = story.ends[0]
    assert (ended["status"], ended["error"]["code"]) == ("failed", "tool_interrupted")
    assert ended["error"]["retryable"] is True
    assert ended["error"]["message"]
    assert charged(story) == ["released"]


def test_after_such_an_end_one_can_try_again(aftermath: Aftermath) -> None:
    story = aftermath.story("effective")
    assert [one["status"] for one in story.ends] == ["failed", "completed"]
    assert len(story.lines) == 1
    counter = UsageCounter.objects.get(user=story.person.user, feature="runs_month")
    assert (counter.used, counter.reserved) == (1, 0)


def test_a_run_that_waits_notices_nothing_and_is_then_begun_once(aftermath: Aftermath) -> None:
    story = aftermath.story("waiting")
    assert aftermath.waited[0] == aftermath.waited[1]
    assert aftermath.waited[0][-1] == "approval_required"
    assert len(story.lines) == 1
    assert story.ends[0]["status"] == "completed"
    assert charged(story) == ["settled"]


def test_who_loses_two_workers_is_told_so_and_pays_nothing(aftermath: Aftermath) -> None:
    story = aftermath.story("hopeless")
    seconds = aftermath.took("hopeless", "agent_completed", kill=1)
    print(f"hopeless: ended {seconds:.1f} s after the second kill")
    assert seconds < HANGS_AFTER_S
    ended = story.ends[0]
    assert (ended["status"], ended["error"]["code"]) == ("failed", "worker_lost")
    assert ended["error"]["retryable"] is True
    assert story.text == HALF + " again"
    assert run_of(story).attempt == 2
    assert charged(story) == ["released"]


def charged(story: Story) -> list[str]:
    """How the run's hold on the month ended; there is one."""
    states = Reservation.objects.filter(key=story.run_id).values_list("state", flat=True)
    return list(states)
