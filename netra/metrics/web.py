"""What a web process tells of its connections."""

from collections.abc import Iterator

from msgspec.structs import asdict
from prometheus_client.core import Metric

from chat import consumers
from chat.connection import open_streams
from chat.connection.state_machine import ConnectionState
from chat.delivery import hub
from netra.metrics.families import counter, counters, gauge, gauges, histogram
from netra.tally import TALLY


def own_families() -> Iterator[Metric]:
    by_state = consumers.REGISTRY.stats().by_state
    yield gauges(
        "netra_connections",
        "Sockets of this process, by state.",
        "state",
        {state.value: by_state.get(state, 0) for state in ConnectionState},
    )
    yield counter("netra_connections_opened", "Sockets that came.", TALLY.opened)
    yield counters(
        "netra_connections_closed",
        "Sockets that went, by the code we closed them with; `client` where it left by itself.",
        "code",
        TALLY.closed,
    )
    yield gauge("netra_api_streams", "Event streams of the API.", len(open_streams.OPEN))
    yield gauge("netra_draining", "1 while new sockets are sent away.", consumers.NODE.draining)
    yield from _services()
    yield from _queues()
    yield from _frames()


def _services() -> Iterator[Metric]:
    found = hub.made()
    services = {} if found is None else asdict(found.services)
    yield gauges(
        "netra_service_up",
        "Whether this process finds the database, the bus and a worker (`runs`).",
        "service",
        {name: float(is_up) for name, is_up in services.items()},
    )


def _queues() -> Iterator[Metric]:
    # A copy, since the loop goes on meanwhile.
    open_ = tuple(consumers.OPEN)
    inbound = [len(one.inbound) for one in open_]
    outbound = [one.outbound.chars for one in open_]
    unconfirmed = [one.outbound.unconfirmed for one in open_]
    for name, what, depths in (
        ("netra_inbound_waiting_frames", "Frames from clients that wait.", inbound),
        ("netra_outbound_waiting_characters", "Characters that wait to be written.", outbound),
        ("netra_unconfirmed_bytes", "Bytes that clients have not confirmed.", unconfirmed),
    ):
        yield gauges(
            name,
            f"{what} Of all sockets, and of the one with most.",
            "of",
            {"all": sum(depths), "worst": max(depths, default=0)},
        )


def _frames() -> Iterator[Metric]:
    yield counter("netra_frames_received", "Frames from clients.", TALLY.frames_received)
    yield counter("netra_frames_sent", "Frames to clients: deliveries.", TALLY.frames_sent)
    yield histogram(
        "netra_frame_answer_seconds", "From a frame's turn to its answer.", TALLY.frames_took
    )
    yield counters(
        "netra_gaps_healed",
        "Readings of the log for what a bell did not bring: events of a thread, its text, or one "
        "socket that fell behind.",
        "of",
        TALLY.gaps,
    )
    yield counters(
        "netra_refusals", "Frames answered with an error, by code.", "code", TALLY.refusals
    )
    yield counters("netra_limits_reached", "Refusals for a quota.", "limit", TALLY.limits)
