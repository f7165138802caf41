"""One's own account in a browser: its menu, sessions, two-factor, export and deletion."""

import io
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Literal
from zipfile import ZipFile

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.async_api import expect

from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person, Site
from tests.journeys.test_browser_access import violations
from tests.journeys.test_browser_accounts import fill, sign_in

pytestmark = BROWSER_JOURNEY

PHONE: Any = {"width": 390, "height": 844}
PAGES: Final = ("email", "password/change", "3rdparty", "2fa", "sessions", "export", "delete")
Newcomer = Callable[[str], Awaitable[Person]]


def code(secret: str, *, later: int = 0) -> str:
    """What the app shows now, or some steps of half a minute later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later)))


async def menu(tab: Tab, name: str) -> None:
    links = tab.page.get_by_role("navigation", name="Account")
    await links.get_by_role("link", name=name, exact=True).click()


async def test_a_session_signed_out_from_another_device_is_told_at_once(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("hodgkin")
    left_open = await visits.open(person.cookie(visits.servers))
    await left_open.chat()
    mine = await visits.open(person.cookie(visits.servers))
    await mine.chat()
    beside = await visits.beside(mine)
    await beside.go("/accounts/sessions/")
    await expect(beside.page.get_by_text("This one")).to_be_visible()
    await beside.page.get_by_role("button", name="Sign out everywhere else").click()
    await expect(beside.page.get_by_text("Signed out everywhere else (1)")).to_be_visible()
    await expect(left_open.page.get_by_text("You are signed out.")).to_be_visible()
    await mine.expect_status("ready")


async def test_two_factor_is_set_up_and_asked_for(
    visits: Visits, site: Site, newcomer: Newcomer
) -> None:
    person = await newcomer("lamarr")
    tab = await visits.open(viewport=PHONE)
    await tab.go("/accounts/login/")
    await sign_in(tab, person.email, person.password)
    await tab.expect_status("ready")
    await tab.go("/accounts/2fa/")
    await tab.page.get_by_role("link", name="Set up an app").click()
    secret = await tab.page.locator("code.secret").inner_text()
    await fill(tab, Authenticator_code=code(secret))
    await tab.button("Turn on").click()
    codes = await tab.page.get_by_role("list", name="Unused codes").get_by_role("listitem").all()
    assert len(codes) == 10
    recovery = await codes[0].inner_text()
    assert "asks for a code" in site.mail.newest_to(person.email, about="two-factor").text

    other = await visits.open()
    for answer in (code(secret, later=1), recovery):
        await other.page.context.clear_cookies()
        await other.go("/accounts/login/")
        await sign_in(other, person.email, person.password)
        await fill(other, Code=answer)
        await other.button("Sign in").click()
        await other.expect_status("ready")


async def test_all_data_is_exported_and_then_the_account_deleted(
    visits: Visits, newcomer: Newcomer, tmp_path: Path
) -> None:
    person = await newcomer("curie")
    tab = await visits.open()
    await tab.go("/accounts/login/")
    await sign_in(tab, person.email, person.password)
    await tab.expect_status("ready")
    await tab.ask("What is 4 * 11?")
    await tab.expect_end()
    beside = await visits.beside(tab)
    await beside.go("/accounts/email/")
    await menu(beside, "Export")
    async with beside.page.expect_download() as begun:
        await beside.button("Download the zip").click()
    download = await begun.value
    zipped = ZipFile(io.BytesIO(Path(await download.path()).read_bytes()))
    told = [zipped.read(name).decode() for name in zipped.namelist() if name.endswith(".md")]
    assert ["What is 4 * 11?" in text and "44" in text for text in told] == [True]

    await menu(beside, "Delete")
    await fill(beside, Your_email_address="somebody@example.com")
    await beside.button("Delete my account for ever").click()
    await expect(beside.page.get_by_text("not the address of your account")).to_be_visible()
    await fill(beside, Your_email_address=person.email)
    await beside.button("Delete my account for ever").click()
    await expect(beside.page.get_by_role("heading", name="Your account is deleted")).to_be_visible()
    await expect(tab.page.get_by_text("You are signed out.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_fits_a_phone_and_axe_finds_nothing_serious(
    scheme: Literal["light", "dark"], visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer(f"meitner-{scheme}")
    tab = await visits.open(person.cookie(visits.servers), viewport=PHONE, color_scheme=scheme)
    found = []
    for place in (*PAGES, "2fa/app/on"):
        await tab.go(f"/accounts/{place}/")
        assert await tab.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        current = tab.page.get_by_role("navigation", name="Account").locator("[aria-current=page]")
        await expect(current).to_have_count(1)
        found += await violations(tab)
    assert found == []
