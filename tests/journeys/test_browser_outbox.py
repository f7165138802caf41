"""What is written is not lost: closed tabs, two tabs, two users, refusals, browsers that forget."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import expect

from chat.database import in_database
from chat.models import Message
from tests.journeys.browser import BROWSER_JOURNEY, NO_SERVER, Between, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_faults import roles_of

pytestmark = BROWSER_JOURNEY

PENDING = re.compile("pending")
# As browsers do it in some private windows.
REFUSES_STORAGE = """
  indexedDB.open = () => { throw new DOMException("refused", "SecurityError"); };
"""
# What FILL needs, while there is a network.
LOAD = """() => Promise.all(
  ["indexed_store", "entries"].map((name) => import(`/static/chat/${name}.js`)),
)"""
# The outbox of the page's user, filled as far as it goes by what another window left.
FILL = """async (user_id) => {
  const { IndexedStore } = await import("/static/chat/indexed_store.js");
  const { ENTRIES_MAX, added } = await import("/static/chat/entries.js");
  const store = new IndexedStore(indexedDB);
  const entry = { key: "thread_1_gone00", thread_id: "thread_1_gone00", text: "old", files: [] };
  await store.change(user_id, (entries) => {
    let list = entries;
    while (list.length < ENTRIES_MAX)
      list = added(list, { ...entry, client_id: `old-${list.length}`, mode: "queue" });
    return list;
  });
}"""


def swallow_sends(frame: dict[str, Any]) -> list[dict[str, Any]] | None:
    return [] if frame["type"] == "send" else None


class Refusing:
    """Refuses the first send with what is given, and lets everything else pass."""

    def __init__(self, **error: Any) -> None:
        self.error = error
        self.refused = False

    def __call__(self, frame: dict[str, Any]) -> list[dict[str, Any]] | None:
        if self.refused or frame["type"] != "send":
            return None
        self.refused = True
        return [{"type": "error", "client_id": frame["client_id"], "retryable": True, **self.error}]


async def texts_of(person: Person) -> list[str]:
    """What the store has of a person's own messages, in order."""
    messages = Message.objects.filter(thread__user=person.user, role="user").order_by("pk")
    return await in_database(lambda: list(messages.values_list("text", flat=True)))


async def test_a_send_without_a_server_outlives_its_tab_and_is_answered_once(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    servers = visits.servers
    person = await newcomer("avogadro")
    tab = await visits.open(person.cookie(servers))
    await tab.chat()

    servers.kill("web")
    await tab.ask("What is 9 * 9?")
    await expect(tab.message).to_have_value("")
    await expect(tab.questions.last).to_contain_text(PENDING)
    await tab.page.close()
    servers.start_web()
    again = await visits.beside(tab)
    await again.chat()

    await expect(again.questions).to_have_count(1)
    await expect(again.answers).to_contain_text("81")
    await again.expect_end()
    assert await roles_of(again.thread_id) == ["user", "assistant"]
    assert await texts_of(person) == ["What is 9 * 9?"]
    tab.forgive(NO_SERVER)


async def test_what_one_user_left_unsent_is_theirs_alone(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    first, second = await newcomer("bohr"), await newcomer("born")
    tab = await visits.open(first.cookie(visits.servers))
    await tab.chat()
    context = tab.page.context
    await context.set_offline(True)
    await tab.ask("What is 7 * 8?")
    await expect(tab.questions.last).to_contain_text(PENDING)
    await tab.page.close()
    await context.set_offline(False)

    await visits.sign_in(context, second.cookie(visits.servers))
    other = await visits.beside(tab)
    await other.chat()
    await expect(other.questions).to_have_count(0)
    await other.page.close()
    await visits.sign_in(context, first.cookie(visits.servers))
    back = await visits.beside(tab)
    await back.chat()
    await expect(back.answers).to_contain_text("56")
    assert (await texts_of(first), await texts_of(second)) == (["What is 7 * 8?"], [])


async def test_of_two_tabs_one_sends_and_the_other_takes_over_when_it_is_closed(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("cavendish")
    first = await visits.open(person.cookie(visits.servers))
    await first.chat()
    await first.ask("What is 2 * 3?")
    await first.expect_end()
    lost, heard = Between(swallow_sends), Between(lambda frame: None)
    await lost.join(first)
    await first.page.reload()
    await first.expect_status("ready")
    second = await visits.beside(first)
    await heard.join(second)
    await second.chat(f"/chat/{first.thread_id}/")

    await first.ask("What is 2 * 4?")
    for tab in (first, second):
        await expect(tab.questions.last).to_contain_text(PENDING)
    assert ("send" in lost.heard, "send" in heard.heard) == (True, False)
    await first.page.close()
    await expect(second.answers).to_have_count(2)
    await second.expect_end()
    await expect(second.answers.last).to_contain_text("8")
    await expect(second.questions).to_have_count(2)
    assert await texts_of(person) == ["What is 2 * 3?", "What is 2 * 4?"]


@pytest.mark.chaos
async def test_a_limit_is_counted_down_at_its_message_in_both_tabs(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("davy")
    first = await visits.open(person.cookie(visits.servers))
    limit = Refusing(code="limit_reached", message="Too many messages a minute.", retry_after_s=3)
    limit.refused = True
    await Between(limit).join(first)
    await first.chat()
    await first.ask("What is 5 + 5?")
    await first.expect_end()
    second = await visits.beside(first)
    await second.chat(f"/chat/{first.thread_id}/")

    limit.refused = False
    await first.ask("What is 5 * 5?")
    for tab in (first, second):
        await expect(tab.questions.last).to_contain_text(re.compile("Sends again in [123] s"))
    for tab in (first, second):
        await expect(tab.answers.last).to_contain_text("25")
        await expect(tab.questions).to_have_count(2)
        await expect(tab.questions.last).not_to_contain_text(re.compile("Sends again|pending"))
    assert await texts_of(person) == ["What is 5 + 5?", "What is 5 * 5?"]


async def test_a_refused_message_waits_for_the_user_also_over_a_reload(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("ehrlich")
    tab = await visits.open(person.cookie(visits.servers))
    refusing = Refusing(code="failed", message="This message could not be processed.")
    await Between(refusing).join(tab)
    await tab.chat()
    await tab.ask("What is 6 * 6?")
    await expect(tab.questions.last).to_contain_text("This message could not be processed.")

    await tab.page.reload()
    await tab.expect_status("ready")
    await expect(tab.questions.last).to_contain_text("Not sent")
    await tab.button("Edit").click()
    await expect(tab.message).to_have_value("What is 6 * 6?")
    await expect(tab.questions).to_have_count(0)
    refusing.refused = False
    await tab.button("Send").click()
    await tab.button("Retry").click()
    await expect(tab.answers).to_contain_text("36")
    await expect(tab.questions).to_have_count(1)
    assert await texts_of(person) == ["What is 6 * 6?"]


async def test_a_browser_that_keeps_nothing_says_so_and_sends_all_the_same(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("franklin")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.page.context.add_init_script(REFUSES_STORAGE)
    await tab.chat()

    await expect(tab.page.get_by_text("This browser keeps nothing")).to_be_visible()
    await tab.ask("What is 3 * 9?")
    await expect(tab.answers).to_contain_text("27")
    await tab.expect_end()


async def test_a_full_outbox_refuses_in_words_and_keeps_the_text(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("galois")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    await tab.page.evaluate(LOAD)
    await tab.page.context.set_offline(True)
    await tab.page.evaluate(FILL, person.user.public_id)

    await tab.ask("What is 8 * 8?")
    await expect(tab.page.get_by_text("200 messages wait to be sent already")).to_be_visible()
    await expect(tab.message).to_have_value("What is 8 * 8?")
    await expect(tab.questions).to_have_count(0)
