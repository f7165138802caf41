"""What an AG-UI client sends: RunAgentInput of protocol 1.0, as far as it is read here."""

from typing import Annotated, Any, Literal

from ninja import Field
from pydantic import ConfigDict

from chat.api.schemas import ID, In
from chat.protocol.frames import FILES_PER_MESSAGE_MAX

# As an AG-UI client makes them, so anything.
GivenID = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
MESSAGES_MAX = 2000
ANSWERS_MAX = 100


class AguiMessage(In):
    """One message of the client's own list; of them the last one of the user is read."""

    model_config = ConfigDict(strict=True, extra="allow")
    id: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
    role: Literal["developer", "system", "assistant", "user", "tool", "activity", "reasoning"]
    content: str | list[dict[str, Any]] | dict[str, Any] | None = None


class AguiAnswer(In):
    """To an interrupt: `resolved` with `{approved, editedArgs?}`, or `cancelled`, which denies."""

    interrupt_id: Annotated[
        str, Field(alias="interruptId", min_length=1, max_length=256, pattern=r"^[^\x00]*$")
    ]
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class AguiWishes(In):
    """Which model answers in this thread from now on, and files uploaded before."""

    model: ID | None = None
    files: Annotated[list[ID], Field(max_length=FILES_PER_MESSAGE_MAX, default_factory=list)]


class AguiForwarded(In):
    """What is meant for others stays unread."""

    netra: AguiWishes | None = None


class AguiRun(In):
    """`state`, `context` and `tools` are not used: the assistant has its own."""

    thread_id: Annotated[GivenID, Field(alias="threadId")]
    run_id: Annotated[GivenID, Field(alias="runId")]
    messages: Annotated[list[AguiMessage], Field(max_length=MESSAGES_MAX)]
    tools: list[dict[str, Any]] | None = None
    resume: Annotated[list[AguiAnswer] | None, Field(max_length=ANSWERS_MAX)] = None
    forwarded_props: Annotated[AguiForwarded | None, Field(alias="forwardedProps")] = None
