"""When a hold has lapsed the database says, whatever the clocks of processes say."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from types import MappingProxyType
from typing import Final

import pytest
import time_machine

from accounts.models import User
from billing import services
from billing.batches import Wanted
from billing.errors import LimitReached
from billing.models import Reservation
from billing.selectors import entitlements_of, usage_of
from tests.billing.holds import pass_time

pytestmark = pytest.mark.django_db
FEATURE: Final = "concurrent_runs"
# The clocks of two machines, neither of which is that of the database.
CLOCKS: Final = tuple(datetime(year, 6, 15, 12, tzinfo=UTC) for year in (2020, 2040))


def reserve(user: User, key: str) -> None:
    services.reserve(user=user, feature=FEATURE, amount=1, key=key)


def reserve_each(user: User, key: str) -> None:
    needs = [services.Need(feature=FEATURE, key=key)]
    [answer] = services.reserve_each(user=user, needs=needs, entitled=entitlements_of(user))
    if isinstance(answer, LimitReached):
        raise answer


def reserve_all(user: User, key: str) -> None:
    [kept] = services.reserve_all(feature=FEATURE, wanted=[Wanted(user=user.pk, key=key, limit=1)])
    assert kept == key


def renew(user: User, key: str) -> None:
    reserve(user, key)
    pass_time(seconds=3600)
    services.renew(key=key)


def renew_all(user: User, key: str) -> None:
    reserve(user, key)
    pass_time(seconds=3600)
    assert services.renew_all(keys=[key]) == {key}


def reserve_again(user: User, key: str) -> None:
    reserve(user, key)
    pass_time(seconds=3600)
    reserve(user, key)


HOLD: Final[Mapping[str, Callable[[User, str], None]]] = MappingProxyType(
    {
        act.__name__: act
        for act in (reserve, reserve_each, reserve_all, renew, renew_all, reserve_again)
    }
)


@pytest.mark.parametrize("how", HOLD)
def test_what_is_held_is_held_whatever_the_clocks_of_holder_and_looker_say(
    user: User, how: str
) -> None:
    for number, (holds, looks) in enumerate(product(CLOCKS, CLOCKS)):
        key = f"held {number}"
        with time_machine.travel(holds, tick=False):
            HOLD[how](user, key)
        pass_time(seconds=44)
        with time_machine.travel(looks, tick=False):
            assert {one.feature: one.used for one in usage_of(user)}[FEATURE] == 1
            services.prune_usage()
            for take in (reserve, reserve_each):
                with pytest.raises(LimitReached):
                    take(user, "another")
            pass_time(seconds=2)
            assert {one.feature: one.used for one in usage_of(user)}[FEATURE] == 0
            reserve(user, f"another {number}")
            services.release(key=f"another {number}")
        assert Reservation.objects.get(key=key).state == "lapsed"


def test_a_quota_is_not_passed_where_the_clocks_of_processes_differ(user: User) -> None:
    """As in a storm: one holds, one with another clock looks, and what was held is used."""
    now = datetime(2026, 6, 15, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False) as clock:
        services.consume(user=user, feature="runs_month", amount=999, key="before")
        services.reserve(user=user, feature="runs_month", amount=1, key="held")
        for seconds in (400, -400):
            clock.move_to(now + timedelta(seconds=seconds))
            services.renew_all(keys=["held"])
            clock.move_to(now)
            with pytest.raises(LimitReached):
                services.reserve(user=user, feature="runs_month", amount=1, key="one more")
        services.settle(key="held", amount=1)


def test_what_does_not_lapse_is_held_until_it_is_closed_however_often_it_is_renewed(
    user: User,
) -> None:
    need = services.Need(feature=FEATURE, key="lasts", lapses=False)
    for _ in range(2):
        services.reserve_each(user=user, needs=[need], entitled=entitlements_of(user))
        services.renew(key="lasts")
        assert services.renew_all(keys=["lasts"]) == {"lasts"}
    pass_time(seconds=10**9)
    services.prune_usage()
    with pytest.raises(LimitReached):
        reserve(user, "another")
    services.release(key="lasts")
    reserve(user, "another")
