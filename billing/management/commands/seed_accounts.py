"""`manage.py seed_accounts`: made-up accounts by the thousand, where nobody works."""

from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.crowd import Crowd, gather

ALLOWED: Final = ("development", "test")
ACCOUNTS_MAX: Final = 1_000_000
GRANTS_EACH_MAX: Final = 100


class Command(BaseCommand):
    help = (
        "Insert made-up accounts with years of grants, ledger and usage, to try pages with; "
        "in development and tests only."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--accounts", type=int, default=10_000)
        parser.add_argument("--grants", type=int, default=100_000, help="of all of them together")

    def handle(self, *_args: Any, accounts: int, grants: int, **_options: Any) -> None:
        if settings.NETRA_ENV not in ALLOWED:
            raise CommandError(f"Not in {settings.NETRA_ENV}: these accounts are nobody's.")
        if not 1 <= accounts <= ACCOUNTS_MAX:
            raise CommandError(f"--accounts is between 1 and {ACCOUNTS_MAX}.")
        if not 0 <= grants <= accounts * GRANTS_EACH_MAX:
            raise CommandError(f"--grants is at most {GRANTS_EACH_MAX} for each account.")
        for done in gather(Crowd(accounts=accounts, grants=grants)):
            self.stdout.write(f"{done:,} of {accounts:,} accounts")
