"""Usage that is reserved, settled, released and lapses, on the database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from billing import services
from billing.errors import LimitReached, UnknownReservation
from billing.models import Reservation, UsageCounter
from billing.selectors import catalogue, usage_of
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser
from tests.billing.holds import pass_time

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, 0, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def used(user: User, feature: str) -> int:
    return next(usage.used for usage in usage_of(user) if usage.feature == feature)


def counted(user: User, feature: str) -> tuple[int, int]:
    counter = UsageCounter.objects.get(user=user, feature=feature)
    return counter.used, counter.reserved


def fill(user: User, feature: str, amount: int) -> None:
    services.consume(user=user, feature=feature, amount=amount, key=f"fill {feature}")


def test_what_is_reserved_is_used_and_what_is_released_is_not(user: User) -> None:
    services.reserve(user=user, feature="runs_month", amount=3, key="a")
    assert (used(user, "runs_month"), counted(user, "runs_month")) == (3, (0, 3))
    services.release(key="a")
    assert counted(user, "runs_month") == (0, 0)


@pytest.mark.parametrize("amount", [0, 1, 2, 3])
def test_settling_uses_what_was_used_and_gives_the_rest_back(user: User, amount: int) -> None:
    services.reserve(user=user, feature="runs_month", amount=3, key="a")
    services.settle(key="a", amount=amount)
    assert counted(user, "runs_month") == (amount, 0)


def test_settling_more_than_was_reserved_needs_room_for_the_difference(user: User) -> None:
    fill(user, "runs_month", 990)
    services.reserve(user=user, feature="runs_month", amount=5, key="a")
    with pytest.raises(LimitReached) as error:
        services.settle(key="a", amount=11)
    assert error.value.used == 995
    assert counted(user, "runs_month") == (990, 5)
    services.settle(key="a", amount=10)
    assert counted(user, "runs_month") == (1000, 0)


def test_a_place_is_given_back_by_settling_as_by_releasing(user: User) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="a")
    services.settle(key="a", amount=1)
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="b")
    services.release(key="b")
    assert counted(user, "concurrent_runs") == (0, 0)


def test_at_the_limit_is_allowed_and_one_above_is_not(user: User) -> None:
    for n in range(3):
        services.reserve(user=user, feature="concurrent_connections", amount=1, key=f"{n}")
    with pytest.raises(LimitReached) as error:
        services.reserve(user=user, feature="concurrent_connections", amount=1, key="4th")
    reached = error.value
    assert (reached.feature, reached.limit, reached.used) == ("concurrent_connections", 3, 3)
    assert (reached.resets_at, reached.required_tier) == (None, Tier.EARLY)
    assert not Reservation.objects.filter(key="4th").exists()


def test_a_refusal_says_when_the_period_ends_and_which_tier_suffices(user: User) -> None:
    fill(user, "runs_month", 1000)
    with pytest.raises(LimitReached) as error:
        services.reserve(user=user, feature="runs_month", amount=9_001, key="a")
    assert error.value.required_tier is Tier.MID
    assert error.value.resets_at == datetime(2026, 7, 1, tzinfo=UTC)
    fill(user, "messages_minute", 30)
    with pytest.raises(LimitReached) as error:
        services.reserve(user=user, feature="messages_minute", amount=1000, key="b")
    assert error.value.required_tier is None
    assert error.value.resets_at == datetime(2026, 6, 15, 12, 1, tzinfo=UTC)


def test_more_than_the_whole_limit_is_refused_before_there_is_a_counter(user: User) -> None:
    with pytest.raises(LimitReached) as error:
        services.reserve(user=user, feature="runs_month", amount=1001, key="a")
    assert (error.value.used, error.value.required_tier) == (0, Tier.EARLY)
    assert not UsageCounter.objects.exists()


def test_an_unknown_feature_is_denied(user: User) -> None:
    with pytest.raises(LimitReached) as error:
        services.reserve(user=user, feature="teleport", amount=1, key="a")
    assert (error.value.limit, error.value.required_tier) == (0, None)


@pytest.mark.parametrize("feature", ["session_idle_hours", "retention_days"])
def test_a_span_of_time_is_not_used_up(user: User, feature: str) -> None:
    with pytest.raises(ValueError, match="span of time"):
        services.reserve(user=user, feature=feature, amount=1, key="a")


@pytest.mark.parametrize(
    ("amount", "key"),
    [
        (0, "a"),
        (-1, "a"),
        (10**10, "a"),
        (1.5, "a"),
        (True, "a"),
        ("1", "a"),
        (1, ""),
        (1, 201 * "a"),
    ],
)
def test_amount_and_key_are_bounded(user: User, amount: int, key: str) -> None:
    with pytest.raises(ValueError, match="must"):
        services.reserve(user=user, feature="runs_month", amount=amount, key=key)


def test_reserving_one_limit_consumes_no_other(user: User) -> None:
    services.reserve(user=user, feature="runs_month", amount=1, key="a")
    assert {usage.feature: usage.used for usage in usage_of(user)} == {
        "runs_month": 1,
        "messages_minute": 0,
        "concurrent_runs": 0,
        "concurrent_connections": 0,
    }


def test_an_unlimited_limit_never_refuses(user: User, staff: User, give: MakeGrant) -> None:
    services.approve_grant(grant=give(user, Tier.ENTERPRISE), actor=staff)
    for n in range(3):
        services.reserve(user=user, feature="runs_month", amount=10**9, key=f"{n}")
    assert used(user, "runs_month") == 3 * 10**9


def test_the_same_call_again_changes_nothing_and_answers_alike(user: User) -> None:
    first = services.reserve(user=user, feature="runs_month", amount=2, key="a")
    assert services.reserve(user=user, feature="runs_month", amount=2, key="a") == first
    for _ in range(2):
        services.settle(key="a", amount=1)
    services.release(key="a")
    services.renew(key="a")
    assert services.reserve(user=user, feature="runs_month", amount=2, key="a") == first
    assert counted(user, "runs_month") == (1, 0)


def test_the_same_call_again_makes_a_hold_no_longer(user: User) -> None:
    services.reserve(user=user, feature="runs_month", amount=2, key="a")
    pass_time(seconds=30)
    lapses_at = Reservation.objects.get(key="a").lapses_at
    services.reserve(user=user, feature="runs_month", amount=2, key="a")
    assert Reservation.objects.get(key="a").lapses_at == lapses_at


def test_a_release_is_final(user: User) -> None:
    services.reserve(user=user, feature="runs_month", amount=2, key="a")
    for _ in range(2):
        services.release(key="a")
    services.settle(key="a", amount=2)
    assert counted(user, "runs_month") == (0, 0)


def test_a_key_at_the_limit_answers_as_it_did_before(user: User) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="a")
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="a")
    assert counted(user, "concurrent_runs") == (0, 1)


def test_a_key_belongs_to_one_account_limit_and_amount(user: User, make_user: MakeUser) -> None:
    services.reserve(user=user, feature="runs_month", amount=2, key="a")
    for other, feature, amount in (
        (make_user(), "runs_month", 2),
        (user, "messages_minute", 2),
        (user, "runs_month", 3),
    ):
        with pytest.raises(ValueError, match="something else"):
            services.reserve(user=other, feature=feature, amount=amount, key="a")
    assert counted(user, "runs_month") == (0, 2)


def test_a_key_that_was_refused_may_try_again(user: User) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="a")
    with pytest.raises(LimitReached):
        services.reserve(user=user, feature="concurrent_runs", amount=1, key="b")
    services.release(key="a")
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="b")


def test_an_unknown_key_is_not_settled_or_renewed_and_its_release_is_nothing(db: None) -> None:
    with pytest.raises(UnknownReservation):
        services.settle(key="never", amount=1)
    with pytest.raises(UnknownReservation):
        services.renew(key="never")
    services.release(key="never")


@pytest.mark.parametrize(("seconds", "free"), [(40, False), (45, True), (60, True)])
def test_a_silent_holder_loses_its_place_after_45_seconds(
    user: User, seconds: float, free: bool
) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="silent")
    pass_time(seconds=seconds)
    assert used(user, "concurrent_runs") == (0 if free else 1)
    if free:
        services.reserve(user=user, feature="concurrent_runs", amount=1, key="next")
        assert Reservation.objects.get(key="silent").state == "lapsed"
        return
    with pytest.raises(LimitReached):
        services.reserve(user=user, feature="concurrent_runs", amount=1, key="next")


def test_a_renewed_place_is_kept(user: User) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="alive")
    for _ in range(4):
        pass_time(seconds=40)
        services.renew(key="alive")
    pass_time(seconds=44)
    with pytest.raises(LimitReached):
        services.reserve(user=user, feature="concurrent_runs", amount=1, key="next")


def test_who_lost_a_place_takes_another_only_where_there_is_one(user: User) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="slow")
    pass_time(seconds=46)
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="quick")
    with pytest.raises(LimitReached):
        services.renew(key="slow")
    with pytest.raises(LimitReached):
        services.reserve(user=user, feature="concurrent_runs", amount=1, key="slow")
    services.release(key="quick")
    services.renew(key="slow")
    assert counted(user, "concurrent_runs") == (0, 1)


def test_what_lapsed_is_settled_only_where_there_is_room(user: User) -> None:
    fill(user, "runs_month", 998)
    services.reserve(user=user, feature="runs_month", amount=2, key="slow")
    pass_time(seconds=46)
    services.reserve(user=user, feature="runs_month", amount=1, key="quick")
    with pytest.raises(LimitReached):
        services.settle(key="slow", amount=2)
    assert counted(user, "runs_month") == (998, 1)
    services.settle(key="slow", amount=1)
    services.settle(key="quick", amount=1)
    assert counted(user, "runs_month") == (1000, 0)


def test_settling_for_more_never_takes_its_own_place_for_lapsed(user: User) -> None:
    fill(user, "runs_month", 995)
    services.reserve(user=user, feature="runs_month", amount=5, key="slow")
    pass_time(seconds=46)
    with pytest.raises(LimitReached):
        services.settle(key="slow", amount=6)
    assert counted(user, "runs_month") == (995, 5)


def test_what_lapsed_and_nobody_needed_is_settled_as_if_it_had_not(user: User) -> None:
    services.reserve(user=user, feature="runs_month", amount=2, key="slow")
    pass_time(seconds=3600)
    services.settle(key="slow", amount=2)
    assert counted(user, "runs_month") == (2, 0)


def test_a_lapsed_place_is_released_without_being_given_back_twice(user: User) -> None:
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="slow")
    pass_time(seconds=46)
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="quick")
    services.release(key="slow")
    assert counted(user, "concurrent_runs") == (0, 1)


def test_a_month_or_a_minute_starts_from_nothing(user: User, clock: time_machine.Traveller) -> None:
    fill(user, "runs_month", 1000)
    fill(user, "messages_minute", 30)
    clock.move_to(NOW + timedelta(minutes=1))
    services.consume(user=user, feature="messages_minute", amount=30, key="next minute")
    clock.move_to(NOW + timedelta(days=30))
    services.reserve(user=user, feature="runs_month", amount=1000, key="next month")


def test_what_was_reserved_is_settled_in_its_own_month(
    user: User, clock: time_machine.Traveller
) -> None:
    clock.move_to(datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC))
    services.reserve(user=user, feature="runs_month", amount=1, key="late")
    clock.shift(10)
    services.settle(key="late", amount=1)
    assert used(user, "runs_month") == 0
    assert UsageCounter.objects.get().period_start == datetime(2026, 6, 1, tzinfo=UTC)


def test_a_downgrade_takes_nothing_away_and_lets_nothing_more_in(
    user: User, give: MakeGrant
) -> None:
    early = give(user, Tier.EARLY)
    fill(user, "runs_month", 5000)
    services.reserve(user=user, feature="runs_month", amount=1, key="running")
    services.revoke(grant=early, reason="over", actor=None)
    with pytest.raises(LimitReached) as error:
        services.reserve(user=user, feature="runs_month", amount=1, key="a")
    assert (error.value.limit, error.value.used) == (1000, 5001)
    services.settle(key="running", amount=1)
    assert counted(user, "runs_month") == (5001, 0)


def test_an_upgrade_holds_at_once(user: User, give: MakeGrant) -> None:
    fill(user, "runs_month", 1000)
    give(user, Tier.EARLY)
    services.reserve(user=user, feature="runs_month", amount=9000, key="a")


def test_consuming_is_reserving_and_settling_in_one(user: User) -> None:
    for _ in range(2):
        services.consume(user=user, feature="messages_minute", amount=1, key="message")
    assert counted(user, "messages_minute") == (1, 0)
    services.release(key="message")
    assert counted(user, "messages_minute") == (1, 0)


def test_a_refusal_leaves_the_outer_transaction_usable(user: User) -> None:
    with transaction.atomic():
        with pytest.raises(LimitReached):
            services.reserve(user=user, feature="concurrent_runs", amount=2, key="a")
        services.reserve(user=user, feature="concurrent_runs", amount=1, key="b")
    assert counted(user, "concurrent_runs") == (0, 1)


def test_what_an_outer_transaction_reserved_goes_with_it(user: User) -> None:
    services.reserve(user=user, feature="runs_month", amount=1, key="before")

    def reserve_both() -> None:
        with transaction.atomic():
            services.reserve(user=user, feature="runs_month", amount=1, key="inside")
            services.reserve(user=user, feature="concurrent_runs", amount=2, key="refused")

    with pytest.raises(LimitReached):
        reserve_both()
    assert counted(user, "runs_month") == (0, 1)
    assert not Reservation.objects.filter(key="inside").exists()


def test_round_trips_of_the_hot_path(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    catalogue()
    with django_assert_num_queries(2):  # grants; key and counter
        services.reserve(user=user, feature="runs_month", amount=1, key="a")
    with django_assert_num_queries(2):
        services.consume(user=user, feature="messages_minute", amount=1, key="b")
    with django_assert_num_queries(3):  # reservation, counter, reservation
        services.settle(key="a", amount=1)


def test_old_minutes_and_closed_keys_are_forgotten_and_months_are_not(
    user: User, clock: time_machine.Traveller
) -> None:
    fill(user, "messages_minute", 1)
    fill(user, "runs_month", 1)
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="held")
    clock.shift(timedelta(days=6, hours=23))
    assert services.prune_usage() == 0
    services.renew(key="held")
    clock.shift(timedelta(hours=2))
    assert [services.prune_usage() for _ in range(2)] == [3, 0]
    assert set(UsageCounter.objects.values_list("feature", flat=True)) == {
        "runs_month",
        "concurrent_runs",
    }
    assert Reservation.objects.get().key == "held"


def test_usage_names_every_counted_limit_with_its_end(user: User) -> None:
    fill(user, "runs_month", 7)
    month, minute, runs, connections = usage_of(user)
    assert (month.feature, month.used, month.limit) == ("runs_month", 7, 1000)
    assert month.resets_at == datetime(2026, 7, 1, tzinfo=UTC)
    assert minute.resets_at == datetime(2026, 6, 15, 12, 1, tzinfo=UTC)
    assert (runs.resets_at, connections.resets_at) == (None, None)
