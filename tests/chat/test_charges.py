"""What a run costs of its user's quota, by the way it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from chat import approvals, services
from chat.agents.fallback import Chain
from chat.agents.models import REQUESTS_MAX, ModelChoice
from chat.database import in_database
from chat.models import Run, ToolCall
from chat.runs import attempts, reaper, runner, waiting
from chat.runs.attempts import Attempt
from chat.runs.runner import Runner
from tests.chat.test_attempts import claimed, lose, post, quota
from tests.fakes.openai_server import Answer, CallTool, Cut, FakeOpenAI, FallSilent, Refuse, Say


@dataclass
class Scene:
    """A user whose one run is about to end, and the model that answers it."""

    user: User
    fake: FakeOpenAI

    @property
    def chain(self) -> Chain:
        fake = ModelChoice(name="fake", agent_name="fake", builtin=False, url=self.fake.url)
        return Chain(choice=fake)

    def claimed(self) -> Attempt:
        return claimed(post(self.user).run_id)

    async def answered(self, *answers: Answer) -> None:
        self.fake.will(*answers)
        await Runner(await in_database(self.claimed), self.chain).run()

    async def stopped(self, answer: Answer, *, chars: int) -> None:
        """Stop a run as a worker does, once that much of its text is there."""
        self.fake.will(answer)
        running = Runner(await in_database(self.claimed), self.chain)
        work = asyncio.create_task(running.run())
        while len(running.answer.text) < chars or not self.fake.requests:
            await asyncio.sleep(0.01)
        work.cancel()
        await asyncio.wait({work})
        await running.finish("stopped")

    def waiting(self) -> str:
        """A run that waits for its user's approval."""
        attempt = self.claimed()
        waiting.ask(
            attempt, "So far.", call_id="call-1", tool_name="send_report", args={},
            within=timedelta(hours=24),
        )  # fmt: skip
        return attempt.run_id


async def completed(scene: Scene) -> None:
    await scene.answered(Say("Hello."))


async def stopped_in_the_queue(scene: Scene) -> None:
    await in_database(lambda: services.stop_run(user=scene.user, run_id=post(scene.user).run_id))


async def stopped_before_the_first_word(scene: Scene) -> None:
    await scene.stopped(FallSilent(""), chars=0)


async def stopped_after_the_first_word(scene: Scene) -> None:
    await scene.stopped(FallSilent("Hello"), chars=5)


async def refused_by_the_provider(scene: Scene) -> None:
    await scene.answered(Refuse(429))


async def cut_off_by_the_provider(scene: Scene) -> None:
    await scene.answered(Cut("Half an ans"))


async def failed_on_our_side(scene: Scene) -> None:
    attempt = await in_database(scene.claimed)
    await Runner(replace(attempt, history="no history"), scene.chain).run()


async def ran_out_of_time(scene: Scene) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "RUN_TIMEOUT_S", 0.3)
        await scene.answered(FallSilent("Hello"))


async def lost_twice(scene: Scene) -> None:
    def lose_both() -> None:
        run_id = post(scene.user).run_id
        for _ in range(2):
            claimed(run_id)
            lose(run_id)
        reaper.reap()

    await in_database(lose_both)


async def resumed_and_completed(scene: Scene) -> None:
    def lose_one() -> Attempt:
        run_id = post(scene.user).run_id
        claimed(run_id)
        lose(run_id)
        return claimed(run_id)

    scene.fake.will(Say("Hello."))
    await Runner(await in_database(lose_one), scene.chain).run()


async def reached_a_limit(scene: Scene) -> None:
    calls = [CallTool("calculate", {"expression": "1+1"}, f"c{n}") for n in range(REQUESTS_MAX)]
    await scene.answered(*calls)


async def not_approved_in_time(scene: Scene) -> None:
    def expire() -> Attempt:
        run_id = scene.waiting()
        ToolCall.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        approvals.expire()
        return claimed(run_id)

    attempt = await in_database(expire)
    assert (await in_database(ToolCall.objects.get)).status == "denied"
    await in_database(
        lambda: attempts.finish(attempt, status="completed", text="Not sent.", usage={})
    )


async def stopped_while_it_waited(scene: Scene) -> None:
    def stop() -> Attempt:
        run_id = scene.waiting()
        services.stop_run(user=scene.user, run_id=run_id)
        return claimed(run_id)

    await Runner(await in_database(stop), scene.chain).run()


Ending = Callable[[Scene], Awaitable[None]]
# Who got an answer, or ended it, had it; what we or a provider spoilt is free.
CHARGED: dict[Ending, tuple[str, int]] = {
    completed: ("completed", 1),
    resumed_and_completed: ("completed", 1),
    not_approved_in_time: ("completed", 1),
    stopped_before_the_first_word: ("stopped", 1),
    stopped_after_the_first_word: ("stopped", 1),
    stopped_while_it_waited: ("stopped", 1),
    reached_a_limit: ("limit", 1),
    stopped_in_the_queue: ("stopped", 0),
    refused_by_the_provider: ("failed", 0),
    cut_off_by_the_provider: ("failed", 0),
    failed_on_our_side: ("failed", 0),
    ran_out_of_time: ("failed", 0),
    lost_twice: ("failed", 0),
}


@pytest.mark.parametrize("ending", CHARGED, ids=lambda ending: ending.__name__)
@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_an_ending_is_charged_as_the_table_says(ending: Ending, user: User) -> None:
    with FakeOpenAI() as fake:
        await ending(Scene(user, fake))
    run = await in_database(Run.objects.get)
    # Nothing stays held, whatever happened.
    assert (run.state, await in_database(quota)) == (CHARGED[ending][0], (CHARGED[ending][1], 0))
