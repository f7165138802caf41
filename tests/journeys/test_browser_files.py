"""Files in the page: pictures and PDFs added, refused, tried again, sent, looked at and kept."""

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import FilePayload, Locator, Route, expect

from tests.chat.pictures import pdf, picture
from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import PHONE, violations

pytestmark = BROWSER_JOURNEY
PHOTO: FilePayload = {
    "name": "photo.png",
    "mimeType": "image/png",
    "buffer": picture("png", (900, 600)),
}
REPORT: FilePayload = {
    "name": "report.pdf",
    "mimeType": "application/pdf",
    "buffer": pdf("Turnover rose."),
}
FAKE: FilePayload = {
    "name": "fake.png",
    "mimeType": "image/png",
    "buffer": b"<svg onload=alert(1)>",
}
# What a spreadsheet puts on the clipboard, and a screenshot: a picture with its text, and alone.
PASTE = """async (text) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 30 });
  canvas.getContext("2d").fillRect(0, 0, 20, 30);
  const blob = await new Promise((done) => canvas.toBlob(done));
  const data = new DataTransfer();
  data.items.add(new File([blob], "shot.png", { type: "image/png" }));
  if (text) data.setData("text/plain", text);
  const options = { clipboardData: data, bubbles: true, cancelable: true };
  const paste = new ClipboardEvent("paste", options);
  const field = document.getElementById("message");
  return field.dispatchEvent(paste);
}"""


async def test_pictures_and_pdfs_are_added_sent_shown_and_read(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("daguerre")
    tab = await visits.open(person.cookie(visits.servers), viewport=PHONE)
    await tab.chat()
    await add_files(tab)
    thumb = await send_and_reload(tab)
    await look_at_them(tab, thumb)
    assert tab.faults == []


async def add_files(tab: Tab) -> None:
    chosen = tab.page.locator("[data-part='file']")
    chips = tab.page.get_by_role("list", name="Attachments").get_by_role("listitem")

    # Refused by what it holds, then taken away; the focus stays in reach.
    await chosen.set_input_files([FAKE])
    await expect(chips).to_contain_text("holds something else than its name promises")
    await tab.button("Remove fake.png").click()
    await expect(chips).to_have_count(0)

    # Interrupted, then tried again.
    async def interrupt(route: Route) -> None:
        await route.abort()

    await tab.page.route("**/api/files", interrupt)
    await chosen.set_input_files([PHOTO])
    await expect(chips).to_contain_text("The upload was interrupted.")
    await tab.page.unroute("**/api/files")
    tab.forgive(re.compile("ERR_FAILED|415"))
    await tab.button("Try again").click()
    await expect(chips).to_have_attribute("data-status", "uploaded")
    await expect(chips.locator("img")).to_have_js_property("naturalWidth", 900)

    # Text of a spreadsheet stays text, a screenshot becomes a file.
    assert await tab.page.evaluate(PASTE, "a\tb")
    await expect(chips).to_have_count(1)
    assert not await tab.page.evaluate(PASTE, "")
    await expect(chips).to_have_count(2)
    await tab.button("Remove shot.png").click()
    await chosen.set_input_files([REPORT])
    await expect(chips.last).to_have_attribute("data-status", "uploaded")


async def send_and_reload(tab: Tab) -> Locator:
    """Ask about the files; gives the picture in the question, which a reload has kept."""
    await tab.ask("What does the pdf say?")
    await tab.expect_end()
    await expect(tab.answers.last).to_contain_text("Turnover rose.")
    thumb = tab.questions.last.get_by_role("button", name="Show photo.png")
    for _again in range(2):
        await thumb.wait_for()
        await thumb.scroll_into_view_if_needed()
        await expect(thumb.locator("img")).to_have_js_property("naturalWidth", 900)
        box = await thumb.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (258, 173)
        # Kept with the message.
        await tab.page.reload()
        await tab.expect_status("ready")
    return thumb


async def look_at_them(tab: Tab, thumb: Locator) -> None:
    await thumb.click()
    shown = tab.page.get_by_role("dialog", name="photo.png")
    await expect(shown).to_contain_text("900 × 600 pixels")
    assert await violations(tab) == []
    await tab.page.keyboard.press("Escape")
    await expect(shown).to_have_count(0)
    await expect(thumb).to_be_focused()
    async with tab.page.expect_download() as download:
        await tab.questions.last.get_by_role("link", name="report.pdf").click()
    assert (await download.value).suggested_filename == "report.pdf"
    width = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"], "the page scrolls sideways"
