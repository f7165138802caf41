"""A world for agents in tests: what the runner is to them, held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import JsonValue
from pydantic_ai import Agent, AgentRun
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    ThinkingPart,
    UserContent,
)
from pydantic_ai.usage import RunUsage

from chat.agents.models import LIMITS
from chat.agents.shown import shown_by
from chat.agents.tools.registry import (
    AccountFacts,
    Attachment,
    Call,
    Tool,
    ToolContext,
    ToolFault,
    within_time,
)
from chat.files.kinds import MediaType
from chat.search import FoundMessage

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Outcome:
    """What a finished run came to."""

    text: str
    thoughts: list[str]
    messages: list[ModelMessage]
    usage: RunUsage


@dataclass
class World:
    """Runs agents node by node, as a worker does, and keeps what they did."""

    history: list[ModelMessage] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    executed: list[tuple[str, str, JsonValue]] = field(default_factory=list)
    progress: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    thoughts: list[str] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)
    runs: int = 0
    # Of calls that need approval: what was asked, and the user's edits, or None for a denial.
    asked: list[tuple[str, dict[str, JsonValue]]] = field(default_factory=list)
    edits: dict[str, JsonValue] | None = None
    failed: list[tuple[str, str]] = field(default_factory=list)
    # What a search finds, and what was searched for.
    messages: list[FoundMessage] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)

    def attach(
        self,
        name: str,
        data: bytes,
        media_type: MediaType = MediaType.TEXT,
        *,
        size: tuple[int | None, int | None] = (None, None),
    ) -> str:
        """Put a file into the thread; its id."""
        file_id = f"file_1_test{len(self.attachments):04}"

        async def read() -> bytes:
            return data

        attached = Attachment(
            file_id=file_id,
            name=name,
            bytes=len(data),
            read=read,
            media_type=media_type,
            width=size[0],
            height=size[1],
        )
        self.attachments.insert(0, attached)
        return file_id

    def context(self) -> ToolContext:
        return ToolContext(
            user_id="user_1_tester",
            thread_id="thread_1_testing",
            run_id=f"run_1_test{self.runs:04}",
            now=NOW,
            attachments=list(self.attachments),
            texts=list(self.texts),
            progress=self._note_progress,
            account=_account,
            search=self._search,
            around=self._around,
        )

    async def run(
        self,
        agent: Agent[ToolContext, str],
        prompt: str | Sequence[UserContent] | None,
        *,
        resume: bool = False,
    ) -> Outcome:
        """Run to the end; the history of the thread grows by it."""
        if not resume:
            self.runs += 1
            self.text, self.thoughts = "", []
            if prompt is not None:
                self.texts.insert(0, prompt if isinstance(prompt, str) else str(prompt[0]))
        noted = self._with_notes(prompt) if isinstance(prompt, str) else prompt
        run_it = agent.iter(
            noted, message_history=self.history, deps=self.context(), usage_limits=LIMITS
        )
        with shown_by(self.show):
            async with agent, run_it as run:
                await self._steps(run)
        assert run.result is not None
        self.history = run.result.all_messages()
        return Outcome(
            text=run.result.output,
            thoughts=list(self.thoughts),
            messages=run.result.new_messages(),
            usage=run.usage,
        )

    async def _steps(self, run: AgentRun[ToolContext, str]) -> None:
        async for node in run:
            if Agent.is_call_tools_node(node):
                # As the runner does: the model's answer is complete.
                self.stored.append(ModelMessagesTypeAdapter.dump_json(run.all_messages()))
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as stream:
                    async for event in stream:
                        self.note(event)

    def _with_notes(self, prompt: str) -> str:
        return "\n".join([prompt, *(f"[attached file: {it.name}]" for it in self.attachments)])

    def show(self, text: str) -> None:
        self.text += text

    def note(self, event: object) -> None:
        match event:
            case PartStartEvent(part=TextPart(content=text)):
                self.show(text)
            case PartEndEvent(part=ThinkingPart(content=text)):
                self.thoughts.append(text)

    async def _note_progress(self, call_id: str, text: str) -> None:
        self.progress.append((call_id, text))

    async def _around(
        self, call_id: str, tool: Tool, args: dict[str, JsonValue], call: Call
    ) -> JsonValue:
        try:
            if tool.approval:
                self._decide(tool, args)
            value = await within_time(tool, call)
        except ToolFault as fault:
            self.failed.append((tool.name, fault.code))
            raise
        self.executed.append((call_id, tool.name, value))
        return value

    def _decide(self, tool: Tool, args: dict[str, JsonValue]) -> None:
        self.asked.append((tool.name, dict(args)))
        if self.edits is None:
            raise ToolFault("denied", "The user did not allow this.")
        args.update(self.edits)

    async def _search(self, words: str) -> list[FoundMessage]:
        self.searched.append(words)
        return list(self.messages)


async def _account() -> AccountFacts:
    return AccountFacts(
        tier="early",
        why="You subscribed to it.",
        limits={"runs_month": 10_000, "concurrent_runs": 3},
        used={"runs_month": 42},
    )
