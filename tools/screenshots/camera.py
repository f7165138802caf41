"""A browser that is signed in as everybody, and takes one picture after the other."""

import asyncio
import html
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser, BrowserContext, expect
from playwright.async_api import Error as PlaywrightError

from tools.screenshots.shots import PASSWORD, SHOTS, Person, Shot

WAITS_MS: Final = 20_000
# What moves comes to rest, and what is on its way from the server arrives.
SETTLES_MS: Final = 700
PAGES_AT_ONCE: Final = 3


@dataclass(frozen=True, slots=True)
class View:
    width: int
    height: int
    scheme: Literal["light", "dark"]


VIEWS: Final = tuple(
    View(width, height, scheme)
    for width, height in ((1280, 800), (390, 844))
    for scheme in ("light", "dark")
)


def file_name(shot: Shot, view: View) -> str:
    return f"{shot.page}-{shot.state}-{view.width}-{view.scheme}.png"


class Camera:
    def __init__(self, browser: Browser, base_url: str, folder: Path) -> None:
        self._browser = browser
        self._base_url = base_url
        self._folder = folder
        self._sessions: dict[Person, str] = {}
        self._answer = ""
        self._turns = asyncio.Semaphore(PAGES_AT_ONCE)

    async def sign_in(self, person: Person) -> None:
        if person is Person.STRANGER:
            return
        context = await self._context(Person.STRANGER, VIEWS[0])
        page = await context.new_page()
        await page.goto("/accounts/login/")
        await page.get_by_label("Email").fill(person.address)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.wait_for_url("**/chat/")
        kept = {each["name"]: each["value"] for each in await context.cookies()}
        self._sessions[person] = kept["sessionid"]
        await context.close()

    async def make_answer(self) -> None:
        """The thread that paths of the table name."""
        context = await self._context(Person.USER, VIEWS[0])
        page = await context.new_page()
        await page.goto("/chat/")
        await page.get_by_role("button", name="Where does our money go?").click()
        answer = page.get_by_role("article", name="Assistant")
        await expect(answer).to_have_attribute("aria-busy", "false", timeout=WAITS_MS)
        self._answer = page.url.rstrip("/").rpartition("/")[2]
        await context.close()

    async def take(self, shot: Shot, view: View) -> str:
        """Takes one picture; gives what went wrong, or nothing."""
        async with self._turns:
            context = await self._context(shot.person, view)
            try:
                await self._take(context, shot, view)
            except (PlaywrightError, AssertionError) as error:
                return f"{file_name(shot, view)}: {str(error).splitlines()[0]}"
            finally:
                await context.close()
        return ""

    async def _take(self, context: BrowserContext, shot: Shot, view: View) -> None:
        page = await context.new_page()
        await page.goto(shot.path.format(answer=self._answer))
        if shot.page == "chat":
            await expect(page.get_by_role("status", name="Connection")).to_have_text("ready")
            await page.wait_for_timeout(SETTLES_MS)
        if shot.act is not None:
            await shot.act(page)
            await page.wait_for_timeout(SETTLES_MS)
        # The chat scrolls inside of its window; all other pages are longer than one.
        await page.screenshot(
            path=self._folder / file_name(shot, view), full_page=shot.page != "chat"
        )

    async def _context(self, person: Person, view: View) -> BrowserContext:
        context = await self._browser.new_context(
            base_url=self._base_url,
            viewport={"width": view.width, "height": view.height},
            color_scheme=view.scheme,
        )
        context.set_default_timeout(WAITS_MS)
        if person in self._sessions:
            session = self._sessions[person]
            await context.add_cookies(
                [{"name": "sessionid", "value": session, "url": self._base_url}]
            )
        return context


def gallery() -> str:
    """A page that shows all pictures."""
    rows = []
    for shot in SHOTS:
        pictures = "".join(
            f'<a href="{name}"><img src="{name}" loading="lazy" alt="{name}" height="480"></a>'
            for name in (html.escape(file_name(shot, view)) for view in VIEWS)
        )
        rows.append(f"<h2>{html.escape(f'{shot.page}, {shot.state}')}</h2>{pictures}")
    return f"<!doctype html><meta charset=utf-8><title>Screenshots</title>{''.join(rows)}"
