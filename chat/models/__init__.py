"""What is said: threads, messages, runs, tool calls, files, the log of events; how it arrived."""

from chat.mcp_rows import McpServer, McpTool
from chat.model_rows import AgentModel
from chat.models.deliveries import (
    DeadLetter,
    DeliveryKind,
    DeliveryStep,
    Event,
    LetterState,
    Node,
)
from chat.models.files import File, file_path, new_file_id
from chat.models.ids import public_id
from chat.models.lists import Folder, Share, new_folder_id, new_share_id
from chat.models.prompts import Prompt, new_prompt_id
from chat.models.runs import (
    DailyUsage,
    Feedback,
    FeedbackReason,
    Rating,
    Run,
    ToolCall,
    new_run_id,
)
from chat.models.threads import Message, Role, Thread, new_message_id, new_thread_id

__all__ = [
    "AgentModel",
    "DailyUsage",
    "DeadLetter",
    "DeliveryKind",
    "DeliveryStep",
    "Event",
    "Feedback",
    "FeedbackReason",
    "File",
    "Folder",
    "LetterState",
    "McpServer",
    "McpTool",
    "Message",
    "Node",
    "Prompt",
    "Rating",
    "Role",
    "Run",
    "Share",
    "Thread",
    "ToolCall",
    "file_path",
    "new_file_id",
    "new_folder_id",
    "new_message_id",
    "new_prompt_id",
    "new_run_id",
    "new_share_id",
    "new_thread_id",
    "public_id",
]
