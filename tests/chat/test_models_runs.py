"""Who answers a run: the chosen model or a stand-in, with how much of the thread; its title."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolReturnPart,
    UserPromptPart,
)

from accounts.models import User
from billing import services as billing
from chat import offers, services, titles
from chat.agents.fallback import ANOTHER_MAY, STAND_INS_MAX, Chain, chain_of
from chat.agents.faults import FAULTS, ModelFault
from chat.agents.models import ModelChoice
from chat.agents.titles import title_by_rule, title_of
from chat.agents.window import MESSAGES_A_TURN, Shown, fitted, halved, tokens_of
from chat.database import in_database
from chat.errors import ModelNotFound
from chat.model_rows import AgentModel
from chat.models import DailyUsage, Event, Run, Thread
from chat.runs import attempts
from chat.runs.lifecycle import RunState
from chat.runs.runner import Runner
from chat.runs.tasks import _give_title
from chat.services import Outgoing, Posted
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.openai_server import CallTool, Cut, FakeOpenAI, Refuse, Say

TOO_LONG = Refuse(400, "too long", code="context_length_exceeded")


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture
def other() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as server:
        yield server


def choice(fake: FakeOpenAI, name: str = "First", **fields: Any) -> ModelChoice:
    protocol = "anthropic" if isinstance(fake, FakeAnthropic) else "openai"
    return ModelChoice(
        name=f"{name.lower()}-1",
        agent_name=name,
        builtin=False,
        url=fake.url,
        **{"protocol": protocol, **fields},
    )


def add(name: str, **fields: Any) -> AgentModel:
    values = {"url": "https://models.example/v1", "model_id": f"{name.lower()}-1"} | fields
    return AgentModel.objects.create(name=name, **values)


def ask(user: User, number: int = 1, thread_id: str | None = None, **more: Any) -> Posted:
    text = more.pop("text", f"Please, what is question {number}?")
    message = Outgoing(client_id=f"c{number}", text=text, thread_id=thread_id, **more)
    return services.post_message(user=user, message=message)


async def answered(posted: Posted, chain: Chain) -> Run:
    attempt = await in_database(
        attempts.claim, posted.run_id, agent_name=chain.choice.agent_name, model=chain.choice.name
    )
    assert attempt is not None
    runner = Runner(attempt, chain)
    await runner.run()
    await _give_title(runner)
    run: Run = await in_database(Run.objects.get, public_id=posted.run_id)
    return run


def thoughts(run: Run) -> list[str]:
    events = Event.objects.filter(run_id=run.public_id, type="agent_thinking").order_by("seq")
    return [msgspec.json.decode(event.data)["text"] for event in events]


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_another_model_stands_in_before_the_first_word_and_says_so(
    user: User, fake: FakeOpenAI, other: FakeAnthropic
) -> None:
    chain = Chain(choice=choice(fake), stand_ins=(choice(other, "Second"),))
    fake.will(Refuse(503), Cut("Half an ans"), CallTool("calculate", {"expression": "1"}))
    other.will(Say("From the second."))

    first = await answered(await in_database(ask, user), chain)
    assert (first.state, first.partial_text) == (RunState.COMPLETED, "From the second.")
    assert (first.model, first.agent_name) == ("second-1", "Second")
    assert await in_database(thoughts, first) == [
        "Asking First.",
        "First: The model provider is overloaded or temporarily unavailable. "
        "Asking Second instead.",
    ]
    row = await in_database(DailyUsage.objects.get)
    assert (row.model, row.runs, row.input_tokens) == ("second-1", 1, 11)

    # Words that somebody has read are not taken back, and what tools did is not done again.
    for number, code in ((2, "model_stream_cut"), (3, "model_server_error")):
        run = await answered(await in_database(ask, user, number), chain)
        assert run.error is not None
        assert (run.state, run.error["code"]) == (RunState.FAILED, code)
    assert len(other.requests) == 1
    other.will(Say("Still here."))
    fake.will(Refuse(500))
    assert (await answered(await in_database(ask, user, 4), chain)).partial_text == "Still here."


def test_every_fault_says_whether_another_model_is_asked() -> None:
    chain = Chain(choice=ModelChoice(name="a", agent_name="A", builtin=False))
    chain = Chain(choice=chain.choice, stand_ins=(chain.choice,))
    never = {"model_context_too_long", "model_request_rejected", "model_filtered"}
    never |= {"output_tokens", "run_requests"}
    codes = {code for _, code, _, _ in FAULTS} | {"model_stream_cut", "model_unreachable"}
    assert codes == ANOTHER_MAY | never
    for code in codes:
        following = chain.after(ModelFault(code, "It broke.", retryable=True))
        assert (following is not None) == (code in ANOTHER_MAY)
    assert (
        Chain(choice=chain.choice).after(ModelFault("model_timeout", "x", retryable=True)) is None
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_what_a_model_has_no_room_for_is_left_out_and_told(
    payer: User, fake: FakeOpenAI
) -> None:
    chain = Chain(choice=choice(fake, context_tokens=2_000))
    thread_id = None
    for number in (1, 2):
        fake.will(Say("word " * 300))
        posted = await in_database(ask, payer, number, thread_id)
        thread_id = posted.thread_id
        run = await answered(posted, chain)
    assert await in_database(thoughts, run) == [
        "The first 2 messages of this conversation were left out: together they are more than "
        "the model reads.",
        "Asking First.",
    ]
    said = str(fake.requests[-1].body["messages"])
    assert "question 2" in said
    assert "question 1" not in said

    # Nobody told its size, so it is found out.
    unknown = Chain(choice=choice(fake))
    fake.will(TOO_LONG, TOO_LONG, Say("Now it fits."))
    run = await answered(await in_database(ask, payer, 3, thread_id), unknown)
    assert run.partial_text == "Now it fits."
    assert [text[:25] for text in await in_database(thoughts, run)] == [
        "Asking First.", "The first 2 messages of t", "The first 4 messages of t",
    ]  # fmt: skip
    fake.will(*[TOO_LONG] * 5)
    run = await answered(await in_database(ask, payer, 4, thread_id), unknown)
    assert run.error is not None
    assert (run.state, run.error["code"]) == (RunState.FAILED, "model_context_too_long")
    assert len(fake.requests) == 2 + 3 + 3


def turn(number: int, size: int) -> list[ModelMessage]:
    return [
        ModelRequest(parts=[UserPromptPart(content=f"q{number}")]),
        ModelRequest(parts=[ToolReturnPart(tool_name="t", content="r", tool_call_id="c")]),
        ModelResponse(parts=[TextPart(content="x" * size)]),
    ]


def test_turns_are_left_out_whole_and_the_newest_stay() -> None:
    messages = [message for number in range(10) for message in turn(number, 3_000)]
    whole = Shown(messages=messages, left_out=6)
    assert fitted(whole, tokens_max=None, beside_tokens=10**9) == whole
    assert fitted(whole, tokens_max=1_000_000, beside_tokens=0) == whole
    before = 10
    for tokens in (100_000, 30_000, 20_000, 10_000, 4_000, 1_000):
        shown = fitted(whole, tokens_max=tokens, beside_tokens=100)
        turns = len(shown.messages) // 3
        assert turns <= before
        assert shown.messages == messages[len(messages) - 3 * turns :]
        assert shown.left_out == 6 + (10 - turns) * MESSAGES_A_TURN
        assert tokens_of(shown.messages) < tokens
        before = turns
    assert before == 0
    sizes = []
    while whole.messages:
        whole = halved(whole)
        sizes.append(len(whole.messages) // 3)
    assert sizes == [5, 2, 1, 0]
    assert "first 26 messages" in whole.note


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_thread_keeps_its_choice_until_the_plan_loses_it(
    payer: User, fake: FakeOpenAI
) -> None:
    await in_database(add, "Main", is_default=True)
    big = await in_database(add, "Big", lowest_tier="mid")
    for number in range(5):
        await in_database(add, f"Other {number}", place=number)
    posted = await in_database(ask, payer, model=big.public_id)
    chain = await in_database(chain_of, posted.run_id)
    assert chain is not None
    assert (chain.choice.agent_name, chain.stand_ins[0].agent_name) == ("Big", "Main")
    assert (len(chain.stand_ins), chain.note, chain.choice.is_guarded) == (STAND_INS_MAX, "", True)

    for grant in await in_database(list, payer.grants.filter(kind="subscription")):
        await in_database(billing.revoke, grant=grant, reason="ended", actor=None)
    chain = await in_database(chain_of, posted.run_id)
    assert chain is not None
    assert chain.choice.agent_name == "Main"
    fake.will(Say("Here I am."))
    run = await answered(posted, Chain(choice=choice(fake), note=chain.note, lost=chain.lost))
    told = await in_database(thoughts, run)
    assert told[0] == "Big is not available to you any more. Asking Main instead."
    thread = await in_database(Thread.objects.get)
    assert thread.model_choice == ""
    with pytest.raises(ModelNotFound):
        await in_database(ask, payer, 2, posted.thread_id, model=big.public_id)
    assert await in_database(chain_of, "run_1_gone00") is None
    assert await in_database(offers.name_of, "nonsense") == "the model"


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_an_address_of_our_own_network_is_not_called(user: User, fake: FakeOpenAI) -> None:
    chain = Chain(choice=choice(fake, is_guarded=True))
    run = await answered(await in_database(ask, user), chain)
    assert run.error is not None
    assert run.error["code"] == "model_unreachable"
    assert fake.requests == []


def title_now() -> str:
    return Thread.objects.get().title


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_thread_gets_its_title_from_the_model_once_and_never_over_a_persons(
    payer: User, fake: FakeOpenAI
) -> None:
    chain = Chain(choice=choice(fake))
    fake.title = '"Question One Explained."\n\nMore words'
    fake.will(Say("Because."), Say("Once more."))
    posted = await in_database(ask, payer)
    assert await in_database(title_now) == "Please, what is question 1?"
    run = await answered(posted, chain)
    assert await in_database(title_now) == "Question One Explained"
    assert run.usage["requests"] == 1
    [aside] = fake.asides
    assert "Because." in str(aside.body["messages"])
    assert "tools" not in aside.body
    await answered(await in_database(ask, payer, 2, posted.thread_id), chain)
    assert len(fake.asides) == 1

    untitled = titles.Untitled(
        thread=run.thread_id, user_id=payer.public_id, title="old", question="", answer=""
    )
    assert await in_database(titles.give_title, untitled, "new") is False
    assert await in_database(title_now) == "Question One Explained"


@pytest.mark.asyncio
async def test_the_built_in_assistant_titles_by_a_rule_and_a_fault_is_no_title(
    fake: FakeOpenAI,
) -> None:
    builtin = ModelChoice(name="built-in", agent_name="Netra", builtin=True)
    assert await title_of(builtin, "Please show me my usage!", "…") == "My usage!"
    assert title_by_rule("hello, please tell me the price of gpt-4o") == "The price of gpt-4o"
    assert title_by_rule("Hi") == title_by_rule("   ") == ""
    chosen = choice(fake)
    fake.stop()
    assert await title_of(chosen, "What?", "That.") == ""
