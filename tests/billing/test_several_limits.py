"""Several limits of one account, reserved in one statement: each is answered for itself."""

from collections.abc import Callable
from dataclasses import replace

from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from billing import services
from billing.errors import LimitReached
from billing.models import Reservation, UsageCounter
from billing.selectors import entitlements_of, entitlements_of_all
from tests.billing.holds import pass_time
from tests.minutes import begin_within_a_minute


def counted(user: User, feature: str) -> tuple[int, int]:
    counter = UsageCounter.objects.get(user=user, feature=feature)
    return counter.used, counter.reserved


def test_of_several_limits_each_is_answered_for_itself(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    begin_within_a_minute(5)
    entitled = entitlements_of(user)
    needs = [
        services.Need(feature="runs_month", key="run"),
        services.Need(feature="messages_minute", key="message", amount=2, is_used=True),
        services.Need(feature="concurrent_runs", key="slot"),
    ]
    with django_assert_num_queries(1):
        answers = services.reserve_each(user=user, needs=needs, entitled=entitled)
    assert [(one.feature, one.state) for one in answers if isinstance(one, Reservation)] == [
        ("runs_month", "held"),
        ("messages_minute", "settled"),
        ("concurrent_runs", "held"),
    ]
    again = services.reserve_each(user=user, needs=needs, entitled=entitled)
    assert again == [Reservation.objects.get(key=need.key) for need in needs]
    services.consume(user=user, feature="messages_minute", amount=28, key="fill")
    others = [replace(need, key=f"other {need.key}") for need in needs]
    held, *refused = services.reserve_each(user=user, needs=others, entitled=entitled)
    assert isinstance(held, Reservation)
    assert [one.feature for one in refused if isinstance(one, LimitReached)] == [
        "messages_minute",
        "concurrent_runs",
    ]
    assert [counted(user, need.feature) for need in needs] == [(0, 2), (30, 0), (0, 1)]
    assert Reservation.objects.filter(key__startswith="other").count() == 1


def test_in_several_limits_a_lapsed_place_is_taken_again(user: User) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="dead")
    pass_time(seconds=50)
    needs = [
        services.Need(feature="runs_month", key="run"),
        services.Need(feature="concurrent_runs", key="slot"),
    ]
    answers = services.reserve_each(user=user, needs=needs, entitled=entitlements_of(user))
    assert [isinstance(one, Reservation) for one in answers] == [True, True]
    assert counted(user, "concurrent_runs") == (0, 1)


def test_of_several_accounts_those_are_told_that_lack_something(
    make_user: Callable[[], User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    users = [make_user() for _ in range(3)]
    entitled = entitlements_of_all([user.pk for user in users])
    services.reserve(user=users[1], feature="concurrent_runs", amount=1, key="taken")
    needs = {
        user: [
            services.Need(feature="runs_month", key=f"run {user.pk}", lapses=False),
            services.Need(feature="concurrent_runs", key=f"slot {user.pk}"),
        ]
        for user in reversed(users)
    }
    with transaction.atomic(), django_assert_num_queries(1):
        refused = services.reserve_for_each(needs=needs, entitled=entitled)
        transaction.set_rollback(True)
    assert refused == {users[1].pk}
    del needs[users[1]]
    assert services.reserve_for_each(needs=needs, entitled=entitled) == set()
    for user in (users[0], users[2]):
        assert [counted(user, name) for name in ("runs_month", "concurrent_runs")] == [(0, 1)] * 2
        lasting = Reservation.objects.filter(user=user, lapses_at=None)
        assert list(lasting.values_list("feature", flat=True)) == ["runs_month"]
    # A key that is taken grows nothing, and whoever has it asks by itself.
    assert services.reserve_for_each(needs=needs, entitled=entitled) == {users[0].pk, users[2].pk}
    assert counted(users[0], "runs_month") == (0, 1)
