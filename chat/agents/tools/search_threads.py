"""The tool that searches the user's own threads."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.tools.registry import ToolCall, ToolFault, tool


class ThreadQuestion(BaseModel):
    """What to look for."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(
        min_length=1,
        max_length=200,
        description="Words that a message must all hold, each also as the beginning of a word.",
    )


class Hit(BaseModel):
    """A message of the user's, or the answer to one."""

    thread_id: str
    title: str
    role: str
    excerpt: str
    ts: datetime


class Hits(BaseModel):
    """Newest first."""

    words: str
    hits: list[Hit]


@tool(replayable=True, timeout_s=15)
async def search_threads(call: ToolCall, question: ThreadQuestion) -> Hits:
    """Search the user's own earlier messages, and the answers to them, in all their other threads.
    Gives up to 20 hits, newest first, with thread, date and excerpt. Link a thread as
    /chat/<thread_id>/.
    """
    if not any(sign.isalnum() for sign in question.words):
        raise ToolFault("nothing_to_find", "There is no word in that to search for.")
    found = await call.context.search(question.words)
    return Hits(
        words=question.words,
        hits=[
            Hit(
                thread_id=message.thread_id,
                title=message.title,
                role=message.role,
                excerpt=message.excerpt,
                ts=message.ts,
            )
            for message in found
        ],
    )
