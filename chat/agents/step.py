"""What the built-in assistant does next: a thought, some text, a tool call."""

import json
from dataclasses import dataclass
from hashlib import sha256

from pydantic import BaseModel

from chat.agents.turn import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool by its name, with typed arguments."""

    tool_name: str
    arguments: BaseModel

    @property
    def json_args(self) -> str:
        return json.dumps(self.arguments.model_dump(mode="json", exclude_defaults=True))

    def id_in(self, turn: Turn) -> str:
        """The same in every attempt of a run: the journal then knows a call that was made before.

        Its place in the run tells two calls of one tool apart.
        """
        place = f"{turn.context.run_id}:{len(turn.returns)}:{self.tool_name}"
        return f"call_{sha256(place.encode()).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One answer of the model; it is the last one of its run when it calls nothing."""

    thought: str = ""
    text: str = ""
    call: Call | None = None
