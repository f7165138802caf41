"""Events of AG-UI 1.0 as messages of an SSE stream."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from chat.protocol.frames import encode_value

PROTOCOL_VERSION: Final = "1.0"
# What an interrupt is answered with: a form can be made of it.
ANSWER_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "editedArgs": {"type": "object"}},
    "required": ["approved"],
}


def event(kind: str, **fields: object) -> str:
    """One event; a field that is None is left out, as the protocol wants it."""
    told = {name: value for name, value in fields.items() if value is not None}
    return f"data: {encode_value({'type': kind, **told})}\n\n"


def custom(name: str, value: object) -> str:
    """What only Netra tells."""
    return event("CUSTOM", name=f"netra.{name}", value=value)


def reasoning(message_id: str, text: str) -> str:
    """A whole thought."""
    return "".join(
        (
            event("REASONING_START", messageId=message_id),
            event("REASONING_MESSAGE_START", messageId=message_id, role="reasoning"),
            event("REASONING_MESSAGE_CONTENT", messageId=message_id, delta=text),
            event("REASONING_MESSAGE_END", messageId=message_id),
            event("REASONING_END", messageId=message_id),
        )
    )


def tool_call(call_id: str, name: str, args: object) -> str:
    return "".join(
        (
            event("TOOL_CALL_START", toolCallId=call_id, toolCallName=name),
            event("TOOL_CALL_ARGS", toolCallId=call_id, delta=encode_value(args)),
            event("TOOL_CALL_END", toolCallId=call_id),
        )
    )


def tool_result(call_id: str, status: str, result: object, error: Mapping[str, str] | None) -> str:
    """What became of a call; `metadata` says how it ended, for which AG-UI has no word."""
    content = result if error is None else error.get("message", status)
    return event(
        "TOOL_CALL_RESULT",
        messageId=f"{call_id}:result",
        toolCallId=call_id,
        role="tool",
        content=content if isinstance(content, str) else encode_value(content),
        metadata={"netra": {"status": status}},
    )


def interrupt(call_id: str, tool_name: str, expires_at: str | None) -> dict[str, Any]:
    """An approval that the run waits for."""
    waits: dict[str, Any] = {
        "id": call_id,
        "reason": "tool_call",
        "message": f"{tool_name} needs your approval.",
        "toolCallId": call_id,
        "responseSchema": ANSWER_SCHEMA,
    }
    return waits if expires_at is None else waits | {"expiresAt": expires_at}


def token_usage(model: str, usage: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """None where no language model was asked."""
    if "input_tokens" not in usage:
        return None
    taken, given = usage["input_tokens"], usage.get("output_tokens", 0)
    counted = {"inputTokens": taken, "outputTokens": given, "totalTokens": taken + given}
    if "cached_tokens" in usage:
        counted["cachedInputTokens"] = usage["cached_tokens"]
    return [counted | ({"model": model} if model else {})]
