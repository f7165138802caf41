"""What Prometheus reads: who may, what stands there, and that the documents name the same."""

import asyncio
import re
import socket
import time
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from netra.env import Secret
from netra.lag import watch_lag
from netra.metrics import deployment
from netra.metrics.deployment import Facts, deployment_families, read_facts
from netra.metrics.page import MetricsPage
from netra.metrics.port import serve_metrics
from netra.tally import LABELS_MAX, OTHER, TALLY, Labelled, Spans
from tests.servers import free_port

DOCS = (settings.BASE_DIR / "docs" / "metrics.md").read_text()
KINDS = ("netra.metrics.web", "netra.metrics.worker")
# As the library gives them: a process's own start, its open files and so on.
STANDARD = "process_"


async def look(page: MetricsPage, path: str = "/metrics", token: str = "") -> tuple[int, str]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    await page(scope, None, send)
    return sent[0]["status"], sent[1]["body"].decode()


def families(text: str) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(text: str, name: str, **labels: str) -> float:
    for family in families(text).values():
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    raise AssertionError(f"{name} {labels} is not told")


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_only_who_has_the_token_looks(settings: Settings) -> None:
    page = MetricsPage(KINDS[1])
    settings.NETRA_METRICS_TOKEN = Secret("prometheus-0123456789-0123456789")
    for token in ("", "another", "prometheus-0123456789-012345678"):
        assert (await look(page, token=token))[0] == 404
    assert (await look(page, "/other", "prometheus-0123456789-0123456789"))[0] == 404
    status, text = await look(page, token="prometheus-0123456789-0123456789")
    assert status == 200
    assert value(text, "netra_database_answers") == 1

    settings.NETRA_METRICS_TOKEN = Secret("")
    assert (await look(page))[0] == 200
    settings.DEPLOYED = True
    assert (await look(page))[0] == 404


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_it_tells_what_was_counted() -> None:
    page = MetricsPage(KINDS[0])
    _, before = await look(page)
    TALLY.frames_sent += 3
    TALLY.closed.add("4410")
    TALLY.frames_took.add(0.03)
    _, text = await look(page)
    was = value(before, "netra_frames_sent_total")
    assert value(text, "netra_frames_sent_total") == was + 3
    assert value(text, "netra_connections_closed_total", code="4410") >= 1
    shorter = value(text, "netra_frame_answer_seconds_bucket", le="0.025")
    assert value(text, "netra_frame_answer_seconds_bucket", le="0.05") > shorter


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_it_tells_of_the_process_while_the_database_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deployment, "ANSWERED_WITHIN_MS", 100)
    given = connections["default"].get_connection_params()
    where = {name: given[name] for name in ("host", "user", "dbname")}
    async with await psycopg.AsyncConnection.connect(**where) as holder:
        await holder.execute("LOCK TABLE chat_node IN ACCESS EXCLUSIVE MODE")
        status, text = await look(MetricsPage(KINDS[0]))
        await holder.rollback()
    assert status == 200
    assert value(text, "netra_database_answers") == 0
    assert "netra_runs{" not in text
    assert value(text, "process_resident_memory_bytes") > 0


@pytest.mark.django_db
def test_the_database_is_asked_in_one_visit(django_assert_max_num_queries: Any) -> None:
    # With the begin, the limit and the end of the transaction.
    with django_assert_max_num_queries(4):
        told = {family.name: family for family in deployment_families(read_facts())}
    assert {sample.labels["state"] for sample in told["netra_runs"].samples} == {
        "queued", "running", "waiting",
    }  # fmt: skip
    assert [family.name for family in deployment_families(Facts())] == ["netra_database_answers"]


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_a_worker_answers_on_a_port_of_its_own() -> None:
    port = free_port()
    serving = asyncio.create_task(serve_metrics(KINDS[1], host="127.0.0.1", port=port))
    try:
        async with asyncio.timeout(20):
            while not answers(port):
                await asyncio.sleep(0.02)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n")
            answer = (await reader.read()).decode()
            writer.close()
            await writer.wait_closed()
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert answer.startswith("HTTP/1.1 200")
    assert value(answer.partition("\r\n\r\n")[2], "netra_worker_runs_max") == 50


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.asyncio
async def test_a_loop_that_was_held_up_shows() -> None:
    def late() -> float:
        buckets, _total = TALLY.loop_lags.read()
        known = dict(buckets)
        return known["+Inf"] - known["0.1"]

    before = late()
    watch = asyncio.create_task(watch_lag())
    await asyncio.sleep(0.4)
    time.sleep(0.4)  # what no coroutine may do
    await asyncio.sleep(0.1)
    watch.cancel()
    assert late() == before + 1


@given(st.lists(st.floats(min_value=-1, max_value=100), max_size=30))
@hypothesis_settings(max_examples=25)
def test_spans_count_each_once(spans_s: list[float]) -> None:
    spans = Spans(0.1, 1, 10)
    for seconds in spans_s:
        spans.add(seconds)
    buckets, total_s = spans.read()
    assert [name for name, _ in buckets] == ["0.1", "1", "10", "+Inf"]
    assert [count for _, count in buckets] == [
        sum(max(0, s) <= bound for s in spans_s) for bound in (0.1, 1, 10, float("inf"))
    ]
    assert total_s == pytest.approx(sum(max(0.0, s) for s in spans_s))


def test_labels_are_bounded() -> None:
    counted = Labelled()
    for number in range(LABELS_MAX + 50):
        counted.add(str(number))
    assert len(counted.read()) == LABELS_MAX + 1
    assert counted.read()[OTHER] == 50


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_the_documents_list_what_is_told() -> None:
    told: dict[tuple[str, str], set[str]] = {}
    for kind in KINDS:
        _, text = await look(MetricsPage(kind))
        for family in families(text).values():
            if not family.name.startswith(STANDARD):
                name = family.name + ("_total" if family.type == "counter" else "")
                told.setdefault((name, family.type), set()).add(kind.rpartition(".")[2])
    rows = re.findall(
        r"^\| `(netra_\w+)` \| (\w+) \| ([\w, `]*) \| (web|worker|both) \|", DOCS, re.M
    )
    listed = {
        (name, kind): {"web", "worker"} if by == "both" else {by} for name, kind, _, by in rows
    }
    assert listed == told
