"""Charts and sources of an answer: true, readable without seeing, at home in a narrow window."""

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import expect

from tests.journeys.browser import BROWSER_JOURNEY, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import PHONE, violations
from tests.journeys.test_browser_chat import QUESTION, SAMPLE, spend_in

pytestmark = BROWSER_JOURNEY


async def test_the_figures_of_a_chart_are_those_of_the_export(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("nightingale")
    tab = await visits.open(person.cookie(visits.servers), viewport=PHONE, color_scheme="dark")
    await tab.chat()
    async with tab.page.expect_file_chooser() as chooser:
        await tab.button("Add files").click()
    await (await chooser.value).set_files(SAMPLE)
    await tab.ask(QUESTION)
    await tab.expect_end()

    spend = spend_in(SAMPLE.read_text())
    figure = tab.answers.get_by_role("figure").filter(has_text="Spend by model")
    peak = re.compile(rf"highest \${spend.top_spend:,.2f} at {re.escape(spend.top_model)}")
    await expect(figure.get_by_role("img")).to_have_attribute("aria-label", peak)
    await expect(figure.locator("rect")).not_to_have_count(0)
    await figure.get_by_text("Show the numbers").click()
    row = figure.get_by_role("row").filter(has_text=spend.top_model)
    await expect(row.first).to_contain_text(f"{spend.top_spend:,.2f}")
    assert await violations(tab) == []
    width = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"], "the page scrolls sideways"
    await tab.page.reload()
    await expect(figure.get_by_role("img")).to_be_visible()


async def test_an_answer_from_the_documentation_lists_its_sources(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("gutenberg")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    await tab.ask("How do I add a tool to Netra?")
    await tab.expect_end()
    sources = tab.answers.get_by_role("region", name="Sources").get_by_role("listitem")
    await expect(sources.first).to_contain_text(".md")
    listed = await sources.all_inner_texts()
    await tab.page.reload()
    await tab.expect_end()
    await expect(sources).to_have_text(listed, use_inner_text=True)
