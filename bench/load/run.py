"""A load on web and worker processes of its own; started by `python -m bench.load`."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping

import django
import uvloop

django.setup()

# Only after Django's set-up may modules with models be imported.
from accounts.models import TokenScope  # noqa: E402
from accounts.own_tokens import create_token  # noqa: E402
from bench import machine, servers  # noqa: E402
from bench.load import crowd, readings, report  # noqa: E402
from bench.load.meter import Meter  # noqa: E402
from bench.load.options import Options, read_options  # noqa: E402
from bench.load.visitors import Visitor  # noqa: E402
from bench.people import people  # noqa: E402
from chat.database import in_database  # noqa: E402
from netra import env  # noqa: E402


async def main(options: Options) -> None:
    await in_database(readings.make_countable)
    tokens = await in_database(_tokens, options.users)
    lines = machine.description([])
    print("\n".join(lines), flush=True)
    with _servers(options) as (urls, processes):
        visitors = [
            Visitor(url=urls[number % len(urls)], token=token)
            for number, token in enumerate(tokens)
        ]
        await _measure(visitors, processes | await in_database(readings.engines), options)


async def _measure(visitors: list[Visitor], processes: Mapping[str, int], options: Options) -> None:
    async def reading() -> readings.System:
        return await in_database(readings.system, processes)

    meter = Meter()
    async with crowd.entered(visitors, options, meter) as users:
        # The first answers of a process import what later ones find there.
        await crowd.warmed(users, meter)
        before = await reading()
        await asyncio.sleep(options.quiet_s)
        begun = await reading()
        talked = await crowd.talked(users, options, meter, reading)
        connections = sum(len(user.tabs) for user in users)
    # On a machine that is too slow for the seconds asked for there may be none.
    messages = talked.counts.acks or 1
    for table in (
        report.traffic(talked.counts, connections=connections, seconds=options.seconds),
        report.times(meter),
        report.faults(meter),
        report.processes(before, begun, talked.reading, messages=messages),
        report.stores(before, begun, talked.reading, messages=messages),
    ):
        print("\n".join(table), flush=True)


def _tokens(count: int) -> list[str]:
    return [
        create_token(user=person.user, name="load", scope=TokenScope.WRITE)[1]
        for person in people(count)
    ]


@contextlib.contextmanager
def _servers(options: Options) -> Iterator[tuple[list[str], dict[str, int]]]:
    """The addresses of the web processes, and every process by its name."""
    with contextlib.ExitStack() as stack:
        pace = env.override(NETRA_ASSISTANT_TOKENS_PER_S=str(options.tokens_per_s))
        stack.enter_context(pace)
        webs = [stack.enter_context(servers.web("netra")) for _ in range(options.webs)]
        workers = [stack.enter_context(servers.worker(webs[0])) for _ in range(options.workers)]
        processes = {"generator": os.getpid()}
        processes |= {f"web {n}": web.pid for n, web in enumerate(webs, start=1)}
        processes |= {f"worker {n}": pid for n, pid in enumerate(workers, start=1)}
        yield [f"http://127.0.0.1:{web.port}" for web in webs], processes


if __name__ == "__main__":
    uvloop.run(main(read_options(sys.argv[1:])))
