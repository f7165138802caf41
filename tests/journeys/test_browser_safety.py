"""Whatever a model, a tool or a file says: no script, no request elsewhere, no page that stands."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from playwright.async_api import Request, expect

from chat.database import in_database
from chat.models import Thread
from tests.journeys import hostile
from tests.journeys.browser import BROWSER_JOURNEY, Between, Tab, Visits
from tests.journeys.conftest import Person

pytestmark = BROWSER_JOURNEY

# A page that does not answer for so long is frozen; a busy machine is not ours.
FREEZE_MS: Final = 20_000
WINDOW: Final[Any] = {"width": 1000, "height": 700}

# Draws one text as an answer that grows and ends; gives what is wrong with what came of it.
DRAW = """async (text) => {
  const { Markdown } = await import("/static/chat/markdown.js");
  const region = document.getElementById("conversation");
  const article = document.createElement("article");
  article.className = "message message--assistant";
  const prose = document.createElement("div");
  prose.className = "message__text prose";
  article.append(prose);
  region.querySelector(".conversation__list").append(article);
  const children = document.body.children.length;
  const markdown = new Markdown(prose);
  let longest = 0;
  const timed = async (act) => {
    const began = performance.now();
    act();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    longest = Math.max(longest, performance.now() - began);
  };
  await timed(() => markdown.update(text.slice(0, text.length / 2)));
  await timed(() => markdown.update(text));
  await timed(() => markdown.finish(text));
  if (text.includes("\\\\")) for (let frames = 0; frames < 3; frames += 1) await timed(() => {});
  const faults = globalThis.faultsIn(article);
  if (document.body.children.length !== children) faults.push("the page has more in it");
  if (region.scrollWidth > region.clientWidth) faults.push("wider than the conversation");
  article.remove();
  return { longest, faults };
}"""
# What nothing may hold that others have written; our own controls and drawn formulas apart.
FAULTS = """globalThis.faultsIn = (root) => {
  const faults = [];
  const fault = (node, words) => faults.push(`${words}: ${node.outerHTML.slice(0, 200)}`);
  const address = /^(https?:|mailto:)/;
  for (const node of root.querySelectorAll("*")) {
    const isOurs = node.closest("button, summary, .katex, .chart, .editor, .icon") !== null;
    const inert = "a b bdi blockquote br code dd del details div dl dt em figcaption figure h1 h2 "
      + "h3 h4 h5 h6 hr li ol p pre s section span strong table tbody td th thead tr ul";
    if (!isOurs && !inert.split(" ").includes(node.localName)) fault(node, "element");
    for (const { name, value } of node.attributes) {
      if (name.startsWith("on") || ["id", "name", "srcdoc", "action"].includes(name)) {
        if (!node.closest(".editor")) fault(node, name);
      }
      if (name === "style" && !isOurs) fault(node, name);
      if (name === "href" && !(address.test(value) || value.startsWith("/"))) fault(node, value);
      if (name === "src") fault(node, value);
    }
    const leaves = node.href && new URL(node.href).origin !== location.origin;
    if (leaves && node.rel !== "noopener noreferrer nofollow") fault(node, "rel");
  }
  return faults;
};"""

# Opens all that is folded in an answer, one after the other; gives how long each took.
OPEN = """async (answer) => {
  const took = {};
  for (const [index, summary] of [...answer.querySelectorAll("summary")].entries()) {
    const began = performance.now();
    summary.click();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    took[`${index} ${summary.textContent.slice(0, 30)}`] = performance.now() - began;
  }
  return took;
}"""


def leaving(tab: Tab) -> list[str]:
    """The requests of a tab, from now on, that go anywhere but to our own servers."""
    found: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((tab.servers.base_url, "data:", "blob:")):
            found.append(request.url)

    tab.page.on("request", note)
    return found


async def test_no_hostile_text_becomes_more_than_text(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("mallory")
    tab = await visits.open(person.cookie(visits.servers), viewport=WINDOW)
    left = leaving(tab)
    await tab.page.context.add_init_script(FAULTS)
    await tab.chat()

    found = {name: await tab.page.evaluate(DRAW, text) for name, text in hostile.PAYLOADS.items()}

    assert {name: each["faults"] for name, each in found.items() if each["faults"]} == {}
    slow = {name: each["longest"] for name, each in found.items() if each["longest"] > FREEZE_MS}
    assert slow == {}
    assert await tab.page.evaluate("globalThis.hacked") is None
    assert left == []


async def test_a_thread_whose_every_text_is_hostile_is_only_read(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("trudy")
    thread = await in_database(
        lambda: Thread.objects.create(user=person.user, title=hostile.SHORT).public_id
    )
    tab = await visits.open(person.cookie(visits.servers), viewport=WINDOW)
    left = leaving(tab)
    await tab.page.context.add_init_script(FAULTS)
    told = {"subscribe": [hostile.snapshot(thread)]}
    await Between(lambda frame: told.get(frame["type"])).join(tab)
    await tab.chat(f"/chat/{thread}/")
    await expect(tab.answers).to_have_count(1)
    opened = await tab.answers.last.evaluate(OPEN)

    assert {name: took for name, took in opened.items() if took > FREEZE_MS} == {}
    await expect(tab.answers.locator(".tool-card__body:visible")).to_have_count(3)
    await expect(tab.threads.first).to_contain_text("<img")
    assert await tab.answers.last.evaluate("faultsIn") == []
    assert await tab.questions.last.evaluate("faultsIn") == []
    assert await tab.page.evaluate("globalThis.hacked") is None
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == WINDOW["width"]
    assert left == []
