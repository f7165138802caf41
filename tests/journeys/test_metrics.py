"""The counts of a web process after a real conversation."""

import http.client

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netra.client import ChatConnection
from tests.journeys.conftest import Person
from tests.journeys.transcript import ask, follow
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]


def told_by(servers: Servers) -> dict[tuple[str, str], float]:
    connection = http.client.HTTPConnection("127.0.0.1", servers.port, timeout=10)
    # A name that is none of ours: whoever scrapes knows no other than the address.
    connection.request("GET", "/metrics", headers={"Host": "10.0.0.7:8000"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_conversation_shows_in_the_counts(shared: Servers, visitor: Person) -> None:
    before = told_by(shared)
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        await socket.until("ready")
        transcript, _run_id = await ask(socket, "What is 6 * 7?")
        await follow(socket, transcript, "agent_completed")
        during = told_by(shared)
    after = told_by(shared)

    def grew(name: str, label: str = "") -> float:
        return after.get((name, label), 0) - before.get((name, label), 0)

    assert during["netra_connections", "processing_ready"] >= 1
    assert during["netra_service_up", "runs"] == 1
    assert during["netra_worker_processes", ""] == 1
    assert grew("netra_connections_opened_total") >= 1
    assert grew("netra_connections_closed_total", "client") >= 1
    assert grew("netra_frames_sent_total") >= len(transcript.events)
    assert grew("netra_frames_received_total") >= 1
    assert grew("netra_frame_answer_seconds_count") >= 1
    assert after["netra_event_loop_lag_seconds_count", ""] > 0
    assert after["netra_database_pool_connections_max", ""] == 16
