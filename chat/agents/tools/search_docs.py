"""The tool that answers from the documentation of the product."""

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.citations import Citation
from chat.agents.handbook import handbook
from chat.agents.tools.registry import ToolCall, tool

PASSAGES_MAX = 3


class DocsQuestion(BaseModel):
    """What to look up."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=400, description="The question, or its key words.")


class Passages(BaseModel):
    """The sections that fit best, best first, each quoted with its heading and page."""

    query: str
    citations: list[Citation]


@tool(replayable=True, timeout_s=10)
async def search_docs(call: ToolCall, question: DocsQuestion) -> Passages:
    """Look up how Netra itself works in its own documentation: using, running, deploying and
    configuring it, its plans and limits, its protocol, its design, adding tools. Quote what it
    returns with title and source; add nothing of your own about Netra.
    """
    found = handbook().quote(question.query, limit=PASSAGES_MAX)
    return Passages(
        query=question.query,
        citations=[
            Citation(title=one.title, source=one.source, excerpt=one.excerpt) for one in found
        ],
    )
