"""The storm itself; started by `python -m tests.chaos`, which has set the environment."""

import argparse
import asyncio
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import django
import uvloop

django.setup()

# Only after Django's set-up may modules with models be imported.
from django.conf import settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.services import mark_verified  # noqa: E402
from bench import machine  # noqa: E402
from billing.models import TierLimit  # noqa: E402
from billing.services import grant  # noqa: E402
from billing.tiers import Tier  # noqa: E402
from chat.database import in_database  # noqa: E402
from chat.questions import RUN_FEATURE  # noqa: E402
from tests.chaos import invariants  # noqa: E402
from tests.chaos.people import Chatter  # noqa: E402
from tests.chaos.plan import Plan  # noqa: E402
from tests.chaos.report import Report, codes  # noqa: E402
from tests.chaos.watch import MIB, Row, Watch  # noqa: E402
from tests.chaos.witness import Witness  # noqa: E402
from tests.chaos.world import World, world  # noqa: E402
from tests.chat.sockets import session_of  # noqa: E402
from tests.fakes import jumping_clock  # noqa: E402

CAPPED_RUNS: Final = 5
CAPPED_EVERY: Final = 10
# What a process may grow to; a leak of one more frame a user and second would pass it.
MEMORY_MIB_MAX: Final = 400
CHATS_END_WITHIN_S: Final = 300.0


def new_people(count: int) -> list[tuple[User, str]]:
    """Users with the key of a session each; every tenth may have but few runs."""
    TierLimit.objects.filter(tier=Tier.FREE.value, limit=RUN_FEATURE).update(value=CAPPED_RUNS)
    made = []
    for number in range(count):
        user = mark_verified(user=User.objects.create_user(f"person{number}@chaos.example"))
        if not is_capped(number):
            grant(
                user=user,
                kind="manual",
                tier=Tier.EARLY,
                starts_at=timezone.now(),
                ends_at=timezone.now() + timedelta(days=1),
                reason="chaos",
                actor=None,
            )
        made.append((user, session_of(user)))
    return made


def is_capped(number: int) -> bool:
    return number % CAPPED_EVERY == 1


def cookie_of(session_key: str) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={session_key}"


async def weather(world: World, watch: Watch, plan: Plan) -> list[Row]:
    """Do what is planned, each deed in its time; gives what was seen of each."""
    rows: list[Row] = []
    began_s = time.monotonic()
    for step in plan.steps:
        await asyncio.sleep(max(0.0, began_s + step.at_s - time.monotonic()))
        at_s = time.monotonic() - began_s
        if rows:
            watch.end(rows[-1])
        rows.append(watch.begin(step, at_s))
        print(f"{at_s:6.1f} s {step.deed}", file=sys.stderr, flush=True)
        await world.do(step)
        rows[-1].took_s = time.monotonic() - began_s - at_s
    await asyncio.sleep(max(0.0, began_s + plan.seconds - time.monotonic()))
    watch.end(rows[-1])
    return rows


async def storm(plan: Plan, publish: Callable[[Report], None]) -> bool:
    """Let users chat in the storm, tell what was seen, and answer whether everything held."""
    witness = Witness()
    async with world(plan.seed, witness) as made:
        people = await in_database(new_people, plan.users)
        witness.users.update({key: number for number, (_, key) in enumerate(people)})
        urls = [network.base_url for network in made.networks]
        chatters = [
            Chatter(number, cookie=cookie_of(key), urls=urls, seed=plan.seed)
            for number, (_, key) in enumerate(people)
        ]
        watch = Watch(made, chatters, witness)
        rows, late = await chatted(made, watch, chatters, plan)
        users = [user for user, _ in people]
        found = await in_database(invariants.broken, chatters, users)
        report = Report(
            plan=plan,
            machine=machine.description(["PostgreSQL 18", "Valkey 9"]),
            rows=rows,
            totals=totals(chatters, watch, witness),
            memory_mib={one.name: one.resident_bytes_max // MIB for one in made.members},
            faults=[
                *(fault for chatter in chatters for fault in chatter.faults),
                *(f"it never came: {words}" for words in late),
                *watch.faults,
                *witness.faults,
                *found,
                *heavy(made),
            ],
        )
        # At once: what goes wrong while all of it ends shall not take the report along.
        publish(report)
        for chatter in chatters:
            await chatter.close()
    return not report.faults


def heavy(made: World) -> list[str]:
    """Processes that took more memory than one may."""
    limit = MEMORY_MIB_MAX * MIB
    over = [member.name for member in made.members if member.resident_bytes_max > limit]
    return [f"{name} took more than {MEMORY_MIB_MAX} MiB" for name in over]


async def chatted(
    made: World, watch: Watch, chatters: Sequence[Chatter], plan: Plan
) -> tuple[list[Row], list[str]]:
    """Everybody chats until the storm is over; gives its rows, and what never came."""
    over = asyncio.Event()
    looking = [asyncio.create_task(one) for one in (watch.look(), watch.weigh(), watch.ask())]
    async with asyncio.timeout(plan.seconds + CHATS_END_WITHIN_S), asyncio.TaskGroup() as group:
        for chatter in chatters:
            group.create_task(chatter.live(over))
        rows = await weather(made, watch, plan)
        await made.settled()
        over.set()
    late = await invariants.settle(chatters)
    for task in looking:
        assert not task.done(), task
        task.cancel()
    return rows, late


def totals(chatters: Sequence[Chatter], watch: Watch, witness: Witness) -> dict[str, object]:
    refused = sum((chatter.refused for chatter in chatters), Counter[str]())
    return {
        "messages acknowledged": sum(len(one.texts) for one in chatters),
        "runs": sum(len(one.runs) for one in chatters),
        "stops": sum(len(one.stopped) for one in chatters),
        "longest answer to a frame": f"{max(one.answer_s_max for one in chatters):.1f} s",
        "refused": dict(refused),
        "sockets": witness.sockets,
        "frames to clients": witness.frames,
        "closed with": codes(witness.codes),
        "questions to the database": watch.questions,
    }


def publish(file: Path | None, report: Report) -> None:
    print(report, flush=True)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(report), "utf-8")


def keep_logs(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for log in Path(settings.VAR_DIR).glob("*.log"):
        shutil.copy(log, folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--report", type=Path, help="a file to write the table to")
    parser.add_argument("--logs", type=Path, help="a folder to keep what the processes logged")
    given = parser.parse_args()
    plan = Plan.drawn(seed=given.seed, users=given.users, seconds=given.seconds)
    try:
        with jumping_clock.ignored_until_heard():
            held = uvloop.run(storm(plan, partial(publish, given.report)))
    finally:
        if given.logs is not None:
            keep_logs(given.logs)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
