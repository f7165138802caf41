"""Citations: what a tool's result carries under `citations` becomes an event each."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

CITATIONS_MAX = 10
EXCERPT_CHARS_MAX = 1_000


class Citation(BaseModel):
    """Where a statement stands: the heading, the file or address, and its words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: str = Field(min_length=1, max_length=300)
    source: str = Field(min_length=1, max_length=500)
    excerpt: str = Field(default="", max_length=EXCERPT_CHARS_MAX)


def citations_of(result: JsonValue) -> list[Citation]:
    """The citations of a tool's result as JSON; what is not one is left out."""
    listed = result.get("citations") if isinstance(result, dict) else None
    found: list[Citation] = []
    for one in listed[:CITATIONS_MAX] if isinstance(listed, list) else ():
        try:
            found.append(Citation.model_validate(one))
        except ValidationError:
            continue
    return found
