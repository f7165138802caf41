"""One attempt at a run: the agent's steps turned into events, text and a stored answer."""

import asyncio
import time
from collections.abc import AsyncIterable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
import structlog
from django.db import Error as DatabaseError
from pydantic import JsonValue
from pydantic_ai import Agent, AgentRun
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    ThinkingPart,
)
from pydantic_ai.usage import RunUsage

from chat.agents.fallback import Chain, forget_choice
from chat.agents.faults import CONTEXT_TOO_LONG, ModelFault, provider_faults
from chat.agents.models import LIMITS, MODELS_MAX, ModelChoice, build_agent
from chat.agents.shown import shown_by
from chat.agents.tools.registry import Call, Tool, ToolContext, ToolFault, within_time
from chat.database import in_database
from chat.delivery.log import Fenced
from chat.models import ToolCall as CallRow
from chat.protocol.events import AgentThinking, EventData, Fault, RunStatus, ToolProgress
from chat.runs import account, attempts, prompts, waiting
from chat.runs.answer import AnswerText, AnswerTooLong
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import CallState
from chat.runs.usage import usage_of
from chat.search import FoundMessage, messages_with
from chat.usage import Usage, usage_from
from netra import traces
from netra.replica import read_history
from netra.tally import TALLY

logger = structlog.get_logger(__name__)

RUN_TIMEOUT_S: Final = 300.0
PROGRESS_CHARS_MAX: Final = 500

TIMED_OUT = Fault(
    code="run_timeout", message="The answer took longer than five minutes. Ask for less at once.",
    retryable=True,
)  # fmt: skip
TOO_LONG = Fault(
    code="answer_too_long", message="The answer did not come to an end and was cut.",
    retryable=True,
)  # fmt: skip
OUR_FAULT = Fault(
    code="internal", message="Something went wrong on our side. You were not charged. Try again.",
    retryable=True,
)  # fmt: skip
NOT_REPLAYABLE = Fault(
    code="tool_interrupted",
    message="A tool was interrupted after it may have had its effect. It was not run again.",
    retryable=True,
)


class CallInterrupted(Exception):
    """A tool that must not run twice was cut off in an earlier attempt."""


class AwaitsApproval(Exception):
    """The run waits for its user; whoever they answer to goes on with it."""


class Runner:
    """Drives the agent for one claimed attempt; nothing here touches a connection."""

    def __init__(self, attempt: Attempt, chain: Chain) -> None:
        self.attempt = attempt
        self.chain = chain
        self.answer = AnswerText(attempt)
        # By steps that earlier attempts finished, until this one has finished some of its own.
        self.usage: Usage = usage_from(attempt.usage)
        self._worked_before_ms = self.usage.elapsed_ms
        self._began_s = time.monotonic()
        # Whether anything of an answer was heard: only before may another model give it.
        self._has_begun = False

    @property
    def choice(self) -> ModelChoice:
        return self.chain.choice

    async def run(self) -> None:
        """Answer, and end the run whatever happens; a cancellation is the caller's to explain."""
        status: RunStatus = "completed"
        error: Fault | None = None
        if self.attempt.is_stopped:
            await self.finish("stopped")
            return
        try:
            async with asyncio.timeout(RUN_TIMEOUT_S):
                await self._answer()
        except AwaitsApproval:
            self.answer.close()
            return
        except TimeoutError:
            status, error = "failed", TIMED_OUT
        except AnswerTooLong:
            status, error = "failed", TOO_LONG
        except CallInterrupted:
            status, error = "failed", NOT_REPLAYABLE
        except ModelFault as fault:
            status = "limit" if fault.is_limit else "failed"
            error = Fault(code=fault.code, message=fault.message, retryable=fault.retryable)
        except (asyncio.CancelledError, Fenced, DatabaseError):
            self.answer.close()
            raise
        except Exception:  # the outermost loop of a run: whatever it was, the user gets an end
            logger.exception("run failed")
            status, error = "failed", OUR_FAULT
        await self.finish(status, error)

    async def finish(self, status: RunStatus, error: Fault | None = None) -> None:
        self.answer.close()
        traces.note(status=status, code=error.code if error else "")
        await in_database(
            attempts.finish,
            self.attempt,
            status=status,
            text=self.answer.text,
            usage=msgspec.structs.replace(self.usage, elapsed_ms=self._elapsed_ms()).told(),
            error=error,
        )
        TALLY.runs_took.add(self._elapsed_ms() / 1000)

    async def _answer(self) -> None:
        opening = await in_database(prompts.opening_of, self.attempt)
        if self.chain.lost:
            await self._emit(AgentThinking(text=self.chain.note))
            await in_database(forget_choice, thread=self.attempt.thread, lost=self.chain.lost)
        opening = await self._begin_with(opening)
        while True:
            try:
                await self._ask(opening)
                return
            except ModelFault as fault:
                opening = await self._otherwise(opening, fault)

    async def _begin_with(self, opening: prompts.Opening) -> prompts.Opening:
        """As much of the conversation as the model reads, once its user has been told."""
        if self.choice.builtin:
            return opening
        opening = opening.fitted(self.choice.window_tokens)
        if opening.prompt is not None:
            # Most models stream no thoughts of their own; these are short and true.
            told = (opening.earlier.note, opening.connected.note, self.choice.opening)
            await self._emit(*(AgentThinking(text=text) for text in told if text))
        return opening

    async def _otherwise(self, opening: prompts.Opening, fault: ModelFault) -> prompts.Opening:
        """Another way to the answer, before a word of it was said; raises `fault` without one."""
        if self._has_begun:
            raise fault
        if fault.code == CONTEXT_TOO_LONG and opening.earlier.messages:
            opening = opening.halved()
            await self._emit(AgentThinking(text=opening.earlier.note))
            return opening
        chain = self.chain.after(fault)
        if chain is None:
            raise fault
        self.chain = chain
        await self._emit(AgentThinking(text=chain.note, model=self.choice.name))
        self.attempt = await in_database(
            attempts.change_model,
            self.attempt,
            agent_name=self.choice.agent_name,
            model=self.choice.name,
        )
        self.answer.attempt = self.attempt
        return opening.fitted(self.choice.window_tokens)

    async def _ask(self, opening: prompts.Opening) -> None:
        agent = _agent_of(self.choice)
        with provider_faults(), shown_by(self._show):
            async with agent.iter(
                opening.prompt,
                message_history=opening.history,
                deps=self._context(opening),
                usage_limits=LIMITS,
                # What earlier attempts asked the model counts towards the limit.
                usage=RunUsage(requests=self.usage.requests),
            ) as agent_run:
                try:
                    await self._steps(agent_run, opening)
                finally:
                    self._count(agent_run, opening)

    async def _steps(self, agent_run: AgentRun[ToolContext, str], opening: prompts.Opening) -> None:
        async for node in agent_run:
            if Agent.is_model_request_node(node):
                with traces.span("model_request", model=self.choice.name):
                    async with node.stream(agent_run.ctx) as stream:
                        await self._stream(stream)
            elif Agent.is_call_tools_node(node):
                # The model's answer is complete: from here a later attempt can go on.
                await self._checkpoint(agent_run, opening)

    async def _stream(self, stream: AsyncIterable[Any]) -> None:
        async for event in stream:
            match event:
                case PartStartEvent(part=TextPart(content=text)):
                    self._show(text)
                case PartEndEvent(part=ThinkingPart(content=text)) if text.strip():
                    self._has_begun = True
                    await self._emit(AgentThinking(text=text))
                case _:
                    pass

    def _show(self, text: str) -> None:
        if self.answer.lost:
            raise Fenced
        if text:
            if not self.answer.text:
                TALLY.first_texts.add(time.monotonic() - self._began_s)
            self._has_begun = True
            self.answer.add(text)

    async def _checkpoint(
        self, agent_run: AgentRun[ToolContext, str], opening: prompts.Opening
    ) -> None:
        self._has_begun = True
        asked_before = self.usage.requests
        new = self._count(agent_run, opening)
        self.answer.flush()
        # What a step used is told once: the last checkpoint often follows no further request.
        store = attempts.end_step if self.usage.requests > asked_before else attempts.checkpoint
        await in_database(
            store,
            self.attempt,
            self.answer.text,
            history=dump_messages(new),
            usage=self.usage.told(),
        )

    def _count(
        self, agent_run: AgentRun[ToolContext, str], opening: prompts.Opening
    ) -> list[ModelMessage]:
        """Sum up what the run has used so far; gives the messages that it made."""
        own = agent_run.all_messages()[len(opening.earlier.messages) :]
        # The built-in assistant is no language model: it has no tokens to count.
        counted = [] if self.choice.builtin else own
        self.usage = usage_of(counted, elapsed_ms=self._elapsed_ms())
        return own

    def _elapsed_ms(self) -> int:
        return self._worked_before_ms + int((time.monotonic() - self._began_s) * 1000)

    async def _emit(self, *data: EventData) -> None:
        self.answer.flush()
        await in_database(attempts.append, self.attempt, self.answer.text, data)

    def _context(self, opening: prompts.Opening) -> ToolContext:
        return ToolContext(
            user_id=self.attempt.user_id,
            thread_id=self.attempt.thread_id,
            run_id=self.attempt.run_id,
            now=opening.now,
            attachments=opening.attachments,
            texts=opening.texts,
            progress=self._progress,
            account=self._account,
            search=self._search,
            around=self._around,
            connected=opening.connected.tools,
        )

    async def _progress(self, call_id: str, text: str) -> None:
        if text.strip():
            await self._emit(ToolProgress(call_id=call_id, text=text[:PROGRESS_CHARS_MAX]))

    async def _search(self, words: str) -> Sequence[FoundMessage]:
        """The user's messages in other threads: this one the agent has been shown."""
        user, here = self.attempt.user, self.attempt.thread
        return await in_database(
            lambda: read_history(messages_with, words, user=user, without_thread=here)
        )

    async def _account(self) -> Any:
        return await in_database(account.account_facts, self.attempt.user)

    async def _around(
        self, call_id: str, tool: Tool, args: dict[str, JsonValue], call: Call
    ) -> JsonValue:
        """Run a tool once per `call_id`, over all attempts, between its two events."""
        self.answer.flush()
        begin = self._begin_with_approval if tool.approval else self._begin
        begun, is_new = await begin(call_id, tool, args)
        if begun.status == "ok":
            result: JsonValue = msgspec.json.decode(begun.result)
            return result
        if begun.error:
            raise ToolFault(begun.error["code"], begun.error["message"])
        if not is_new and not tool.replayable:
            raise CallInterrupted
        started = time.monotonic()
        try:
            with traces.span("tool", tool=tool.name, call_id=call_id):
                result = await within_time(tool, call)
        except ToolFault as fault:
            await self._end_call(begun, started, error=_as_error(fault))
            raise
        except Exception:  # a tool is anybody's code: its bug ends the call, not the run
            logger.exception("tool failed", tool_name=tool.name)
            failed = ToolFault("tool_failed", f"The tool {tool.name} failed unexpectedly.")
            await self._end_call(begun, started, error=_as_error(failed))
            raise failed from None
        await self._end_call(begun, started, result=result)
        return result

    async def _begin(
        self, call_id: str, tool: Tool, args: dict[str, JsonValue]
    ) -> tuple[CallRow, bool]:
        return await in_database(
            attempts.begin_call,
            self.attempt,
            self.answer.text,
            call_id=call_id,
            tool_name=tool.name,
            args=args,
        )

    async def _begin_with_approval(
        self, call_id: str, tool: Tool, args: dict[str, JsonValue]
    ) -> tuple[CallRow, bool]:
        """The call, once its user has decided; raises AwaitsApproval until then."""
        text = self.answer.text
        row = await in_database(
            waiting.ask,
            self.attempt,
            text,
            call_id=call_id,
            tool_name=tool.name,
            args=args,
            within=timedelta(seconds=tool.approval_s),
        )
        if row is None:
            raise AwaitsApproval
        is_new = row.status == CallState.APPROVED
        if row.status in (CallState.APPROVED, CallState.RUNNING):
            decided = await in_database(waiting.begin_approved, self.attempt, text, row)
            # The call reads these when it runs: what the user made of them counts.
            args.clear()
            args.update(decided)
        return row, is_new

    async def _end_call(
        self,
        call: Any,
        started: float,
        *,
        result: JsonValue = None,
        error: dict[str, str] | None = None,
    ) -> None:
        await in_database(
            attempts.end_call,
            self.attempt,
            self.answer.text,
            call,
            result=result,
            error=error,
            elapsed_ms=int((time.monotonic() - started) * 1000),
        )


def _as_error(fault: ToolFault) -> dict[str, str]:
    return {"code": fault.code, "message": fault.message}


@lru_cache(maxsize=MODELS_MAX)
def _agent_of(choice: ModelChoice) -> Agent[ToolContext, str]:
    """One agent a process for each choice."""
    return build_agent(choice)


def dump_messages(messages: list[ModelMessage]) -> str:
    return ModelMessagesTypeAdapter.dump_json(messages).decode()
