"""Coming in and going out in a browser: mailed codes, passwords, and sockets that end with them."""

from collections.abc import Awaitable, Callable

from playwright.async_api import expect

from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person, Site

pytestmark = BROWSER_JOURNEY

NEW_PASSWORD = "Another-horse-8-staple"


async def fill(tab: Tab, **fields: str) -> None:
    """Fill in fields of a form by what their labels say."""
    for label, value in fields.items():
        await tab.page.get_by_label(label.replace("_", " ")).fill(value)


async def sign_in(tab: Tab, email: str, password: str) -> None:
    await fill(tab, Email=email, Password=password)
    await tab.button("Sign in").click()


async def test_a_newcomer_signs_up_with_the_code_from_the_mail(visits: Visits, site: Site) -> None:
    email = "lovelace@example.com"
    tab = await visits.open()
    await tab.go("/")
    await tab.page.get_by_role("link", name="Create an account").click()
    await fill(tab, Email=email, Password="weak")
    await tab.button("Create account").click()
    await expect(tab.page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")

    await fill(tab, Email=email.upper(), Password=NEW_PASSWORD)
    await tab.button("Create account").click()
    mail = site.mail.newest_to(email, about="code")
    await fill(tab, Code="WRNG-CODE")
    await tab.button("Confirm").click()
    await expect(tab.page.get_by_text("This code is not right")).to_be_visible()
    await fill(tab, Code=mail.code)
    await tab.button("Confirm").click()

    await tab.expect_status("ready")
    await tab.ask("What is 4 * 11?")
    await tab.expect_end()
    await expect(tab.answers.last).to_contain_text("44")


async def test_a_forgotten_password_is_replaced_by_a_code(
    visits: Visits, site: Site, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("meitner")
    tab = await visits.open()
    await tab.go("/accounts/login/")
    await sign_in(tab, person.email, NEW_PASSWORD)
    await expect(
        tab.page.get_by_text("The email address or the password is not right")
    ).to_be_visible()

    await tab.page.get_by_role("link", name="Forgot").click()
    await fill(tab, Email=person.email)
    await tab.button("Send the code").click()
    await fill(tab, Code=site.mail.newest_to(person.email, about="password").code)
    await tab.button("Confirm").click()
    await expect(tab.page.get_by_role("heading", name="Choose a new password")).to_be_visible()
    for field in await tab.page.locator("input[type=password]").all():
        await field.fill(NEW_PASSWORD)
    await tab.button("Save the password").click()
    await expect(tab.page.get_by_text("Your password is saved")).to_be_visible()
    await tab.page.get_by_role("link", name="Sign in", exact=True).click()
    await sign_in(tab, person.email, NEW_PASSWORD)
    await tab.expect_status("ready")


async def test_signing_out_ends_the_other_tabs_and_leads_back_in(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("noether")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    other = await visits.beside(tab)
    await other.chat()

    await tab.page.locator("summary").filter(has_text=person.email).click()
    await tab.button("Sign out").click()
    await expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await other.expect_status("offline")
    await expect(other.page.get_by_text("You are signed out.")).to_be_visible()

    await other.page.get_by_role("link", name="Sign in").click()
    await sign_in(other, person.email, person.password)
    await other.expect_status("ready")
