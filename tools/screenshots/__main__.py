"""`make screenshots`: real servers with sample data, every page in a browser, one picture a state.

They lie in var/screenshots/, with an index.html to look at them all.
"""

import asyncio
import http.client
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import async_playwright

from netra import env, processes
from netra.processes import Program
from tools.screenshots.camera import VIEWS, Camera, gallery
from tools.screenshots.shots import SHOTS, Person

ROOT: Final = Path(__file__).resolve().parent.parent.parent
FOLDER: Final = ROOT / "var" / "screenshots"
STARTS_WITHIN_S: Final = 120.0
CROWD: Final = ("seed_accounts", "--accounts", "200", "--grants", "1000")
PEOPLE: Final = "from tools.screenshots.people import make_people; make_people()"


@contextmanager
def servers(var: Path) -> Iterator[str]:
    """All of Netra with the people and accounts of the pictures; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"NETRA_VAR": str(var), "NETRA_ASSISTANT_TOKENS_PER_S": "0", "NETRA_RATE_SCALE": "1000"}
    environment = {**env.everything(), **own}
    program = _manage("up", "--port", str(port), environment=environment, within_s=30.0)
    process = processes.spawn(program)
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The servers did not start: {program.log}")
            time.sleep(0.3)
        for arguments in (("shell", "-c", PEOPLE), CROWD):
            done = processes.spawn(_manage(*arguments, environment=environment)).wait()
            if done != 0:
                raise SystemExit(f"{arguments[0]} failed: {program.log}")
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.end(process, program)


def _manage(*arguments: str, environment: Mapping[str, str], within_s: float = 5.0) -> Program:
    return Program(
        name=arguments[0],
        argv=(sys.executable, str(ROOT / "manage.py"), *arguments),
        environment=environment,
        log=FOLDER / "servers.log",
        stop_within_s=within_s,
    )


def _answers(port: int) -> bool:
    web = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        web.request("GET", "/health/ready")
        return web.getresponse().status == 200
    except OSError:
        return False
    finally:
        web.close()


async def take_all(base_url: str) -> list[str]:
    """Takes every picture; gives those that failed, with why."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        camera = Camera(browser, base_url, FOLDER)
        for person in Person:
            await camera.sign_in(person)
        await camera.make_answer()
        taken = await asyncio.gather(*(camera.take(shot, view) for shot in SHOTS for view in VIEWS))
        await browser.close()
    return [problem for problem in taken if problem]


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    # A short path: sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="netra-") as var, servers(Path(var)) as base_url:
        problems = asyncio.run(take_all(base_url))
    (FOLDER / "index.html").write_text(gallery(), encoding="utf-8")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    sys.stdout.write(f"{FOLDER / 'index.html'}\n")
    if problems:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
