"""The counters under real threads: never above the limit, never a call lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from accounts.models import User
from billing import services
from billing.errors import LimitReached
from billing.models import Reservation, UsageCounter
from billing.selectors import entitlements_of
from tests.billing.conftest import MakeUser
from tests.billing.holds import pass_time

pytestmark = pytest.mark.django_db(transaction=True)
# As many as hold a connection of their own at once: the pool gives no more.
TOGETHER = 8


def in_threads(threads: int, work: Callable[[int], object]) -> list[object]:
    def closing(number: int) -> object:
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(closing, range(threads)))


def reserved(user: User, key: str, *, feature: str = "runs_month", amount: int = 1) -> bool:
    try:
        services.reserve(user=user, feature=feature, amount=amount, key=key)
    except LimitReached:
        return False
    return True


def reserved_for_good(user: User, key: str, *, amount: int = 1) -> bool:
    """On a busy machine what lapses would, before the last thread has come."""
    need = services.Need(feature="runs_month", key=key, amount=amount, lapses=False)
    [answer] = services.reserve_each(user=user, needs=[need], entitled=entitlements_of(user))
    return isinstance(answer, Reservation)


def consumed(user: User, key: str, *, amount: int = 1) -> bool:
    try:
        services.consume(user=user, feature="runs_month", amount=amount, key=key)
    except LimitReached:
        return False
    return True


@pytest.mark.parametrize(
    ("threads", "amount"), [(16, 20), pytest.param(64, 1, marks=pytest.mark.chaos)]
)
def test_of_many_at_once_exactly_those_within_the_limit_succeed(
    user: User, threads: int, amount: int
) -> None:
    allowed = 1000 // amount
    each = 6400 // threads // amount

    def take(thread: int) -> int:
        successes = 0
        for n in range(each):
            key = f"{thread}-{n}"
            taking = consumed if n % 2 else reserved_for_good
            successes += taking(user, key, amount=amount)
            if n % 5 == 4:
                connections.close_all()  # 64 threads share fewer connections
        return successes

    assert sum(map(int, map(str, in_threads(threads, take)))) == allowed
    counter = UsageCounter.objects.get()
    assert (counter.used + counter.reserved, counter.limit) == (1000, 1000)
    assert min(counter.used, counter.reserved) > 0
    assert Reservation.objects.count() == allowed


def test_one_key_used_by_many_at_once_is_taken_once(user: User) -> None:
    for n in range(10):
        barrier = Barrier(TOGETHER)

        def race(_: int, key: str = f"key {n}", barrier: Barrier = barrier) -> bool:
            barrier.wait()
            return reserved(user, key)

        assert in_threads(TOGETHER, race) == [True] * TOGETHER
    assert UsageCounter.objects.get().reserved == 10


def test_one_free_place_goes_to_one(user: User) -> None:
    for n in range(10):
        barrier = Barrier(TOGETHER)

        def race(thread: int, n: int = n, barrier: Barrier = barrier) -> bool:
            barrier.wait()
            return reserved(user, f"{n}-{thread}", feature="concurrent_runs")

        winners = in_threads(TOGETHER, race)
        assert sorted(map(bool, winners)) == [False] * (TOGETHER - 1) + [True]
        services.release(key=f"{n}-{winners.index(True)}")


def test_the_place_of_a_silent_holder_goes_to_one(user: User) -> None:
    for n in range(5):
        assert reserved(user, f"silent {n}", feature="concurrent_runs")
        pass_time(seconds=46)
        barrier = Barrier(TOGETHER)

        def race(thread: int, n: int = n, barrier: Barrier = barrier) -> bool:
            barrier.wait()
            return reserved(user, f"{n}-{thread}", feature="concurrent_runs")

        assert sum(map(bool, in_threads(TOGETHER, race))) == 1
        assert UsageCounter.objects.get().reserved == 1
        pass_time(seconds=46)


def test_closing_at_once_from_many_sides_counts_once(user: User) -> None:
    for n in range(10):
        key, barrier = f"{n}", Barrier(TOGETHER)
        assert reserved(user, key, amount=5)

        def race(thread: int, key: str = key, barrier: Barrier = barrier) -> None:
            barrier.wait()
            if thread % 2:
                services.settle(key=key, amount=5)
            else:
                services.release(key=key)

        in_threads(TOGETHER, race)
    counter = UsageCounter.objects.get()
    settled = Reservation.objects.filter(state="settled").count()
    assert (counter.used, counter.reserved) == (5 * settled, 0)


def test_taking_settling_and_losing_places_all_at_once_balances(make_user: MakeUser) -> None:
    user = make_user()

    def live(thread: int) -> None:
        for n in range(20):
            key = f"{thread}-{n}"
            if not reserved(user, key, amount=60):
                continue
            match n % 4:
                case 0:
                    services.release(key=key)
                case 1:
                    services.settle(key=key, amount=n)
                case 2:
                    # As if its holder had been silent for long.
                    Reservation.objects.filter(key=key).update(lapses_at="2000-01-01T00:00Z")
                case _:
                    services.renew(key=key)

    in_threads(TOGETHER, live)
    held = Reservation.objects.filter(state="held").values_list("amount", flat=True)
    used = sum(range(1, 20, 4)) * TOGETHER
    counter = UsageCounter.objects.get()
    assert counter.reserved == sum(held)
    assert counter.used <= used
    assert counter.used + counter.reserved <= 1000
