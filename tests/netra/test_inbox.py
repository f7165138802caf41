"""What is put comes out once and in its order, whenever its reader asks."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra.inbox import Inbox


async def _read(bursts: list[int], *, asks_first: bool) -> list[int]:
    """What a reader gets of messages numbered from 0 that come in bursts."""
    inbox: Inbox[int] = Inbox()
    total = sum(bursts)

    async def read() -> list[int]:
        return [await inbox.get() for _ in range(total)]

    reader = asyncio.create_task(read())
    numbers = iter(range(total))
    for burst in bursts:
        if asks_first:
            await asyncio.sleep(0)
        for _ in range(burst):
            inbox.put_nowait(next(numbers))
    read_ = await reader
    assert inbox.empty()
    return read_


@given(bursts=st.lists(st.integers(0, 4), max_size=6), asks_first=st.booleans())
def test_messages_come_once_and_in_their_order(bursts: list[int], asks_first: bool) -> None:
    read = asyncio.run(_read(bursts, asks_first=asks_first))
    assert read == list(range(sum(bursts)))


@pytest.mark.asyncio
async def test_a_reader_that_gives_up_takes_nothing_with_it() -> None:
    inbox: Inbox[str] = Inbox()
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    # Both in one turn: the message is there, and its reader is not any more.
    inbox.put_nowait("kept")
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await inbox.get() == "kept"


@pytest.mark.asyncio
async def test_a_second_reader_is_refused_and_the_first_one_served() -> None:
    inbox: Inbox[str] = Inbox()
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        await inbox.get()
    inbox.put_nowait("for the first")
    assert await reader == "for the first"
