"""`python -m bench.load`: simulated users for a while, then a report; leaves nothing running.

Without `--url` it starts engines and servers of its own, and reports what they cost. Its users are
made of the Python client's own parts.
"""

import asyncio
import sys

from bench.engines import run_on_engines
from bench.load import crowd, report
from bench.load.meter import Meter
from bench.load.options import Options, read_options
from bench.load.visitors import AccountsUnusable, visitors_of
from netra.client import ClientError


async def _at_a_server(options: Options) -> None:
    assert options.accounts is not None, "the options say so"
    visitors = await visitors_of(options.accounts, url=options.url, count=options.users)
    meter = Meter()

    async def nothing() -> None:
        return

    async with crowd.entered(visitors, options, meter) as users:
        await crowd.warmed(users, meter)
        talked = await crowd.talked(users, options, meter, nothing)
        connections = sum(len(user.tabs) for user in users)
    for table in (
        report.traffic(talked.counts, connections=connections, seconds=options.seconds),
        report.times(meter),
        report.faults(meter),
    ):
        print("\n".join(table))


def main() -> int:
    options = read_options(sys.argv[1:])
    if not options.url:
        return run_on_engines("bench.load.run", *sys.argv[1:], preload="pg_stat_statements")
    try:
        asyncio.run(_at_a_server(options))
    except (AccountsUnusable, ClientError, OSError, TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
