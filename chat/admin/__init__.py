"""The operators' pages of chat; importing them puts them into Django's admin."""

from chat.admin import (
    connections,
    conversations,
    feedback,
    letters,
    models,
    tool_servers,
    usage,
)

__all__ = [
    "connections",
    "conversations",
    "feedback",
    "letters",
    "models",
    "tool_servers",
    "usage",
]
