"""What a process holds at run time: the import contracts in `pyproject.toml` see only our own."""

import subprocess
import sys

from django.conf import settings

from netra import env

LEAVES = [
    "netra.env",
    "netra.ids",
    "netra.client",
    "billing.tiers",
    "billing.entitlements",
    "billing.overrides",
    "billing.plan",
    "billing.trials",
    "accounts.mailbox",
    "accounts.password",
    "chat.protocol.frames",
    "chat.protocol.events",
    "chat.protocol.codes",
    "chat.connection.state_machine",
    "chat.connection.message_queue",
    "chat.runs.lifecycle",
]
LIST = "import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"


def packages_of(module: str) -> set[str]:
    """The packages that a fresh process has loaded once it has imported `module`."""
    answer = subprocess.run(
        [sys.executable, "-c", LIST.format(module=module)],
        cwd=settings.BASE_DIR,
        env=env.everything(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    return set(answer.stdout.split())


def test_pure_modules_load_without_django_and_channels() -> None:
    assert not packages_of(", ".join(LEAVES)) & {"django", "channels", "redis", "psycopg"}


def test_the_web_process_loads_no_agents() -> None:
    loaded = packages_of("netra.asgi")

    assert "channels" in loaded
    assert not loaded & {"pydantic_ai", "openai", "anthropic", "simpleeval", "genai_prices"}
