"""All checks, tried one after the other."""

import asyncio
import time
from typing import Final

from conformance import (
    approvals,
    branches,
    following,
    handshake,
    heartbeat,
    malformed,
    runs,
    sends,
    whole,
)
from conformance.checks import CHECKS, Check, Failed, Skipped
from conformance.subject import Subject
from netra.client import ClientError

WITHIN_S: Final = 90.0
# In this order; each makes its checks known as it is imported.
MODULES: Final = (
    handshake, malformed, sends, runs, following, branches, approvals, heartbeat, whole,
)  # fmt: skip
_SLOW: Final = (approvals, heartbeat)


async def run(subject: Subject, *, quick: bool = False) -> list[str]:
    """Try the checks one after the other; gives the names of those that failed."""
    failed = []
    ordered = [check for module in MODULES for check in CHECKS if check.is_of(module.__name__)]
    slow = [check for module in _SLOW for check in CHECKS if check.is_of(module.__name__)]
    chosen = [check for check in ordered if not (quick and check in slow)]
    for check in chosen:
        began = time.monotonic()
        outcome, seen = await outcome_of(check, subject)
        if outcome == "fail":
            failed.append(check.name)
        elapsed_s = time.monotonic() - began
        print(f"{outcome}  {check.name:38} {elapsed_s:5.1f} s  {check.sentence}", flush=True)
        if seen:
            print(f"      {seen}", flush=True)
    print(f"{len(chosen)} checks, {len(failed)} failed")
    return failed


async def outcome_of(check: Check, subject: Subject) -> tuple[str, str]:
    """How one check went: pass, fail or skip, and what was seen."""
    try:
        async with asyncio.timeout(WITHIN_S):
            await check.attempt(subject)
    except Failed as failed:
        return "fail", str(failed)
    except Skipped as skipped:
        return "skip", str(skipped)
    except TimeoutError:
        return "fail", "no answer in time"
    except (ClientError, OSError, EOFError, AssertionError, RuntimeError) as error:
        return "fail", f"{type(error).__name__}: {error}"
    except Exception as error:  # the outermost loop: a frame of another shape fails one check only
        return "fail", f"the server's answer has another shape: {error!r}"
    return "pass", ""
