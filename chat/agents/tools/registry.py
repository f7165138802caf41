"""What a tool is and what it may see of the world; `@tool` registers one documented function."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from pydantic import BaseModel, JsonValue, ValidationError

from chat.files.kinds import FileKind, MediaType

if TYPE_CHECKING:
    from chat.search import FoundMessage
    from chat.usage import ModelUsage

# A tool longer than this has lost its user's attention (SPEC §7).
TIMEOUT_S = 60.0
# How long the user may take to decide about a call that needs their approval.
APPROVAL_S = 24 * 3600.0
COMPLAINTS_MAX = 5

# A class may not name its own field's type: Attachment has a field called `bytes`.
Content = bytes

Arguments = TypeVar("Arguments", bound=BaseModel)
Result = TypeVar("Result", bound=BaseModel)
Call = Callable[[], Awaitable[JsonValue]]
Around = Callable[[str, "Tool", dict[str, JsonValue], Call], Awaitable[JsonValue]]
Search = Callable[[str], Awaitable[Sequence["FoundMessage"]]]


class ToolFault(Exception):
    """A tool could not answer; `message` is one sentence that user and model may both read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """Plan and usage of the run's user; None among the limits means unlimited."""

    tier: str
    why: str = ""
    limits: Mapping[str, int | None]
    used: Mapping[str, int]
    trial_ends_at: datetime | None = None
    resets_at: datetime | None = None
    # By model, of runs that have ended; days and months are UTC.
    today: Sequence["ModelUsage"] = ()
    this_month: Sequence["ModelUsage"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of the thread; `read` gives its whole content; an image has its size in pixels."""

    file_id: str
    name: str
    bytes: int
    read: Callable[[], Awaitable[Content]]
    media_type: MediaType = MediaType.TEXT
    width: int | None = None
    height: int | None = None

    @property
    def kind(self) -> FileKind:
        return self.media_type.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A registered tool; only a replayable one may run again after a crash."""

    name: str
    description: str
    function: Callable[["ToolCall", Any], Awaitable[BaseModel]]
    arguments: type[BaseModel]
    timeout_s: float = TIMEOUT_S
    replayable: bool
    approval: bool = False
    approval_s: float = APPROVAL_S
    # For the built-in assistant only: a connected model has no use for it.
    builtin_only: bool = False

    def checked(self, args: dict[str, JsonValue]) -> BaseModel:
        """The typed arguments; raises ToolFault with what is wrong with them."""
        try:
            return self.arguments.model_validate(args)
        except ValidationError as error:
            raise ToolFault("bad_arguments", self._complaint(error)) from None

    def _complaint(self, error: ValidationError) -> str:
        problems = "; ".join(
            f"{'.'.join(str(step) for step in problem['loc']) or 'arguments'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)[:COMPLAINTS_MAX]
        )
        return f"The arguments of {self.name} are not valid: {problems}."


async def run_with_timeout(
    call_id: str, tool: Tool, args: dict[str, JsonValue], call: Call
) -> JsonValue:
    """The plain way around a call: the tool's time limit, and no tool that wants approval."""
    if tool.approval:
        raise ToolFault("approval_required", f"The tool {tool.name} needs the user's approval.")
    return await within_time(tool, call)


async def within_time(tool: Tool, call: Call) -> JsonValue:
    """Run a call, for as long as its tool may take."""
    try:
        async with asyncio.timeout(tool.timeout_s):
            return await call()
    except TimeoutError:
        raise ToolFault(
            "tool_timeout", f"The tool {tool.name} took longer than {tool.timeout_s:g} seconds."
        ) from None


@dataclass(slots=True, kw_only=True)
class ToolContext:
    """What a tool may see of the world: the dependencies of one agent run."""

    user_id: str
    thread_id: str
    run_id: str
    now: datetime
    attachments: Sequence[Attachment]
    texts: Sequence[str]
    progress: Callable[[str, str], Awaitable[None]]
    account: Callable[[], Awaitable[AccountFacts]]
    search: Search
    around: Around = field(default=run_with_timeout)
    # Tools of servers that operators connected, by the names that models call them by.
    connected: Mapping[str, Tool] = field(default_factory=dict)
    # By file: attached images as models are shown them, with their type; None of a damaged one.
    pictures: dict[str, tuple[Content, str] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool: its id, and the world it runs in."""

    call_id: str
    context: ToolContext

    async def progress(self, text: str) -> None:
        """Tell the user, in a few words, how far the call has come."""
        await self.context.progress(self.call_id, text)


_registered: dict[str, Tool] = {}


def tool(
    *,
    replayable: bool,
    timeout_s: float = TIMEOUT_S,
    approval: bool = False,
    approval_s: float = APPROVAL_S,
    builtin_only: bool = False,
) -> Callable[
    [Callable[[ToolCall, Arguments], Awaitable[Result]]],
    Callable[[ToolCall, Arguments], Awaitable[Result]],
]:
    """Register an async `(call, arguments) -> result`; its docstring is what a model reads."""

    def register(
        function: Callable[[ToolCall, Arguments], Awaitable[Result]],
    ) -> Callable[[ToolCall, Arguments], Awaitable[Result]]:
        name = function.__name__
        arguments = list(get_type_hints(function).values())[1]
        if not (isinstance(arguments, type) and issubclass(arguments, BaseModel)):
            raise TypeError(f"tool {name}: the second parameter must be a pydantic model")
        description = inspect.cleandoc(function.__doc__ or "")
        if not description:
            raise TypeError(f"tool {name}: the docstring is missing, and it is what a model reads")
        if not 0 < timeout_s <= TIMEOUT_S:
            raise ValueError(f"tool {name}: its time is more than 0 and at most {TIMEOUT_S:g} s")
        if name in _registered:
            raise ValueError(f"tool {name} is registered twice")
        _registered[name] = Tool(
            name=name,
            description=description,
            function=function,
            arguments=arguments,
            timeout_s=timeout_s,
            replayable=replayable,
            approval=approval,
            approval_s=approval_s,
            builtin_only=builtin_only,
        )
        return function

    return register


def registered() -> tuple[Tool, ...]:
    """All tools registered so far, by name."""
    return tuple(_registered[name] for name in sorted(_registered))
