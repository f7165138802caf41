"""One trace from the send to the delivery, through a web and a worker process."""

import http.client
import json
import signal

import pytest

from accounts import own_tokens
from accounts.models import TokenScope
from chat.database import in_database
from netra.client import ChatConnection
from tests.chat.api_people import pays
from tests.fakes.otlp_server import Collector, TakenSpan, otlp_server
from tests.journeys.conftest import QUICK, Person
from tests.journeys.transcript import ask, follow
from tests.servers import Servers, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

QUESTION = "What is 6 * 7?"
TRACE = "0af7651916cd43dd8448eb211c80319c"
ABOVE = "b7ad6b7169203331"
# By the name of each span, the one it lies in.
OF_A_RUN = {
    "store": "send", "wait": "store", "run": "store", "model_request": "run", "tool": "run",
}  # fmt: skip
PARTS = {"send", "acknowledge", "publish", "deliver", *OF_A_RUN}


async def converse(servers: Servers, cookie: str) -> str:
    """Ask over a socket, and give the run that answered."""
    async with ChatConnection.open(servers.base_url, cookie=cookie) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, QUESTION)
        await follow(socket, transcript, "agent_completed")
    return run_id


def post(servers: Servers, token: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", servers.port, timeout=10)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "traceparent": f"00-{TRACE}-{ABOVE}-01",
    }
    body = json.dumps({"client_id": "by-hand", "text": QUESTION})
    connection.request("POST", "/api/messages", body, headers)
    answer = connection.getresponse()
    run_id: str = json.loads(answer.read())["run_id"]
    connection.close()
    assert answer.status == 201
    return run_id


def trace_of(collector: Collector, run_id: str) -> dict[str, list[TakenSpan]]:
    """The trace of a run, once it has come whole."""
    found: dict[str, list[TakenSpan]] = {}

    def is_whole() -> bool:
        of_it = [one for one in tuple(collector.spans) if one.attributes.get("run_id") == run_id]
        found.update(collector.of(of_it[0].trace) if of_it else {})
        return (
            found.keys() >= PARTS
            and len({one.service for one in found["publish"]}) == 2
            and any(one.attributes["ends_run"] for one in found["deliver"])
        )

    wait_until(is_whole, within_s=20)
    return found


def assert_parents(spans: dict[str, list[TakenSpan]], *, above: str) -> None:
    assert spans["send"][0].parent == above
    for name, parent in OF_A_RUN.items():
        assert {one.parent for one in spans[name]} == {spans[parent][0].id}, name
    services = {name: {one.service for one in found} for name, found in spans.items()}
    assert services["send"] == services["store"] == services["deliver"] == {"netra-web"}
    assert services["wait"] == services["run"] == services["tool"] == {"netra-worker"}
    run = spans["run"][0].attributes
    assert (run["status"], run["attempt"]) == ("completed", 1)
    assert not any(one.is_error for found in spans.values() for one in found)


@pytest.mark.asyncio
async def test_a_message_is_followed_from_its_send_to_its_last_frame(
    servers: Servers, person: Person
) -> None:
    def made() -> str:
        pays(person.user)
        token = own_tokens.create_token(user=person.user, name="x", scope=TokenScope.WRITE)
        return token[1]

    token = await in_database(made)
    with otlp_server() as collector:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        servers.start(**QUICK, **endpoint)
        cookie = person.cookie(servers)
        run_id = await converse(servers, cookie)
        spans = trace_of(collector, run_id)
        assert_parents(spans, above="")
        assert spans["acknowledge"][0].parent == spans["send"][0].id

        posted = post(servers, token)
        wait_until(lambda: "run" in collector.of(TRACE), within_s=20)
        assert collector.of(TRACE)["run"][0].attributes["run_id"] == posted
        assert collector.of(TRACE)["send"][0].parent == ABOVE
        for word in (QUESTION, "by-hand", person.email, person.user.public_id, token):
            assert word.encode() not in collector.raw

    # The collector is gone, and nobody notices.
    await converse(servers, cookie)
    ended = [servers.terminate(name).wait(timeout=8) for name in ("web", "worker")]
    # uvicorn ends by the signal that it was sent.
    assert ended == [-signal.SIGTERM, 0]
