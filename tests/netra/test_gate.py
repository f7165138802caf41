"""Who waits at a gate goes on once it opens, and only then."""

import asyncio

import pytest

from netra.gate import Gate

pytestmark = pytest.mark.asyncio


async def test_an_open_gate_holds_nobody() -> None:
    gate = Gate()
    assert gate.is_set()
    async with asyncio.timeout(10):
        await gate.wait()


async def test_all_who_wait_go_on_though_one_gave_up_and_it_shut_again_at_once() -> None:
    gate = Gate()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert [one.done() for one in waiting] == [True, False, False]
    gate.set()
    gate.clear()
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting[1:])
    late = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    assert not late.done()
    gate.set()
    await late
