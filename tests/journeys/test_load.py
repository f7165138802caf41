"""The load generator at a real server: everybody asks and is answered, and it says so."""

import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import TokenScope
from accounts.own_tokens import create_token
from chat.database import in_database
from tests.chat.api_people import pays
from tests.journeys.conftest import Person
from tests.servers import Servers

NOTHING_WRONG = "| errors and closes |  | 0 |"


def load(*arguments: str) -> str:
    """What it reports."""
    command = [sys.executable, "-m", "bench.load", *arguments]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def token_of(person: Person) -> str:
    pays(person.user)
    return create_token(user=person.user, name="load", scope=TokenScope.WRITE)[1]


def figure(report: str, name: str) -> float:
    """The first number in the row of that name."""
    found = re.search(rf"^\| {re.escape(name)}[^|]* \| ([\d,.]+)", report, re.MULTILINE)
    assert found is not None, report
    return float(found[1].replace(",", ""))


@pytest.mark.django_db
@pytest.mark.asyncio
async def test_users_of_a_file_ask_at_a_server_that_runs(
    shared: Servers, newcomer: Callable[[str], Awaitable[Person]], tmp_path: Path
) -> None:
    one, other = await newcomer("ada"), await newcomer("bob")
    token = await in_database(token_of, other)
    accounts = tmp_path / "accounts"
    accounts.write_text(f"{one.email} {one.password}\n{token}\n", encoding="utf-8")
    report = load(
        *("--url", shared.base_url, "--accounts", str(accounts)),
        *("--users", "2", "--seconds", "1", "--think", "0.2"),
    )
    assert NOTHING_WRONG in report, report
    assert figure(report, "sends") >= 2
    assert figure(report, "send to ack") < figure(report, "send to the first text")


@pytest.mark.chaos
@pytest.mark.parametrize("mode", ["steady", "burst"])
def test_ten_users_talk_to_servers_of_its_own_and_are_weighed(mode: str) -> None:
    report = load("--users", "10", "--seconds", "5", "--quiet", "2", "--think", "2", "--mode", mode)
    assert NOTHING_WRONG in report, report
    assert figure(report, "answers that ended") >= 5
    for name in ("web 1", "worker 1", "PostgreSQL", "Valkey", "statements", "WAL", "bus: commands"):
        figure(report, name)
