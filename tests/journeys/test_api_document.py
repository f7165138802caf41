"""The API's own document: answers are as it says, and nothing makes the server fail."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from chat.database import in_database
from tests.chat.api_people import pays, token_of
from tests.journeys.conftest import Person
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio, pytest.mark.chaos]

CHECKS = ",".join(
    (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "ignored_auth",
    )
)


async def test_answers_are_as_the_document_says(
    shared: Servers, visitor: Person, tmp_path: Path
) -> None:
    def token() -> str:
        return token_of(pays(visitor.user))

    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"{shared.base_url}/api/openapi.json",
        *("--header", f"Authorization: Bearer {await in_database(token)}"),
        # A stream has no end to wait for.
        *("--exclude-path-regex", "/events$"),
        *("--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "8"),
        *("--workers", "2"),
        *("--seed", "1", "--no-color", "--request-timeout", "5"),
    ]
    run = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr
