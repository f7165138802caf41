"""What chat refuses, with whose fault it is and whether to try again."""

from chat.protocol.codes import CloseCode


class ChatError(Exception):
    """Base of all refusals of this app."""


class ThreadNotFound(ChatError):
    """No such thread, or another user's: the two are answered alike."""


class FolderNotFound(ChatError):
    """No such folder, or another user's."""


class FolderNameTaken(ChatError):
    """Another folder of the user has this name, maybe in other case."""


class TooManyFolders(ChatError):
    """The user has as many folders as they may."""


class PromptNotFound(ChatError):
    """No such prompt, or another user's."""


class PromptNameTaken(ChatError):
    """Another prompt of the user has this name, maybe in other case."""


class TooManyPrompts(ChatError):
    """The user has as many prompts as they may."""


class ShareNotFound(ChatError):
    """The thread is not shared, or the link shows nothing any more."""


class NothingToShare(ChatError):
    """The shown branch has no answer that has ended."""


class RunNotFound(ChatError):
    """No such run, or another user's."""


class FileNotFound(ChatError):
    """A named file is not there, not this user's, or already in a message."""


class ModelNotFound(ChatError):
    """No such model, or none that the user's plan has."""


class ThreadFilesFull(ChatError):
    """The files of the thread would be more than the user's plan allows."""


class ClientIDReused(ChatError):
    """The `client_id` was used before for another message."""


class MessageNotFound(ChatError):
    """No such message of this user's own, or another user's."""


class NotEnded(ChatError):
    """An answer is made again only once it has ended."""


class AlreadyDecided(ChatError):
    """The call waits for no decision: it was decided otherwise, or its time is over."""


class QueueFull(ChatError):
    """The thread has as many waiting runs as it may."""


class AddressUnverified(ChatError):
    """The user must verify their address before sending more."""


class ReadOnly(ChatError):
    """Staff look at the account; nothing is changed that way."""


class TokenOnlyReads(ChatError):
    """The token may read and not write."""


class NotAdmitted(ChatError):
    """A socket that must close with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
