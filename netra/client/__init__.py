"""The Python client of `netra.v1`; it imports nothing of the rest of Netra."""

from netra.client.connection import ChatConnection, Closed
from netra.client.session import SignInFailed, sign_in

__all__ = ["ChatConnection", "Closed", "SignInFailed", "sign_in"]
