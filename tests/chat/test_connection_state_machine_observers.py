"""What SPEC §1 says of observers: in order, outside the lock, and nobody's error is another's."""

import asyncio
import functools
import statistics
import threading
import time

import pytest

from chat.connection.observers import BACKLOG_LIMIT, Observers
from chat.connection.state_machine import ConnectionState, ConnectionStateMachine, Transition
from netra.ids import ConnectionID

S = ConnectionState
# Generous: a limit against hanging, not a measurement.
HANG_S = 10.0


def new_machine() -> ConnectionStateMachine:
    return ConnectionStateMachine(ConnectionID.new())


def ready_machine() -> ConnectionStateMachine:
    machine = new_machine()
    for state in (S.ACCEPTED, S.AUTHENTICATED, S.SERVICES_READY, S.PROCESSING_READY):
        assert machine.transition_to(state)
    return machine


class Diary:
    """Remembers the states it is told of."""

    def __init__(self) -> None:
        self.states: list[ConnectionState] = []
        self.calls = 0

    def write(self, transition: Transition) -> None:
        self.states.append(transition.to_state)

    async def write_later(self, transition: Transition) -> None:
        # Later news waits less: only one after the other keeps the pages sorted.
        self.calls += 1
        await asyncio.sleep(0.02 / self.calls)
        self.states.append(transition.to_state)


async def until(diary: Diary, count: int) -> None:
    async with asyncio.timeout(HANG_S):
        while len(diary.states) < count:
            await asyncio.sleep(0.001)


def test_an_observer_is_given_each_transition_that_was_made_and_no_refusal() -> None:
    machine, told = new_machine(), list[Transition]()
    machine.add_observer(told.append)
    machine.transition_to(S.ACCEPTED, reason="handshake")
    machine.transition_to(S.PROCESSING)
    machine.force_fail("enough")

    assert tuple(told) == machine.history
    assert [move.to_state for move in told] == [S.ACCEPTED, S.FAILED]


@pytest.mark.parametrize("error", [OSError, asyncio.CancelledError])
def test_a_raising_observer_is_logged_and_stops_nobody(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def complain(transition: Transition) -> None:
        raise error("observer")

    machine, diary = new_machine(), Diary()
    machine.add_observer(complain)
    machine.add_observer(diary.write)

    assert machine.transition_to(S.ACCEPTED)
    assert diary.states == [S.ACCEPTED]
    assert "observer" in caplog.text


def test_an_observer_may_remove_itself_without_costing_another_its_news() -> None:
    machine, first, last = new_machine(), Diary(), Diary()

    def once(transition: Transition) -> None:
        first.write(transition)
        machine.remove_observer(once)

    machine.add_observer(once)
    machine.add_observer(last.write)
    machine.transition_to(S.ACCEPTED)
    machine.transition_to(S.AUTHENTICATED)

    assert first.states == [S.ACCEPTED]
    assert last.states == [S.ACCEPTED, S.AUTHENTICATED]


def test_an_observer_removed_by_another_is_not_called_any_more() -> None:
    machine, diary = new_machine(), Diary()

    def silence(transition: Transition) -> None:
        machine.remove_observer(diary.write)

    machine.add_observer(silence)
    machine.add_observer(diary.write)
    machine.transition_to(S.ACCEPTED)

    assert diary.states == []


def test_a_move_made_by_an_observer_is_told_after_the_one_that_caused_it() -> None:
    machine, early, late = new_machine(), Diary(), Diary()

    def go_on(transition: Transition) -> None:
        early.write(transition)
        if transition.to_state is S.ACCEPTED:
            assert machine.transition_to(S.AUTHENTICATED)

    machine.add_observer(go_on)
    machine.add_observer(late.write)
    machine.transition_to(S.ACCEPTED)

    assert machine.state is S.AUTHENTICATED
    assert early.states == late.states == [S.ACCEPTED, S.AUTHENTICATED]


def test_an_observer_added_late_hears_only_of_later_moves() -> None:
    machine, diary = new_machine(), Diary()

    def invite(transition: Transition) -> None:
        machine.add_observer(diary.write)

    machine.add_observer(invite)
    machine.transition_to(S.ACCEPTED)
    machine.transition_to(S.AUTHENTICATED)

    assert diary.states == [S.AUTHENTICATED]


def test_adding_twice_is_adding_once_and_removing_says_whether_it_was_there() -> None:
    machine, diary = new_machine(), Diary()
    assert machine.remove_observer(diary.write) is False
    machine.add_observer(diary.write)
    machine.add_observer(diary.write)
    machine.transition_to(S.ACCEPTED)

    assert diary.states == [S.ACCEPTED]
    assert machine.remove_observer(diary.write) is True
    assert machine.remove_observer(diary.write) is False


def test_the_state_can_be_read_and_moved_while_an_observer_is_slow() -> None:
    machine, diary = ready_machine(), Diary()
    entered, release = threading.Event(), threading.Event()

    def dawdle(transition: Transition) -> None:
        entered.set()
        assert release.wait(HANG_S)
        diary.write(transition)

    machine.add_observer(dawdle)
    mover = threading.Thread(target=machine.transition_to, args=(S.PROCESSING,))
    mover.start()
    assert entered.wait(HANG_S)
    times_s = list[float]()
    for _ in range(20):
        started = time.perf_counter()
        state, snapshot, history = machine.state, machine.snapshot(), machine.history
        times_s.append(time.perf_counter() - started)
    moved = machine.transition_to(S.IDLE)
    release.set()
    mover.join(HANG_S)

    assert (state, snapshot.state, history[-1].to_state) == (S.PROCESSING,) * 3
    assert moved
    # The median, since a busy machine may take any one of them off its processor.
    assert statistics.median(times_s) < 0.005
    # The thread that was telling already went on with the other thread's move, in order.
    assert diary.states == [S.PROCESSING, S.IDLE]


def test_an_interrupt_inside_an_observer_loses_no_later_news() -> None:
    machine, diary = new_machine(), Diary()

    def interrupt(transition: Transition) -> None:
        if transition.to_state is S.ACCEPTED:
            raise KeyboardInterrupt

    machine.add_observer(interrupt)
    machine.add_observer(diary.write)
    with pytest.raises(KeyboardInterrupt):
        machine.transition_to(S.ACCEPTED)

    assert machine.state is S.ACCEPTED
    assert machine.transition_to(S.AUTHENTICATED)
    assert diary.states == [S.AUTHENTICATED]


def test_an_async_observer_without_a_running_loop_is_refused() -> None:
    with pytest.raises(RuntimeError):
        new_machine().add_observer(Diary().write_later)


@pytest.mark.asyncio
async def test_an_async_observer_is_told_in_order_one_after_the_other() -> None:
    machine, diary = ready_machine(), Diary()
    machine.add_observer(diary.write_later)
    states = [S.PROCESSING, S.IDLE, S.DEGRADED, S.RECONNECTING, S.CLOSED]
    for state in states:
        assert machine.transition_to(state)

    assert diary.states == []
    await until(diary, 5)
    assert diary.states == states


@pytest.mark.asyncio
async def test_an_async_observer_runs_on_its_own_loop_when_another_thread_moves() -> None:
    machine, diary, threads = ready_machine(), Diary(), set[int]()

    async def observe(transition: Transition) -> None:
        threads.add(threading.get_ident())
        await diary.write_later(transition)

    def move() -> None:
        machine.transition_to(S.PROCESSING)
        machine.transition_to(S.IDLE)

    machine.add_observer(observe)
    await asyncio.to_thread(move)
    await until(diary, 2)

    assert diary.states == [S.PROCESSING, S.IDLE]
    assert threads == {threading.get_ident()}


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [OSError, asyncio.CancelledError])
async def test_an_async_observer_that_raises_is_logged_and_told_of_the_next_move(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    machine, diary = new_machine(), Diary()

    async def complain_once(transition: Transition) -> None:
        if transition.to_state is S.ACCEPTED:
            raise error("async observer")
        diary.write(transition)

    machine.add_observer(complain_once)
    machine.transition_to(S.ACCEPTED)
    machine.transition_to(S.AUTHENTICATED)
    await until(diary, 1)

    assert diary.states == [S.AUTHENTICATED]
    assert "async observer" in caplog.text


@pytest.mark.asyncio
async def test_a_removed_async_observer_still_gets_what_was_handed_to_its_loop() -> None:
    machine, diary = new_machine(), Diary()
    machine.add_observer(diary.write_later)
    machine.transition_to(S.ACCEPTED)
    machine.remove_observer(diary.write_later)
    machine.transition_to(S.AUTHENTICATED)
    await until(diary, 1)
    await asyncio.sleep(0.05)

    assert diary.states == [S.ACCEPTED]


@pytest.mark.asyncio
async def test_an_async_observer_ends_when_its_task_is_cancelled() -> None:
    machine, started = new_machine(), list[ConnectionState]()

    async def wait(transition: Transition) -> None:
        started.append(transition.to_state)
        await asyncio.Event().wait()

    machine.add_observer(wait)
    machine.transition_to(S.ACCEPTED)
    machine.transition_to(S.AUTHENTICATED)
    await asyncio.sleep(0.005)
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    await asyncio.wait({task}, timeout=HANG_S)

    assert task.cancelled()
    assert started == [S.ACCEPTED]


class AsyncCallable:
    """An object whose call is async, unlike what `iscoroutinefunction` says of the object."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary

    async def __call__(self, transition: Transition) -> None:
        await self.diary.write_later(transition)


@pytest.mark.asyncio
async def test_partials_and_objects_may_be_async_observers() -> None:
    machine, diary = new_machine(), Diary()
    machine.add_observer(functools.partial(Diary.write_later, diary))
    machine.add_observer(AsyncCallable(diary))
    machine.transition_to(S.ACCEPTED)
    await until(diary, 2)

    assert diary.states == [S.ACCEPTED, S.ACCEPTED]


def test_a_closed_loop_does_not_disturb_a_move(caplog: pytest.LogCaptureFixture) -> None:
    machine, diary = new_machine(), Diary()

    async def add() -> None:
        machine.add_observer(diary.write_later)

    asyncio.run(add())

    assert machine.transition_to(S.ACCEPTED)
    assert "closed" in caplog.text


def test_news_an_observer_never_takes_is_bounded() -> None:
    observers, told = Observers[int](), list[int]()
    observers.add(lambda number: told.append(number))
    for number in range(BACKLOG_LIMIT + 5):
        observers.queue(number)

    observers.tell()

    assert (told[0], told[-1], len(told)) == (5, BACKLOG_LIMIT + 4, BACKLOG_LIMIT)


@pytest.mark.asyncio
async def test_news_handed_to_a_loop_that_never_turns_is_bounded() -> None:
    observers, told = Observers[int](), list[int]()

    async def take(number: int) -> None:
        told.append(number)

    observers.add(take)
    for number in range(BACKLOG_LIMIT + 5):
        observers.queue(number)
        observers.tell()
    async with asyncio.timeout(HANG_S):
        while len(told) < BACKLOG_LIMIT:
            await asyncio.sleep(0)

    assert (told[0], told[-1], len(told)) == (5, BACKLOG_LIMIT + 4, BACKLOG_LIMIT)
