"""What an answer is made of, a thread of years, and what is heard of both."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from playwright.async_api import Locator, expect

from chat.database import in_database
from chat.models import Feedback
from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person
from tests.journeys.long_threads import long_thread
from tests.journeys.test_browser_access import violations

pytestmark = BROWSER_JOURNEY

# As narrow as 1 280 px at 400 %.
NARROW: Final[Any] = {"width": 320, "height": 640}
LINES: Final = 90
ROWS: Final = 130
RICH: Final = "\n\n".join(
    [
        r"A fraction \(\frac{1}{2}\) costs $5 or $6.",
        r"\[ E = mc^2 \]",
        "```python\n" + "\n".join(f"line_{number} = {number}" for number in range(LINES)) + "\n```",
        "| name | amount |\n|---|--:|\n" + "\n".join(f"| n{n} | {n} |" for n in range(ROWS)),
        "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
        f"A word without end: {'x' * 400}",
    ]
)

# Lets an answer of several parts grow; gives what is other than if it had come at once.
GROW = """async () => {
  const { Markdown } = await import("/static/chat/markdown.js");
  const section = "# One\\n\\nSome *words*\\nof it.\\n\\n- a\\n- b\\n\\n";
  const code = "```\\nx = 1\\n\\ny\\n```\\n\\n";
  const text = `${section}${code}| a | b |\\n|---|--:|\\n| 1 | 2 |\\n\\n> quoted\\n\\n`.repeat(8);
  const [grown, whole] = [document.createElement("div"), document.createElement("div")];
  const faults = [];
  const markdown = new Markdown(grown);
  let first = [];
  for (let end = 5; end < text.length + 5; end += 5) {
    markdown.update(text.slice(0, end));
    if (first.length === 0 && grown.children.length === 2) first = [...grown.firstChild.children];
  }
  markdown.finish(text);
  new Markdown(whole).finish(text);
  if (first.length < 10 || first.some((node, at) => node !== grown.firstChild.children[at])) {
    faults.push("a finished block is another one");
  }
  const blocks = (root) => [...root.children].flatMap((part) => [...part.children]);
  const written = (root) => blocks(root).map((node) => node.outerHTML).join("\\n");
  if (written(grown) !== written(whole)) faults.push(`${written(grown)} is not ${written(whole)}`);
  return faults;
}"""


async def clipboard(tab: Tab) -> str:
    text: str = await tab.page.evaluate("navigator.clipboard.readText()")
    return text


async def height_of(part: Locator) -> float:
    box = await part.bounding_box()
    assert box is not None
    return box["height"]


async def test_formulas_code_and_tables_can_be_read_and_copied(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("euler")
    thread = await in_database(long_thread, person.user, [RICH])
    tab = await visits.open(person.cookie(visits.servers), viewport=NARROW)
    await tab.chat(f"/chat/{thread}/")
    answer = tab.answers.last
    await answer.locator(".prose__part > p").first.scroll_into_view_if_needed()
    await expect(answer.locator(".katex-mathml math")).to_have_count(2)
    await expect(answer.locator(".prose__part > p").first).to_contain_text("costs $5 or $6.")

    code = answer.locator(".code")
    await expect(code).to_contain_text(f"python · {LINES} lines")
    await expect(code.locator(".hljs-number")).to_have_count(LINES)
    folded = await height_of(code)
    await code.get_by_role("button", name=f"Show all {LINES} lines").click()
    await expect(code.get_by_role("button", name="Show less")).to_be_visible()
    assert await height_of(code) > 2 * folded
    await code.get_by_role("button", name="Copy", exact=True).click()
    assert (await clipboard(tab)).splitlines()[-1] == f"line_{LINES - 1} = {LINES - 1}"
    await code.get_by_role("button", name="Wrap long lines").click()

    table = answer.locator(".table")
    await expect(table).to_contain_text(f"The first 100 of {ROWS} rows.")
    await table.get_by_role("button", name=f"Show {ROWS - 100} more").click()
    await expect(table.locator("tbody tr")).to_have_count(ROWS)
    await table.get_by_role("button", name="Copy as CSV").click()
    assert (await clipboard(tab)).splitlines()[:2] == ["name,amount", "n0,0"]
    await answer.locator(".prose__part > p").first.evaluate(
        "(node) => getSelection().selectAllChildren(node)"
    )
    await tab.page.keyboard.press("Control+C")
    assert (await clipboard(tab)).strip() == r"A fraction \(\frac{1}{2}\) costs $5 or $6."
    arabic = answer.locator(".prose__part > p", has_text="\u0645")
    assert await arabic.evaluate("(node) => getComputedStyle(node).direction") == "rtl"
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    assert await tab.page.evaluate(GROW) == []
    assert await violations(tab) == []
    await tab.page.reload()
    await expect(code.get_by_role("button", name="Wrap long lines")).to_have_attribute(
        "aria-pressed", "true"
    )


async def top_of(message: Locator) -> float:
    box = await message.bounding_box()
    assert box is not None
    return box["y"]


async def test_a_long_thread_is_read_back_to_its_beginning_and_nothing_jumps(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("proust")
    answers = [f"answer {number}\n\n{'Some words. ' * (number % 40)}" for number in range(1, 121)]
    thread = await in_database(long_thread, person.user, answers)
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat(f"/chat/{thread}/")
    await expect(tab.answers).to_have_count(50)
    await tab.expect_at_end()
    await expect(tab.answers.last).to_be_in_viewport()

    oldest = tab.questions.filter(has=tab.page.get_by_text("question 71", exact=True))
    before = await oldest.evaluate(
        """async (node) => {
          const region = document.getElementById("conversation");
          region.scrollTop = 700;
          await new Promise((done) => requestAnimationFrame(done));
          return node.getBoundingClientRect().top;
        }"""
    )
    await expect(tab.answers).to_have_count(100)
    assert abs(await top_of(oldest) - before) < 4
    await tab.conversation.evaluate("(region) => { region.scrollTop = 0; }")
    await expect(tab.answers).to_have_count(120)
    await expect(tab.page.get_by_text("This is the beginning of the thread.")).to_be_attached()

    await tab.ask("What is 6 * 7?")
    await expect(tab.answers).to_have_count(121)
    await tab.expect_end()
    await expect(tab.answers.last).to_contain_text("42")
    # What is far from the screen keeps its place, but not its content.
    await expect(tab.questions.first).to_be_empty()
    await tab.questions.first.scroll_into_view_if_needed()
    await expect(tab.questions.first).to_contain_text("question 1")


async def test_what_somebody_thinks_of_an_answer_outlives_a_reload(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("kael")
    thread = await in_database(long_thread, person.user, ["It is so.", "It is not."])
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat(f"/chat/{thread}/")
    good, bad = (
        tab.answers.last.get_by_role("button", name=name) for name in ("Good answer", "Bad answer")
    )
    await bad.click()
    why = tab.page.get_by_role("dialog", name="What was wrong with the answer?")
    await why.get_by_label("It is wrong").check()
    await why.get_by_label("More about it (optional)").fill("It is so.")
    await why.get_by_role("button", name="Send").click()
    await expect(why).to_have_count(0)
    await expect(bad).to_be_focused()
    await expect(bad).to_have_attribute("aria-pressed", "true")
    await tab.page.reload()
    await expect(bad).to_have_attribute("aria-pressed", "true")
    kept = await in_database(lambda: Feedback.objects.get(run__user=person.user))
    assert (kept.rating, kept.reason, kept.comment) == ("down", "wrong", "It is so.")

    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await expect(bad).to_have_attribute("aria-pressed", "false")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "false")
    await tab.page.route("**/feedback", lambda route: route.abort())
    tab.faults.clear()
    await good.click()
    await expect(tab.answers.last).to_contain_text("The server does not answer.")
    await expect(good).to_have_attribute("aria-pressed", "false")
    tab.forgive(re.compile("ERR_FAILED"))


async def test_a_screen_reader_hears_whole_sentences_or_only_the_end(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("keller")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    heard = tab.page.locator("#announcer")
    await tab.ask("What is 6 * 7?")
    await expect(heard).to_have_text(re.compile(r"42.*The assistant has answered\."))
    await expect(heard).to_have_attribute("aria-live", "polite")
    assert await tab.answers.locator("[aria-live]:not(button *):not([role=status])").count() == 0

    await tab.page.evaluate("localStorage.setItem('netra.spoken', 'end')")
    await tab.page.reload()
    await tab.expect_status("ready")
    await expect(heard).to_be_empty()
    await tab.ask("What is 6 * 8?")
    await expect(tab.answers).to_have_count(2)
    await expect(heard).to_have_text("The assistant has answered.")
