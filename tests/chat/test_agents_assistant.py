"""The built-in assistant on the path of every model: agent.iter, node by node."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_ai import Agent, CancellationToken
from pydantic_ai.exceptions import RunCancelled
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, TextPart

from chat.agents.citations import citations_of
from chat.agents.models import ModelChoice, build_agent, current_model
from chat.agents.pace import TICK_S, paced, tokens_of
from chat.agents.shown import shown_by
from chat.agents.tools.registry import ToolContext
from chat.agents.usage.report import UsageReport
from chat.search import FoundMessage
from tests.chat.agents_world import NOW, World

EXPORT = b"""timestamp,model,user,input_tokens,output_tokens,cost_usd,latency_ms
2026-11-01T09:00:00Z,gpt-4o,ada,1000,200,0.50,900
2026-11-01T10:00:00Z,gpt-4o-mini,bob,1000,200,0.05,300
2026-11-02T09:00:00Z,gpt-4o,ada,1000,200,0.25,1100
2026-11-02T09:30:00Z,gpt-4o,ada,oops,200,0.25,1100
"""


HARD = [
    "1%+" * 90 + "1", "price of gpt-4o for 99999999999 billion tokens", "9" * 5000,
    f"price of gpt-4o for {'9' * 400} tokens", "only " * 40, "search my threads for ???",
    "since 9999-12-31", "last 999 weeks", "only the last 0 days", "what about?", "/search !",
    "and and and", "``````", "docs", "/docs plan",
]  # fmt: skip


def built_in(tokens_per_s: float = 0) -> Agent[ToolContext, str]:
    choice = ModelChoice(
        name="built-in", agent_name="Netra", builtin=True, tokens_per_s=tokens_per_s
    )
    return build_agent(choice)


def with_export() -> World:
    world = World()
    world.attach("export.csv", EXPORT)
    return world


def test_the_settings_without_a_model_name_the_built_in_assistant() -> None:
    chosen = current_model()

    assert (chosen.name, chosen.builtin) == ("built-in", True)


@pytest.mark.asyncio
async def test_an_attached_export_is_analysed_with_true_numbers() -> None:
    world = with_export()
    outcome = await world.run(built_in(), "Where does my money go?")

    assert outcome.text == world.text
    assert "**Total spend: $0.80** for 3 requests from 2026-11-01 to 2026-11-02." in outcome.text
    assert "| `gpt-4o` | 2 | 2,400 | $0.75 | 93.8 % |" in outcome.text
    assert "| 2026-11-01 | 2 | 2,400 | $0.55 |" in outcome.text
    assert "input tokens is not a whole number (first on line 5)" in outcome.text
    assert world.thoughts == ["I'll read export.csv and add up what it says, row by row."]
    assert [name for _, name, _ in world.executed] == ["analyse_usage"]
    assert {call_id for call_id, _ in world.progress} == {world.executed[0][0]}


@pytest.mark.asyncio
async def test_pasted_lines_are_analysed_and_follow_ups_are_about_them() -> None:
    world = World()
    await world.run(built_in(), f"Analyse this:\n\n{EXPORT.decode()}")
    slowest = await world.run(built_in(), "which model is slowest?")
    by_day = await world.run(built_in(), "and by day?")
    people = await world.run(built_in(), "who spends most?")

    assert "**`gpt-4o` is the slowest** (900 ms)" in slowest.text
    assert "The most expensive day is **2026-11-01** with $0.55." in by_day.text
    assert "The largest is `ada` with $0.75" in people.text


@pytest.mark.asyncio
async def test_a_follow_up_is_about_the_data_analysed_last_until_new_data_comes() -> None:
    world = with_export()
    await world.run(built_in(), "Where does my money go?")
    await world.run(built_in(), "And this?\n\nmodel,cost\nllama,7\nllama,8\n")
    pasted = await world.run(built_in(), "in total?")
    world.attach("second.csv", b"model,cost\nqwen,1\n")
    attached = await world.run(built_in(), "in total?")

    assert "$15.00" in pasted.text
    assert "$1.00" in attached.text


@pytest.mark.asyncio
async def test_unreadable_data_is_told_in_words() -> None:
    world = World()
    world.attach("notes.txt", b"dear diary,\nnothing here")
    outcome = await world.run(built_in(), "Where does my money go?")

    assert outcome.text.startswith("I found no header line that names a model")


@pytest.mark.asyncio
async def test_an_attached_file_captures_no_arithmetic_and_no_thanks() -> None:
    world = with_export()
    sum_of_two = await world.run(built_in(), "1+1")
    thanked = await world.run(built_in(), "thanks")

    assert "= **2**" in sum_of_two.text
    assert thanked.text.startswith("You're welcome.")


SAID = [
    ("Are you a language model?", "I'm not a language model"),
    ("write me a poem", "I can't answer that."),
    ("where does my money go?", "There is no usage data in this thread yet."),
    ("what is 17.5 % of 2,340?", "= **409.5**"),
    ("1/0", "That divides by zero."),
    ("price of gpt-4o vs gpt-4o-mini for 2M input tokens", "`gpt-4o` costs $5.00"),
    ("what is my plan?", "You are on the **early** plan."),
    ("thank you", "You're welcome."),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("question", "words"), SAID)
async def test_it_answers_what_it_can_and_admits_what_it_cannot(question: str, words: str) -> None:
    world = World()
    outcome = await world.run(built_in(), question)

    assert words in outcome.text
    assert len(world.thoughts) == 1


FOLLOW_UPS = [
    ("and by user?", "The largest is `ada` with $0.75", None),
    ("only gpt-4o-mini", "The largest is `bob` with $0.05", ["gpt-4o-mini"]),
    ("what about latency?", "| `gpt-4o-mini` | 1 | 300 ms |", ["gpt-4o-mini"]),
    ("and for ada?", "| `gpt-4o` | 2 | 900 ms |", ["ada"]),
    ("all data", "`gpt-4o` is the slowest", None),
    ("what did we spend since 2026-11-02?", "**Total spend: $0.25**", []),
    ("and by model?", "| `gpt-4o` | 1 | 1,200 | $0.25 | 100.0 % |", []),
    ("how much did bob spend?", "**Total spend: $0.05**", ["bob"]),
    ("which model is slowest?", "`gpt-4o` is the slowest", None),
]


@pytest.mark.asyncio
async def test_follow_ups_go_on_from_the_last_question_without_a_new_upload() -> None:
    world = with_export()
    await world.run(built_in(), "Where does my money go?")
    for question, words, only in FOLLOW_UPS:
        outcome = await world.run(built_in(), question)
        report = UsageReport.model_validate(world.executed[-1][2])

        assert words in outcome.text, question
        assert (report.selection.only if report.selection else None) == only, question
        assert ("“all data” brings them back" in outcome.text) == (only is not None)


@pytest.mark.asyncio
async def test_a_name_that_is_not_in_the_data_is_told_with_those_that_are() -> None:
    world = with_export()
    await world.run(built_in(), "Where does my money go?")
    outcome = await world.run(built_in(), "only gemini-2.5-pro")

    assert "no model, user or project called “gemini-2.5-pro”" in outcome.text
    assert "gpt-4o, gpt-4o-mini; ada, bob" in outcome.text


@pytest.mark.asyncio
async def test_threads_are_searched_and_linked() -> None:
    found = FoundMessage(
        thread_id="thread_1_abcdef",
        title="Costs of [last] week",
        message_id="msg_1_abcdef",
        role="user",
        excerpt="… the *invoice* of <b>May</b> …",
        ts=NOW,
    )
    world = World(messages=[found])
    outcome = await world.run(built_in(), "search my threads for invoices")

    assert world.searched == ["invoices"]
    assert "**[Costs of (last) week](/chat/thread_1_abcdef/)**" in outcome.text
    assert r"- 2026-11-22 12:00 UTC, you: … the \*invoice\* of \<b\>May\</b\> …" in outcome.text


@pytest.mark.asyncio
async def test_a_search_without_hits_says_so() -> None:
    outcome = await World().run(built_in(), "did I ever mention Berlin?")

    assert "I found nothing about “Berlin”" in outcome.text


@pytest.mark.asyncio
async def test_questions_about_the_product_are_answered_with_quotations_and_citations() -> None:
    world = World()
    outcome = await world.run(built_in(), "how long is a trial?")
    cited = citations_of(world.executed[0][2])[0]

    assert (cited.title, cited.source) == ("Using Netra › The trial", "docs/using.md")
    assert f"**{cited.title}** · `{cited.source}`" in outcome.text
    assert "> A verified sign-up starts its trial by itself" in outcome.text


@pytest.mark.asyncio
@settings(deadline=None, max_examples=40)
@given(st.text(max_size=120) | st.sampled_from(HARD), st.booleans())
async def test_no_message_makes_it_fail_or_say_nothing(message: str, has_data: bool) -> None:
    outcome = await (with_export() if has_data else World()).run(built_in(), message)

    assert outcome.text.strip()


IDENTITY = [
    "are you ChatGPT?", "are you an AI?", "are you GPT-4?", "which LLM are you? are you an llm",
    "who are you", "what can you do?", "are you a language model?", "hello", "help",
]  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("question", [*IDENTITY, "write a sonnet", "translate this to German"])
async def test_it_never_pretends_to_be_a_language_model(question: str) -> None:
    outcome = await World().run(built_in(), question)

    assert "I'm Netra's built-in assistant. I'm not a language model" in outcome.text


@pytest.mark.asyncio
async def test_a_run_resumed_at_any_step_gives_the_same_answer_with_the_same_call() -> None:
    first = with_export()
    whole = await first.run(built_in(), "Where does my money go?")

    assert len(first.stored) == 2
    for stored in first.stored:
        messages = ModelMessagesTypeAdapter.validate_json(stored)
        again = World(
            runs=1, texts=list(first.texts), attachments=first.attachments, history=messages
        )
        resumed = await again.run(built_in(), None, resume=True)

        assert resumed.text == whole.text
        assert {call_id for call_id, _, _ in again.executed} <= {first.executed[0][0]}


async def stopped(world: World, *, by_token: bool) -> Sequence[ModelMessage]:
    """Start a slow answer, stop it in the middle; the messages that are left."""
    token = CancellationToken()

    async def talk() -> None:
        world.runs += 1
        world.texts.insert(0, "help")
        agent = built_in(tokens_per_s=100)
        with shown_by(world.show):
            async with agent.iter("help", deps=world.context(), cancellation_token=token) as run:
                async for node in run:
                    if Agent.is_model_request_node(node):
                        async with node.stream(run.ctx) as stream:
                            async for event in stream:
                                world.note(event)

    task = asyncio.create_task(talk())
    while len(world.text) < 40:
        await asyncio.sleep(0.005)
    if by_token:
        token.cancel()
    else:
        task.cancel()
    with pytest.raises((asyncio.CancelledError, RunCancelled)) as caught:
        await task
    cancelled = RunCancelled.from_cancellation(caught.value)
    assert cancelled is not None
    return cancelled.all_messages()


@pytest.mark.asyncio
@pytest.mark.parametrize("by_token", [True, False])
async def test_a_stopped_answer_keeps_its_text_and_the_next_message_works(by_token: bool) -> None:
    world = World()
    messages = await stopped(world, by_token=by_token)
    world.history = list(messages)
    kept = messages[-1].parts[-1]
    seen = world.text
    assert isinstance(kept, TextPart)
    outcome = await world.run(built_in(), "1+1")

    # A run keeps what was shown; the library was told its beginning.
    assert seen.startswith(kept.content)
    assert kept.content
    assert "= **2**" in outcome.text


@pytest.mark.parametrize("text", ["", "a", " \n\n a  b\n", "x" * 100, "| a | b |\n| :-- | --: |\n"])
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@pytest.mark.asyncio
async def test_pieces_come_at_the_pace_asked_for() -> None:
    start = time.monotonic()
    pieces = [piece async for piece in paced("word " * 40, 100)]

    # 20 tokens at 100 a second, the first at once.
    took = time.monotonic() - start
    assert took >= 19 / 100
    assert len(pieces) <= took / TICK_S + 2
    assert "".join(pieces) == "word " * 40
