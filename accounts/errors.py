"""Refusals of accounts: whose fault it is stands in the class, what to mend in its fields."""

from accounts.password import WORDS, Problem


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
        return " ".join(WORDS[problem] for problem in self.problems)


class SuspensionRefused(AccountsError):
    """This actor may not suspend that user; `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
