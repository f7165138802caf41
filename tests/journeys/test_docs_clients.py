"""The examples of docs/clients.md, each as it stands there, and the command line."""

import asyncio
import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings

from accounts import own_tokens
from accounts.models import TokenScope
from chat.database import in_database
from chat.models import Message
from tests.chat.api_people import pays
from tests.journeys.conftest import Person
from tests.servers import Servers
from tools.node import PACKAGES, install_packages, node

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]

PAGE = (settings.BASE_DIR / "docs" / "clients.md").read_text()
EXAMPLES = re.findall(r"^```(sh|js|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ANSWER = "308.8"


def command_of(language: str, example: str, folder: Path) -> list[str]:
    match language:
        case "sh":
            return ["sh", "-e", "-u", "-c", example]
        case "js":
            # Beside the packages, where Node looks for them.
            path = folder / f"{sha256(example.encode()).hexdigest()}.mjs"
            path.write_text(example)
            return [str(node()), str(path)]
        case _:
            return [sys.executable, "-c", example]


def environment_of(servers: Servers, token: str) -> dict[str, str]:
    return {
        "NETRA_URL": servers.base_url,
        "NETRA_TOKEN": token,
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(settings.BASE_DIR),
    }


async def ran(
    command: list[str], servers: Servers, token: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, command, env=environment_of(servers, token), cwd=folder,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def token_of(person: Person, scope: TokenScope = TokenScope.WRITE) -> str:
    pays(person.user)
    return own_tokens.create_token(user=person.user, name="test", scope=scope)[1]


async def test_every_example_does_what_it_says(
    shared: Servers, visitor: Person, tmp_path: Path
) -> None:
    token = await in_database(token_of, visitor)
    assert [language for language, _ in EXAMPLES] == ["sh", "sh", "js", "python", "js", "sh"]
    await asyncio.to_thread(install_packages)
    (tmp_path / PACKAGES.name).symlink_to(PACKAGES)

    done = await asyncio.gather(
        *(
            ran(command_of(language, example, tmp_path), shared, token, tmp_path)
            for language, example in EXAMPLES
        )
    )

    for (_language, example), run in zip(EXAMPLES, done, strict=True):
        assert run.returncode == 0, (example, run.stdout, run.stderr)
        if "18.5%" in example:
            assert ANSWER in run.stdout, (example, run.stdout, run.stderr)
    written = await in_database(Message.objects.filter(user=visitor.user, role="user").count)
    assert written == 6


async def test_the_command_line_says_what_is_wrong(
    shared: Servers, visitor: Person, tmp_path: Path
) -> None:
    token = await in_database(token_of, visitor, TokenScope.READ)
    client = [sys.executable, "-m", "netra.client"]
    at = ["--url", shared.base_url]

    wrong, none, refused, nobody = await asyncio.gather(
        ran([*client, "threads", *at], shared, "nt_" + "a" * 43, tmp_path),
        ran([*client, "threads", *at], shared, "", tmp_path),
        ran([*client, "send", "x", *at], shared, token, tmp_path),
        ran([*client, "threads", "--url", "http://127.0.0.1:9"], shared, token, tmp_path),
    )

    assert (wrong.returncode, "revoked" in wrong.stderr) == (1, True)
    assert (none.returncode, "NETRA_TOKEN" in none.stderr) == (2, True)
    assert (refused.returncode, "may only read" in refused.stderr) == (1, True)
    assert (nobody.returncode, "Traceback" in nobody.stderr) == (1, False)


async def test_tail_prints_what_was_and_what_comes(
    shared: Servers, visitor: Person, tmp_path: Path
) -> None:
    token = await in_database(token_of, visitor)
    client = [sys.executable, "-m", "netra.client"]
    (tmp_path / "usage.csv").write_text("model,cost\ngpt-4o,1.25\n")
    send = [*client, "send", "hello", "--json", "--file", "usage.csv", "--url", shared.base_url]
    sent = await ran(send, shared, token, tmp_path)
    thread_id = json.loads(sent.stdout)["thread_id"]
    with_file = Message.objects.filter(thread__public_id=thread_id, files__name="usage.csv")
    assert await in_database(with_file.count) == 1

    tail = await asyncio.create_subprocess_exec(
        *client, "tail", thread_id, "--url", shared.base_url,
        env=environment_of(shared, token), cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert tail.stdout is not None
    seen: list[str] = []
    async with asyncio.timeout(30):
        while "agent_completed" not in seen:
            seen.append(json.loads(await tail.stdout.readline())["type"])
    tail.terminate()
    await tail.wait()

    assert seen[:2] == ["message_created", "agent_started"]
