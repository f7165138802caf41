"""Everything is killed, frozen, cut and flushed while people chat; what was acknowledged stays."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User
from billing import services
from netra import env
from tests.chaos.invariants import broken
from tests.chaos.people import Chatter
from tests.chaos.plan import DEEDS, FROZEN_S_MAX, Plan
from tests.chaos.witness import Wire, Witness, mark
from tests.fakes import jumping_clock
from tests.fakes.jumping_clock import JumpingClock
from tests.fakes.socket_frames import Frame, masked_text

HANGS_AFTER_S = 600
OURS, THEIRS = mark(1, 5), mark(2, 5)


def test_a_seed_makes_the_same_plan_with_every_deed() -> None:
    plan = Plan.drawn(seed=7, users=100, seconds=60)
    deeds = Counter(step.deed for step in plan.steps)

    assert plan == Plan.drawn(seed=7, users=100, seconds=60)
    assert plan.steps != Plan.drawn(seed=8, users=100, seconds=60).steps
    assert deeds == Counter(["calm", *DEEDS])
    ends_s = [step.at_s + step.for_s for step in plan.steps]
    assert all(end <= step.at_s for end, step in zip(ends_s, plan.steps[1:], strict=False))
    assert ends_s[-1] < plan.seconds


def test_a_storm_of_ten_minutes_freezes_what_it_freezes_for_half_a_minute() -> None:
    steps = Plan.drawn(seed=7, users=100, seconds=600).steps

    assert [step.for_s for step in steps if "freeze" in step.deed] == [FROZEN_S_MAX] * 4


def events(*seqs: int, text: str = "") -> Frame:
    told = {"type": "events", "thread_id": "t", "events": [{"seq": seq} for seq in seqs]}
    return masked_text(json.dumps(told | {"text": text}).encode())


def closed(code: int) -> Frame:
    return Frame(b"\x88", code.to_bytes(2), None)


@pytest.mark.parametrize(
    ("frames", "faults"),
    [
        ((events(4, 5), events(6, text=f"What is {OURS} + {OURS}?"), closed(1012)), 0),
        ((events(4, 5), events(5, 6)), 1),
        ((events(4, 5), events(7)), 1),
        ((events(4, 6),), 1),
        ((events(4, text=f"`{THEIRS}`"),), 1),
        ((closed(1011),), 1),
    ],
)
def test_what_must_not_pass_over_a_wire_is_noticed(frames: tuple[Frame, ...], faults: int) -> None:
    witness = Witness()
    wire = Wire(user=1)

    for frame in frames:
        witness.look(wire, frame)

    assert len(witness.faults) == faults, witness.faults


@pytest.mark.django_db
def test_an_acknowledged_text_that_is_gone_and_what_is_still_held_are_noticed() -> None:
    user = User.objects.create_user("ada@example.com")
    chatter = Chatter(1, cookie="", urls=["http://127.0.0.1"] * 2, seed=1)

    assert broken([chatter], [user]) == []
    chatter.texts["msg_1_gone"] = "What is 6 * 7?"
    assert len(broken([chatter], [user])) == 1
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="left")
    assert len(broken([chatter], [user])) == 2


def test_a_clock_jumps_and_time_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock = JumpingClock(file)
    began, began_s = time.time(), time.monotonic()

    for seconds in (600, -300, 0):
        file.write_text(str(seconds))
        clock.jump(0, None)
        assert time.time() - began == pytest.approx(seconds, abs=60)
        assert 0 <= time.monotonic() - began_s < 60


def test_a_clock_may_be_set_while_its_process_is_starting(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    file.write_text("0")

    with jumping_clock.ignored_until_heard():
        process = subprocess.Popen([sys.executable, "-m", jumping_clock.__name__, file, "version"])
    process.send_signal(jumping_clock.SIGNAL)

    assert process.wait(timeout=60) == 0


def endure(*, seed: int, users: int, seconds: int, report: Path) -> None:
    given = {"--seed": seed, "--users": users, "--seconds": seconds, "--report": report}
    options = [str(part) for pair in given.items() for part in pair]
    storm = [sys.executable, "-m", "tests.chaos", *options]
    subprocess.run(storm, check=True, timeout=seconds + HANGS_AFTER_S, cwd=settings.BASE_DIR)


def test_a_bad_minute_with_few_users_loses_nothing(tmp_path: Path) -> None:
    endure(seed=7, users=8, seconds=60, report=tmp_path / "chaos.md")


@pytest.mark.chaos
def test_a_bad_minute_loses_nothing() -> None:
    endure(
        seed=env.integer("CHAOS_SEED", 7),
        users=env.integer("CHAOS_USERS", 100),
        seconds=env.integer("CHAOS_SECONDS", 60),
        report=settings.BASE_DIR / "var" / "chaos.md",
    )
