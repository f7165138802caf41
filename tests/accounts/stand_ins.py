"""Sign-in providers that others wrote, as processes of their own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import requests

from netra import processes
from netra.processes import Program
from tools import node

STARTS_WITHIN_S: Final = 60.0
REDIRECTS_MAX: Final = 10
SITE: Final = "http://127.0.0.1/"


@contextmanager
def running(script: Path, *arguments: str, log: Path, count: int) -> Iterator[dict[str, str]]:
    """Run a script that writes a line `name address` for each server; the addresses by name."""
    node.install_packages()
    program = Program(name=script.stem, argv=(str(node.node()), str(script), *arguments), log=log)
    process = processes.spawn(program)
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while len(found := _addresses(log)) < count:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield found
    finally:
        processes.end(process, program)


def _addresses(log: Path) -> dict[str, str]:
    lines = [line.split(" ") for line in log.read_text().splitlines()]
    return {line[0]: line[1] for line in lines if len(line) == 2 and line[1].startswith("http:")}


def consent(place: str, *, person: str) -> str:
    """Go where our door sends, say who one is, and be sent back: the path of our callback."""
    with requests.Session() as browser:
        answer = _follow(browser, browser.get(place, allow_redirects=False, timeout=10))
        if isinstance(answer, str):
            return answer
        chosen = {"person": person}
        sent = browser.post(answer.url, chosen, allow_redirects=False, timeout=10)
        back = _follow(browser, sent)
    assert isinstance(back, str), back.text
    return back


def _follow(browser: requests.Session, answer: requests.Response) -> requests.Response | str:
    """The page where the redirects end, or the path at our own site that they lead to."""
    for _ in range(REDIRECTS_MAX):
        if not answer.is_redirect:
            return answer
        place = urljoin(answer.url, answer.headers["Location"])
        if place.startswith(SITE):
            parts = urlsplit(place)
            return f"{parts.path}?{parts.query}"
        answer = browser.get(place, allow_redirects=False, timeout=10)
    raise AssertionError(f"no end of redirects at {answer.url}")
