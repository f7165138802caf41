"""The table of pictures: which page, as whom, and what is done on it before."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from playwright.async_api import Page

from tools.screenshots import connections

PASSWORD: Final = "Picture-horse-7-battery"  # noqa: S105  of accounts that live for minutes
Act = Callable[[Page], Awaitable[None]]


class Person(StrEnum):
    """Who looks; their accounts are made by `people`."""

    STRANGER = "stranger"
    USER = "user"
    LIMITED = "limited"
    UNLUCKY = "unlucky"
    OPERATOR = "operator"

    @property
    def address(self) -> str:
        return f"{self}@example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One state of one page; `{answer}` in a path is a thread of the user with an analysis."""

    page: str
    state: str = "plain"
    path: str
    person: Person = Person.USER
    act: Act | None = None


def click(name: str) -> Act:
    async def act(page: Page) -> None:
        await page.get_by_role("button", name=name, exact=True).click()

    return act


def press(keys: str) -> Act:
    async def act(page: Page) -> None:
        await page.keyboard.press(keys)

    return act


def write(text: str) -> Act:
    async def act(page: Page) -> None:
        await page.get_by_role("textbox", name="Message").fill(text)

    return act


async def send(page: Page, text: str) -> None:
    await write(text)(page)
    await click("Send")(page)


async def send_over_limit(page: Page) -> None:
    await send(page, "What is 2 + 2?")


async def ask_for_approval(page: Page) -> None:
    await send(page, "/demo")
    await page.get_by_role("button", name="Approve", exact=True).wait_for()


async def let_wait(page: Page) -> None:
    """Several messages behind an answer that waits itself."""
    await ask_for_approval(page)
    for text in ("And in euros?", "Which day was the dearest?", "Thank you."):
        await send(page, text)
    await page.get_by_role("button", name="Send now", exact=True).nth(2).wait_for()


async def fail(page: Page) -> None:
    """The model of this user is nowhere."""
    await send(page, "Are you there?")
    await page.locator("article[aria-label=Assistant][aria-busy=false]").wait_for()


async def open_first_card(page: Page) -> None:
    """The beginning of an answer, with what its tool did."""
    await page.locator(".tool-card summary").first.click()
    await page.locator(".tool-card").first.scroll_into_view_if_needed()


async def open_account_menu(page: Page) -> None:
    opener = page.get_by_role("button", name="Open the list")
    if await opener.is_visible():
        await opener.click()
    await page.locator("summary.account").click()


async def open_settings(page: Page) -> None:
    await open_account_menu(page)
    await click("Settings")(page)


async def open_help(page: Page) -> None:
    await open_account_menu(page)
    await click("Keys")(page)


async def lose_network(page: Page) -> None:
    await page.context.set_offline(True)
    await page.get_by_role("status", name="Connection").filter(has_text="offline").wait_for()
    await send(page, "This is kept until there is a network again.")
    await write("And this is not sent yet.")(page)


async def send_weak_password(page: Page) -> None:
    await page.get_by_label("Email").fill("nobody@example.org")
    await page.get_by_label("Password").fill("short")
    await click("Create account")(page)


async def fail_to_sign_in(page: Page) -> None:
    await page.get_by_label("Email").fill("nobody@example.org")
    await page.get_by_label("Password").fill("not the right one")
    await click("Sign in")(page)


def _plain(page: str, path: str, person: Person = Person.USER) -> Shot:
    return Shot(page=page, path=path, person=person)


_ACCOUNT: Final = {
    **{name: f"/accounts/{name}/" for name in ("profile", "email", "sessions", "tokens")},
    **{name: f"/accounts/{name}/" for name in ("security", "export", "delete", "logout")},
    "password": "/accounts/password/change/",
    "links": "/accounts/3rdparty/",
    "two-factor": "/accounts/2fa/",
    "plan": "/plan/",
}
_ADMIN: Final = {
    "index": "",
    "users": "accounts/user/",
    "accounts": "billing/account/",
    "dashboard": "billing/dashboard/",
    "limits": "billing/tierlimit/",
    "prices": "billing/price/",
    "grants": "billing/grant/",
    "runs": "chat/run/",
    "threads": "chat/thread/",
    "models": "chat/agentmodel/",
    "add-model": "chat/agentmodel/add/",
    "connections": "chat/connections/",
    "letters": "chat/deadletter/",
    "usage": "chat/dailyusage/",
    "tools": "chat/mcpserver/",
    "audit": "accounts/auditevent/",
}
SHOTS: Final = (
    _plain("landing", "/", Person.STRANGER),
    _plain("guide", "/guide/", Person.STRANGER),
    _plain("sign-up", "/accounts/signup/", Person.STRANGER),
    Shot(
        page="sign-up",
        state="refused",
        path="/accounts/signup/",
        person=Person.STRANGER,
        act=send_weak_password,
    ),
    _plain("sign-in", "/accounts/login/", Person.STRANGER),
    Shot(
        page="sign-in",
        state="refused",
        path="/accounts/login/",
        person=Person.STRANGER,
        act=fail_to_sign_in,
    ),
    _plain("password-reset", "/accounts/password/reset/", Person.STRANGER),
    _plain("nothing-here", "/chat/nowhere/"),
    _plain("api-reference", "/api/docs"),
    Shot(page="chat", state="empty", path="/chat/"),
    Shot(page="chat", state="operator", path="/chat/", person=Person.OPERATOR),
    Shot(page="chat", state="answer", path="/chat/{answer}/"),
    Shot(page="chat", state="tool", path="/chat/{answer}/", act=open_first_card),
    Shot(page="chat", state="approval", path="/chat/", act=ask_for_approval),
    Shot(page="chat", state="failed", path="/chat/", person=Person.UNLUCKY, act=fail),
    Shot(page="chat", state="limit", path="/chat/", person=Person.LIMITED, act=send_over_limit),
    Shot(page="chat", state="streaming", path="/chat/", act=connections.stream),
    Shot(page="chat", state="waiting", path="/chat/", act=let_wait),
    Shot(page="chat", state="connecting", path="/chat/{answer}/", act=connections.connect),
    Shot(page="chat", state="degraded", path="/chat/{answer}/", act=connections.degrade),
    Shot(page="chat", state="offline", path="/chat/{answer}/", act=lose_network),
    Shot(page="chat", state="too-long", path="/chat/", act=write("word " * 2_100)),
    Shot(page="chat", state="commands", path="/chat/", act=write("/")),
    Shot(page="chat", state="palette", path="/chat/", act=press("Control+K")),
    Shot(page="chat", state="help", path="/chat/", act=open_help),
    Shot(page="chat", state="menu", path="/chat/", act=open_account_menu),
    Shot(page="chat", state="settings", path="/chat/", act=open_settings),
    *(_plain(name, path) for name, path in _ACCOUNT.items()),
    Shot(page="plan", state="used-up", path="/plan/", person=Person.LIMITED),
    *(
        Shot(page="admin", state=name, path=f"/admin/{path}", person=Person.OPERATOR)
        for name, path in _ADMIN.items()
    ),
)
