"""Spans: where they belong, that they hold no words, and that a collector is never waited for."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from accounts.services import mark_verified
from chat import services
from chat.posts import Post, post_all
from chat.services import Outgoing
from netra import traces
from tests.fakes.otlp_server import Collector, otlp_server
from tests.servers import free_port

TRACE = "0af7651916cd43dd8448eb211c80319c"
ABOVE = "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{ABOVE}-01"
WORDS = "of-what-a-user-wrote"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with otlp_server() as made:
        traces.begin("netra-test", endpoint=made.url)
        yield made
        traces.end()


def test_without_a_collector_nothing_is_kept_nor_made() -> None:
    traces.begin("netra-test", endpoint="")
    blocks: list[Callable[[], AbstractContextManager[object]]] = [
        lambda: traces.span("run", run_id="r"),
        lambda: traces.within(HEADER),
    ]
    assert len({id(block()) for block in blocks}) == 1
    with blocks[1](), blocks[0]():
        traces.note(status="completed")
        traces.record("wait", began_at=0.0)
        assert (traces.traceparent(), traces.carried()) == ("", {})
    traces.end()


def test_spans_lie_in_each_other_and_go_on_from_where_they_came(collector: Collector) -> None:
    with traces.within(HEADER), traces.span("send"):
        traces.note(seq=3)
        with pytest.raises(ValueError, match=WORDS), traces.span("store"):
            raise ValueError(WORDS)
        traces.record("wait", began_at=time.time() - 2, run_id="r")
        job = traces.carried()
    with traces.within(job["traceparent"]), traces.span("run"):
        pass
    traces.record("wait", began_at=0.0)
    for broken in ("", "00-nothing", WORDS, f"00-{TRACE}-{'0' * 16}-01"):
        with traces.within(broken), traces.span("apart"):
            assert TRACE not in traces.traceparent()
    traces.end()

    spans = {name: found[0] for name, found in collector.of(TRACE).items()}
    send = spans["send"]
    assert (send.parent, send.attributes, send.is_error) == (ABOVE, {"seq": 3}, False)
    assert {spans[name].parent for name in ("store", "wait", "run")} == {send.id}
    assert (spans["store"].attributes, spans["store"].is_error) == (
        {"error.type": "ValueError"},
        True,
    )
    assert spans["wait"].took_ns >= 2e9
    assert (send.service, send.version.count(".")) == ("netra-test", 2)
    assert len(collector.spans) == 8
    assert WORDS.encode() not in collector.raw


@pytest.mark.django_db
def test_the_job_of_a_message_carries_its_trace(collector: Collector) -> None:
    user = User.objects.create_user(f"{WORDS}@example.com", "Correct-horse-7-battery")
    mark_verified(user=user)
    with traces.within(HEADER), traces.span("send"):
        posted = services.post_message(user=user, message=Outgoing(client_id=WORDS, text=WORDS))
    carried = ProcrastinateJob.objects.get(args__run_id=posted.run_id).args["traceparent"]
    traces.end()

    [store] = collector.of(TRACE)["store"]
    assert carried == f"00-{TRACE}-{store.id}-01"
    assert store.attributes == {
        "message_id": posted.message_id,
        "thread_id": posted.thread_id,
        "run_id": posted.run_id,
    }
    assert WORDS.encode() not in collector.raw


@pytest.mark.django_db
def test_of_messages_stored_together_each_has_its_own_trace(collector: Collector) -> None:
    posts = []
    for number in range(2):
        user = User.objects.create_user(f"{WORDS}{number}@example.com", "Correct-horse-7-battery")
        mark_verified(user=user)
        with traces.within(HEADER), traces.span("send"):
            message = Outgoing(client_id=WORDS, text=WORDS)
            posts.append(Post(user=user, message=message, traceparent=traces.traceparent()))
    posted = [one for one in post_all(posts) if one is not None]
    traces.end()

    carried = [
        ProcrastinateJob.objects.get(args__run_id=one.run_id).args["traceparent"] for one in posted
    ]
    assert carried == [post.traceparent for post in posts]
    stores = {store.parent: store.attributes for store in collector.of(TRACE)["store"]}
    assert stores == {
        send.split("-")[2]: {
            "message_id": one.message_id,
            "thread_id": one.thread_id,
            "run_id": one.run_id,
        }
        for send, one in zip(carried, posted, strict=True)
    }


@pytest.mark.parametrize("is_there", [False, pytest.param(True, marks=pytest.mark.chaos)])
def test_a_collector_that_is_away_or_silent_delays_nothing(is_there: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if is_there else free_port()
        traces.begin("netra-test", endpoint=f"http://127.0.0.1:{port}")
        began_s = time.monotonic()
        # More than wait at once: what is too many is dropped.
        for _ in range(5_000):
            with traces.span("send"):
                traces.note(seq=1)
        traces.end()
    # A second of it for what waits when a process ends.
    assert time.monotonic() - began_s < 3.0
