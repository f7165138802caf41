"""Refusals of accounts: whose fault it is stands in the class, what to mend in its fields."""

from enum import StrEnum
from typing import TYPE_CHECKING

from accounts.password import Problem, problem_words

if TYPE_CHECKING:
    from accounts.models import User


class AccountsError(Exception):
    """Base of every refusal; nothing has changed when it is raised."""


class AddressRefused(AccountsError, ValueError):
    """What was given is no address a mail could reach."""


class EmailTaken(AccountsError):
    """The address belongs to an account already."""


class PasswordRefused(AccountsError):
    """The password breaks the policy; `problems` says how."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return " ".join(problem_words(problem) for problem in self.problems)


class SuspensionRefused(AccountsError):
    """This actor may not suspend that user; `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FactorRefused(AccountsError):
    """This actor may not remove that user's second factor; `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ImpersonationRefused(AccountsError):
    """This actor may not look at that account; `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LinkRefusal(StrEnum):
    """Why an identity does not come to an account."""

    NO_ADDRESS = "no_address"
    ADDRESS_TAKEN = "address_taken"
    ADDRESS_UNPROVEN = "address_unproven"
    OTHER_ACCOUNT = "other_account"
    LAST_WAY_IN = "last_way_in"
    NOT_FRESH = "not_fresh"
    BUSY = "busy"


class LinkRefused(AccountsError):
    """An identity does not come to this account, or may not leave it.

    `owner` is the account in the way, where the person has proven to own its address.
    """

    def __init__(self, reason: LinkRefusal, *, owner: "User | None" = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.owner = owner


class TokenRefusal(StrEnum):
    """Why no API token was made."""

    NOT_IN_PLAN = "not_in_plan"
    TOO_MANY = "too_many"


class TokenRefused(AccountsError):
    """The account gets no further API token."""

    def __init__(self, reason: TokenRefusal) -> None:
        super().__init__(reason)
        self.reason = reason
