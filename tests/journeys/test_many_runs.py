"""Many people, many messages, two workers: every run ends, and each thread's in their order."""

import pytest

from chat import services
from chat.models import Event, Run
from chat.services import Outgoing
from tests.journeys.conftest import Person, new_person
from tests.servers import Servers, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

PEOPLE = 50
MESSAGES_EACH = 4


def test_two_workers_answer_all_messages_each_thread_in_its_order(servers: Servers) -> None:
    asked = dict(_ask_all(new_person(f"person{number}")) for number in range(PEOPLE))
    servers.environment |= {"NETRA_ASSISTANT_TOKENS_PER_S": "0"}
    beside = Servers(servers.environment)
    try:
        servers.start_worker()
        beside.start_worker()
        wait_until(lambda: not Run.objects.filter(ended_at=None).exists(), within_s=120)
    finally:
        beside.stop()
    assert set(Run.objects.values_list("state", "attempt")) == {("completed", 1)}
    for thread, runs in asked.items():
        events = Event.objects.filter(thread=thread).order_by("seq")
        brackets = events.filter(type__in=("agent_started", "agent_completed"))
        told = list(brackets.values_list("run_id", "type"))
        # None begins before the one before it has ended.
        assert told == [
            (run, kind) for run in runs for kind in ("agent_started", "agent_completed")
        ]


def _ask_all(person: Person) -> tuple[int, list[str]]:
    """Messages into one thread, all before anybody answers; the thread and its runs in order."""
    thread_id, thread, runs = None, 0, []
    for number in range(MESSAGES_EACH):
        message = Outgoing(
            client_id=f"c{number}", text=f"What is {number} + 1?", thread_id=thread_id
        )
        posted = services.post_message(user=person.user, message=message)
        thread_id, thread = posted.thread_id, posted.thread
        runs.append(posted.run_id)
    return thread, runs
