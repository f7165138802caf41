"""The attached files of a thread as documents: what can be read of each, and which is meant."""

from collections.abc import Sequence

from chat.agents.data_sets import is_data
from chat.agents.tools.registry import Attachment, ToolContext, ToolFault

NAMES_SHOWN_MAX = 5


def documents(context: ToolContext) -> Sequence[Attachment]:
    """The attached files that are no usage data by their names, newest first."""
    return [file for file in context.attachments if not is_data(file)]


def choose(context: ToolContext, source: str) -> Attachment:
    """The file named by id or name, or the newest; raises ToolFault when there is none."""
    files = context.attachments
    if not files:
        raise ToolFault("no_file", "There is no file in this thread yet: attach one.")
    if not source:
        return files[0]
    for file in files:
        if source in (file.file_id, file.name):
            return file
    names = ", ".join(file.name for file in files[:NAMES_SHOWN_MAX])
    raise ToolFault(
        "unknown_source", f"There is no file called {source[:80]} here; I see: {names}."
    )
