"""The main job in a browser: an export goes in, a streamed, true and stored answer comes out."""

import csv
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings
from playwright.async_api import expect

from chat.database import in_database
from chat.models import Message
from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import STEADY, Person

pytestmark = BROWSER_JOURNEY
VARIABLES = STEADY

SAMPLE = settings.BASE_DIR / "chat/static/chat/sample-usage.csv"
QUESTION = "Where does the money go?"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
HEADLINE = re.compile(
    r"Total spend: \$(?P<total>[\d.,]+).* for (?P<requests>[\d,]+) requests"
    r".* goes to `(?P<model>[^`]+)`: \$(?P<top>[\d.,]*\d)"
)


@dataclass(frozen=True, slots=True)
class Spend:
    total: Decimal
    top_model: str
    top_spend: Decimal
    requests: int


def spend_in(export: str) -> Spend:
    """The sums of an export, computed here and not by the code under test."""
    rows = list(csv.DictReader(export.splitlines()))
    by_model: dict[str, Decimal] = {}
    for row in rows:
        model = row["model"]
        by_model[model] = by_model.get(model, Decimal(0)) + Decimal(row["cost_usd"])
    top = max(by_model, key=lambda model: by_model[model])
    return Spend(sum(by_model.values(), Decimal(0)), top, by_model[top], len(rows))


def first_rows(count: int) -> str:
    lines = SAMPLE.read_text().splitlines()
    return "\n".join(lines[: count + 1])


async def stored_answers(thread_id: str) -> list[str]:
    """The answers of a thread as the database has them, in order."""
    answers = Message.objects.filter(thread__public_id=thread_id, role="assistant")
    return await in_database(lambda: list(answers.order_by("seq").values_list("text", flat=True)))


async def expect_stored(tab: Tab) -> list[str]:
    """The page shows what the store holds, now and after a reload; gives the answers' texts."""
    await tab.expect_end()
    stored = await stored_answers(tab.thread_id)
    rendered = [await tab.rendered(text) for text in stored]
    assert await tab.shown() == rendered
    await tab.page.reload()
    await tab.expect_end()
    assert await tab.shown() == rendered
    return stored


def assert_true(answer: str, spend: Spend) -> None:
    """The headline's figures are those of the export, each to the digits it shows."""
    shown = HEADLINE.search(answer)
    assert shown is not None, answer
    assert (shown["model"], shown["requests"]) == (spend.top_model, f"{spend.requests:,}")
    for text, true in ((shown["total"], spend.total), (shown["top"], spend.top_spend)):
        figure = Decimal(text.replace(",", ""))
        assert figure == true.quantize(figure, ROUND_HALF_UP)


async def test_a_pasted_export_is_answered_and_the_answer_outlives_a_reload(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("ada")
    tab = await visits.open()
    await tab.go("/chat/")
    await tab.page.get_by_label("Email").fill(person.email)
    await tab.page.get_by_label("Password").fill(person.password)
    await tab.button("Sign in").click()
    await tab.expect_status("ready")
    export = first_rows(80)

    await tab.paste(f"{QUESTION}\n\n{export}")
    await tab.button("Send").click()
    await expect(tab.button("Show all")).to_have_attribute("aria-expanded", "false")
    before = await tab.expect_text(200)
    thinking = await tab.witnessed("thinking")
    assert "true" in thinking
    assert thinking[-1] == "false"

    await tab.page.reload()
    after = await tab.expect_text(len(before))
    # Before the first table: a row of it may be drawn while it is still half a line.
    assert after.startswith(before[:100])
    assert await tab.answers.count() == await tab.questions.count() == 1
    [answer] = await expect_stored(tab)
    assert_true(answer, spend_in(export))
    assert await tab.answers.count() == await tab.questions.count() == 1


async def test_a_tool_is_shown_at_work_and_then_done(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("babbage")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    # Its first tool takes a second: others are often done before the page is drawn.
    await tab.ask("/demo")
    await expect(tab.message).to_have_value("")
    await expect(tab.page.get_by_role("option")).to_have_count(0)
    card = tab.answers.locator(".tool-card").first
    await expect(card).to_have_attribute("data-status", "ok")
    assert await tab.witnessed("card") == ["running", "ok"]


async def test_a_long_paste_a_chosen_and_a_dropped_file_become_attachments(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("boole")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    attachments = tab.page.get_by_role("list", name="Attachments").get_by_role("listitem")

    await tab.paste(SAMPLE.read_text())
    await expect(attachments).to_have_text(re.compile("pasted.csv"))
    await expect(tab.message).to_have_value("")
    await tab.button("Remove pasted.csv").click()
    await expect(attachments).to_have_count(0)

    async with tab.page.expect_file_chooser() as chooser:
        await tab.button("Add files").click()
    await (await chooser.value).set_files(SAMPLE)
    await expect(attachments).to_have_text(re.compile(SAMPLE.name))
    await drop(tab, name="dropped.csv", content=first_rows(3))
    await expect(attachments).to_have_count(2)
    await tab.button("Remove dropped.csv").click()

    await tab.ask(QUESTION)
    await expect(tab.questions.last).to_contain_text(SAMPLE.name)
    [answer] = await expect_stored(tab)
    assert_true(answer, spend_in(SAMPLE.read_text()))
    await expect(tab.questions.last).to_contain_text(SAMPLE.name)


async def drop(tab: Tab, *, name: str, content: str) -> None:
    """Drop a file on the window."""
    transfer = await tab.page.evaluate_handle(
        """([name, content]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([content], name, { type: "text/csv" }));
          return transfer;
        }""",
        [name, content],
    )
    for event in ("dragenter", "dragover", "drop"):
        await tab.page.dispatch_event("main", event, {"dataTransfer": transfer})


async def test_stop_keeps_the_text_and_the_next_message_is_answered(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("curie")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    question = f"{QUESTION}\n\n{first_rows(60)}"

    await tab.ask(question)
    await tab.expect_text(100)
    await tab.button("Stop").click()
    await expect(tab.answers.last).to_contain_text("Stopped")
    await expect(tab.button("Stop")).to_be_hidden()
    [stopped] = await expect_stored(tab)
    assert len(stopped) >= 100

    await tab.ask(question)
    await expect(tab.answers).to_have_count(2)
    await tab.expect_text(100)
    await tab.page.keyboard.press("Escape")
    await expect(tab.answers.last).to_contain_text("Stopped")

    await tab.ask("What is 6 * 7?")
    await expect(tab.answers.last).to_contain_text("42")
    await tab.expect_end()


async def test_two_tabs_show_the_same_and_each_message_once(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("darwin")
    first = await visits.open(person.cookie(visits.servers))
    await first.chat()
    second = await visits.beside(first)
    await second.chat()

    await first.ask("What is 12 * 12?")
    await expect(second.threads).to_have_text([re.compile("What is 12")])
    await second.threads.first.click()
    await expect(second.questions).to_have_text([re.compile("What is 12")])
    await second.ask("What is 13 * 13?")
    for tab in (first, second):
        await expect(tab.answers).to_have_count(2)
        await tab.expect_end()
        await expect(tab.answers.last).to_contain_text("169")
        await expect(tab.questions).to_have_text(
            [re.compile("What is 12"), re.compile("What is 13")]
        )
        await expect(tab.threads).to_have_count(1)
    await first.button("New thread").click()
    await first.ask("What is 2 + 2?")
    await expect(second.threads).to_have_text([re.compile("What is 2"), re.compile("What is 12")])


async def test_hostile_text_and_file_names_stay_text(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("eve")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    export = f"model,cost_usd,user\n{HOSTILE},1.50,{HOSTILE}\n[x](javascript:alert(3)),0.25,bob\n"
    name = f"{HOSTILE.replace('/', '_')}.csv"

    await drop(tab, name=name, content=export)
    await tab.ask(f"{HOSTILE} where does the money go? [y](javascript:alert(4))")
    await tab.expect_end()
    await tab.answers.last.locator(".tool-card summary").click()
    await expect(tab.answers.last).to_contain_text("alert(1)")
    await expect(tab.questions.last).to_contain_text(HOSTILE)
    await expect(tab.questions.last).to_contain_text(name)
    await expect(tab.threads.first).to_contain_text("<img")
    await expect_stored(tab)
    assert await tab.page.locator("article :is(img, script, [onerror])").count() == 0
    assert await tab.page.locator("a[href^='javascript:' i]").count() == 0
