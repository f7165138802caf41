"""Connected models against providers that others wrote: not our reading of the protocols twice."""

import logging
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from llmock.scenarios import Fail, Reply, StreamFault, ToolCall
from llmock.testing import LLMockServer
from llmock.verdict import judge

from accounts.models import User
from chat.agents.fallback import Chain
from chat.agents.models import ModelChoice
from chat.database import in_database
from chat.models import Event, Run, Thread
from chat.runs.lifecycle import RunState
from tests.accounts.stand_ins import running
from tests.chat.test_models_runs import answered, ask

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]

AIMOCK: Final = Path(__file__).resolve().parents[1] / "fakes" / "aimock_server.mjs"
PROTOCOLS: Final = ("openai", "anthropic")
_numbers = count(1)


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where it speaks which protocol."""
    log = tmp_path_factory.mktemp("aimock") / "log"
    with running(AIMOCK, log=log, count=1) as found:
        yield {"openai": f"{found['aimock']}/v1", "anthropic": found["aimock"]}


@pytest.fixture(scope="module")
def llmock_server() -> Iterator[LLMockServer]:
    # Its uvicorn runs in this process and sets the loggers of that name for every test after it.
    loggers = [logging.getLogger(f"uvicorn{name}") for name in ("", ".error", ".access", ".asgi")]
    before = [(one, one.level, one.propagate, one.handlers[:], one.disabled) for one in loggers]
    with LLMockServer() as server:
        yield server
    for one, level, propagate, handlers, disabled in before:
        one.setLevel(level)
        one.propagate, one.handlers, one.disabled = propagate, handlers, disabled


def model_at(url: str, protocol: str) -> Chain:
    named: dict[str, Any] = {"protocol": protocol, "name": "theirs-1", "agent_name": "Theirs"}
    return Chain(choice=ModelChoice(**named, url=url, builtin=False))


async def ended(user: User, text: str, model: Chain) -> Run:
    return await answered(await in_database(ask, user, next(_numbers), text=text), model)


async def types_of(run: Run) -> list[str]:
    events = Event.objects.filter(run_id=run.public_id).order_by("seq")
    return await in_database(list, events.values_list("type", flat=True))


def code_of(run: Run) -> str:
    return str(run.error["code"]) if run.error else f"{run.state}: {run.partial_text}"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_aimock_is_understood(user: User, aimock: dict[str, str], protocol: str) -> None:
    model = model_at(aimock[protocol], protocol)

    said = await ended(user, "Please say hello", model)
    called = await ended(user, "What is 6 times 7?", model)

    assert (said.state, said.partial_text) == (RunState.COMPLETED, "Hello from a stranger. 😀")
    assert (called.state, called.partial_text) == (RunState.COMPLETED, "It is 42.")
    assert {"tool_executing", "tool_completed"} <= set(await types_of(called))
    assert (said.usage["input_tokens"], said.usage["output_tokens"]) == (11, 7)
    title = await in_database(Thread.objects.values_list("title", flat=True).first)
    assert title == "A title of theirs"
    faults = {
        "Do not ask too often": "model_rate_limited",
        "Are you overloaded?": "model_unavailable",
        "Please break off": "model_stream_cut",
        "Please stammer": "model_misbehaved",
    }
    for text, code in faults.items():
        assert code_of(await ended(user, text, model)) == code, text


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_llmock_is_understood_and_has_nothing_to_blame(
    user: User, llmock_server: LLMockServer, protocol: str
) -> None:
    model = model_at(llmock_server.base_url(protocol), protocol)
    scenarios = llmock_server.state.scenarios

    scenarios.add(
        Reply(tool_calls=(ToolCall("calculate", {"expression": "6 * 7"}),)), Reply("It is 42.")
    )
    called = await ended(user, "What is 6 times 7?", model)

    assert (called.state, called.partial_text) == (RunState.COMPLETED, "It is 42.")
    assert "tool_completed" in await types_of(called)
    for fault, code in (
        (Fail(429, retry_after=7), "model_rate_limited"),
        (Fail(401), "model_unauthorized"),
        (Fail(500), "model_server_error"),
        (StreamFault("disconnect", after_chunks=5), "model_stream_cut"),
        (StreamFault("truncate", after_chunks=5), "model_protocol_error"),
        (StreamFault("malformed", after_chunks=5), "model_protocol_error"),
    ):
        scenarios.add(Reply("A sentence of many words, which comes in many pieces."), fault)
        # The same words again would be a retry, of which the verdict would say whether it is wise.
        assert code_of(await ended(user, f"Say something, but {fault}.", model)) == code, fault
        scenarios.clear()
    verdict = judge(llmock_server.state.journal.records())
    # It takes for accepted what is not asked for again: whoever reads it decides about that.
    blamed = {one.code for one in verdict.errors} - {"truncated_stream_accepted"}
    assert blamed == set(), verdict.render()
