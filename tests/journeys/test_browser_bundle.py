"""The chat page as a deployment serves it: one file of modules, the rest only when it is needed."""

import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from playwright.async_api import Browser, expect

from chat.database import in_database
from netra import env
from tests.chat.sockets import session_of
from tests.conftest import environment_of_servers
from tests.journeys.browser import BROWSER_JOURNEY
from tests.journeys.conftest import Person
from tests.servers import Servers
from tools.bundle import ENTRIES, bundle_pages

# Slow to set up; what is stale is held by tests/netra/test_manifest.py.
pytestmark = [*BROWSER_JOURNEY, pytest.mark.chaos]

PRODUCTION = {
    "NETRA_ENV": "production",
    "NETRA_SECRET_KEY": "only-for-this-test-0123456789-only-for-this-test-0123456789",
    "NETRA_ALLOWED_HOSTS": "127.0.0.1",
}
LATER = re.compile(r'import\("\.\./(vendor/\w+\.[0-9a-f]{12}\.js)"\)')


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What collectstatic makes of bundles in a folder of their own."""
    folder = tmp_path_factory.mktemp("deployment")
    bundle_pages(folder / "more")
    more = f"from netra.settings import *\nSTATICFILES_DIRS = [{str(folder / 'more')!r}]\n"
    (folder / "with_bundles.py").write_text(more)
    environment = PRODUCTION | {
        "PATH": env.required("PATH"),
        "NETRA_VAR": str(folder),
        "PYTHONPATH": str(folder),
        "DJANGO_SETTINGS_MODULE": "with_bundles",
    }
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--ignore=admin"]
    subprocess.run(collect, cwd=settings.BASE_DIR, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def deployed(django_db_setup: None, var: Path) -> Iterator[Servers]:
    servers = Servers(environment_of_servers() | PRODUCTION | {"NETRA_VAR": str(var)})
    try:
        servers.start_web()
        yield servers
    finally:
        servers.stop()


def session_of_deployment(person: Person) -> str:
    with override_settings(SECRET_KEY=PRODUCTION["NETRA_SECRET_KEY"]):
        return session_of(person.user)


async def test_the_page_works_from_its_bundles(
    browser: Browser,
    deployed: Servers,
    var: Path,
    newcomer: Callable[[str], Awaitable[Person]],
) -> None:
    person = await newcomer("ada")
    # What the proxy in front of a deployment says.
    context = await browser.new_context(extra_http_headers={"X-Forwarded-Proto": "https"})
    session = await in_database(session_of_deployment, person)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": deployed.base_url}
    await context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict
    page = await context.new_page()
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    await page.goto(f"{deployed.base_url}/chat/")
    await page.get_by_role("textbox", name="Message").fill("Hello")
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    await context.close()

    assert faults == []
    code = [url for url in asked if url.endswith((".js", ".css"))]
    loaded = [url.partition("/static/")[2] for url in code]
    assert sorted(re.sub(r"\.[0-9a-f]{12}", "", name) for name in loaded) == sorted(
        [*ENTRIES.values(), "netra/theme.js"]
    )
    [modules] = [name for name in loaded if name.startswith("bundle/chat.") and name.endswith("js")]
    later = LATER.findall((var / "static" / modules).read_text())
    assert {name.partition(".")[0] for name in later} == {"vendor/katex"}
    assert all((var / "static" / name).is_file() for name in later)
