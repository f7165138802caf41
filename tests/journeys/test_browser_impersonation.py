"""Staff look at an account as its user, in a browser: the banner is never out of sight."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from django.contrib.auth.models import Group
from playwright.async_api import expect

from accounts.models import User
from chat.database import in_database
from tests.journeys.browser import BROWSER_JOURNEY, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import violations

pytestmark = BROWSER_JOURNEY

PHONE: Any = {"width": 390, "height": 844}
PLACES: Final[dict[str, Literal["light", "dark"]]] = {
    "/accounts/security/": "light",
    "/plan/": "dark",
    "/accounts/export/": "dark",  # refused
}


def join_support(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.set(Group.objects.filter(name="support"))


async def test_staff_look_with_a_banner_and_can_send_nothing(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    hers, support = await newcomer("goeppert"), await newcomer("support")
    await in_database(join_support, support.user)
    user = await visits.open(hers.cookie(visits.servers))
    await user.chat()
    await user.ask("What is 6 * 7?")
    await user.expect_end()

    tab = await visits.open(support.cookie(visits.servers))
    await tab.go(f"/admin/accounts/user/?q={hers.email}")
    await tab.page.get_by_role("checkbox").last.check()
    await tab.page.get_by_label("Action:").select_option("look")
    await tab.page.get_by_label("Reason:").fill("They see no threads")
    await tab.button("Go").click()
    banner = tab.page.get_by_role("form", name="Looking at an account")
    await expect(banner).to_contain_text(f"looking as {hers.email}")
    await tab.threads.first.click()
    await expect(tab.answers.first).to_contain_text("42")
    await tab.page.set_viewport_size(PHONE)
    for place, scheme in PLACES.items():
        await tab.page.emulate_media(color_scheme=scheme)
        await tab.go(place)
        await expect(banner).to_be_in_viewport()
        assert await tab.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert await violations(tab) == []
    await banner.get_by_role("button", name="End").click()
    await expect(tab.page.get_by_role("heading", name="Select user to change")).to_be_visible()
    await tab.go("/accounts/email/")
    await expect(banner).to_have_count(0)
    # The page that is refused, and the icon that Django's admin has none of.
    tab.forgive(re.compile(r"responded with a status of 40[34] "))
