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
PAGES: Final = (
    "profile", "email", "password/change", "3rdparty", "2fa", "sessions", "tokens", "security",
    "export", "delete",
)  # fmt: skip
Newcomer = Callable[[str], Awaitable[Person]]


def code(secret: str, *, later: int = 0) -> str:
    """What the app shows now, or some steps of half a minute later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later)))


async def keep_passkeys(tab: Tab) -> None:
    """Give the tab a device that makes and uses passkeys without asking anybody."""
    devtools = await tab.page.context.new_cdp_session(tab.page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


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
    # A new password gives this browser another session, in which its other tabs go on.
    await beside.go("/accounts/password/change/")
    await fill(beside, Current_password=person.password)
    for field in await beside.page.get_by_label("New password").all():
        await field.fill("Another-horse-8-battery")
    await beside.button("Change password").click()
    await expect(beside.page.get_by_text("Your password is changed.")).to_be_visible()
    await mine.ask("What is 6 * 7?")
    await mine.expect_end()


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
    codes = tab.page.get_by_role("list", name="Unused codes").get_by_role("listitem")
    await expect(codes).to_have_count(10)
    recovery = await codes.first.inner_text()
    assert "asks for a code" in site.mail.newest_to(person.email, about="two-factor").text

    other = await visits.open()
    for answer in (code(secret, later=1), recovery):
        await other.page.context.clear_cookies()
        await other.go("/accounts/login/")
        await sign_in(other, person.email, person.password)
        await fill(other, Code=answer)
        await other.button("Sign in").click()
        await other.expect_status("ready")


async def test_a_passkey_is_made_named_used_and_removed(visits: Visits, newcomer: Newcomer) -> None:
    person = await newcomer("hamilton")
    tab = await visits.open(viewport=PHONE)
    await keep_passkeys(tab)
    place = f"http://localhost:{visits.servers.port}/accounts"
    await tab.page.goto(f"{place}/login/")
    await sign_in(tab, person.email, person.password)
    await tab.expect_status("ready")
    await tab.page.goto(f"{place}/2fa/")
    await tab.page.get_by_role("link", name="Add a passkey").click()
    await fill(tab, Name="My phone")
    await tab.button("Make the passkey").click()
    await expect(tab.page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    await tab.page.get_by_role("link", name="Done").click()
    await tab.page.get_by_role("link", name="Rename My phone").click()
    await fill(tab, Name="Old phone")
    await tab.button("Save").click()
    await expect(tab.page.get_by_role("list", name="Passkeys")).to_contain_text("Old phone")
    found = await violations(tab)

    for ask_password in (False, True):
        await tab.page.context.clear_cookies()
        await tab.page.goto(f"{place}/login/")
        if ask_password:
            await sign_in(tab, person.email, person.password)
            await tab.button("Use a passkey").click()
        else:
            await tab.button("Sign in with a passkey").click()
        await tab.expect_status("ready")

    await tab.page.goto(f"{place}/2fa/")
    await tab.page.get_by_role("link", name="Add a passkey").click()
    await tab.button("Make the passkey").click()
    await expect(tab.page.get_by_text("has a passkey for your account already")).to_be_visible()
    found += await violations(tab)
    await tab.page.goto(f"{place}/2fa/")
    await tab.page.get_by_role("link", name="Remove Old phone").click()
    await tab.button("Remove").click()
    await expect(tab.page.get_by_text("The passkey is removed")).to_be_visible()
    await expect(tab.page.get_by_role("list", name="Passkeys")).to_have_count(0)
    assert found == []


async def test_at_a_numeric_address_a_passkey_says_where_to_go(visits: Visits) -> None:
    tab = await visits.open()
    await tab.go("/accounts/login/")
    await tab.button("Sign in with a passkey").click()
    await expect(tab.page.get_by_text(f"http://localhost:{visits.servers.port}")).to_be_visible()


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


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.chaos)])
async def test_every_page_fits_a_phone_and_axe_finds_nothing_serious(
    scheme: Literal["light", "dark"], visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer(f"meitner-{scheme}")
    tab = await visits.open(person.cookie(visits.servers), viewport=PHONE, color_scheme=scheme)
    found = []
    for place in (*PAGES, "2fa/app/on", "2fa/passkeys/add"):
        await tab.go(f"/accounts/{place}/")
        assert await tab.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        current = tab.page.get_by_role("navigation", name="Account").locator("[aria-current=page]")
        await expect(current).to_have_count(1)
        found += await violations(tab)
    assert found == []
