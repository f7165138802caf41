"""The Python client of `netra.v1`; it imports nothing of the rest of Netra."""

from netra.client.client import ChatClient
from netra.client.connection import ChatConnection
from netra.client.dialogue import ClientState, Dialogue
from netra.client.errors import (
    ClientError,
    Closed,
    OutboxFull,
    OutboxUnreadable,
    Overtaken,
    Refused,
    SignInFailed,
    Unanswered,
)
from netra.client.frames import Account, Ack, Event, FileRef, Message, Services, Trial, User
from netra.client.outbox import Outbox
from netra.client.pending import (
    PendingAdvance,
    PendingDecision,
    PendingEdit,
    PendingRegenerate,
    PendingSend,
    PendingStop,
    PendingSwitch,
)
from netra.client.session import sign_in
from netra.client.thread import Thread

__all__ = [
    "Account",
    "Ack",
    "ChatClient",
    "ChatConnection",
    "ClientError",
    "ClientState",
    "Closed",
    "Dialogue",
    "Event",
    "FileRef",
    "Message",
    "Outbox",
    "OutboxFull",
    "OutboxUnreadable",
    "Overtaken",
    "PendingAdvance",
    "PendingDecision",
    "PendingEdit",
    "PendingRegenerate",
    "PendingSend",
    "PendingStop",
    "PendingSwitch",
    "Refused",
    "Services",
    "SignInFailed",
    "Thread",
    "Trial",
    "Unanswered",
    "User",
    "sign_in",
]
