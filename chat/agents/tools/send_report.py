"""A tool that needs approval, for the demonstration: it has no effect but the note it returns."""

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.tools.registry import ToolCall, tool

# The demonstration goes on by itself when nobody decides: it lasts about ten seconds in all.
DECIDE_WITHIN_S = 6


class Report(BaseModel):
    """What would be sent."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=2_000)


class Note(BaseModel):
    """What became of it; `key` is what a service would know a repeated call by."""

    note: str
    key: str


@tool(replayable=False, timeout_s=10, approval=True, approval_s=DECIDE_WITHIN_S, builtin_only=True)
async def send_report(call: ToolCall, report: Report) -> Note:
    """Pretend to send a report, to show a call that waits for its user's approval."""
    return Note(
        note=f"A report of {len(report.text)} characters for {report.to} was noted; nothing left "
        "this server.",
        key=call.call_id,
    )
