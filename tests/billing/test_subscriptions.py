"""From what is told of subscriptions to the plan that is paid."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from billing.subscriptions import ARREARS, Paid, Status, Told, next_look, paid_plan, words_of
from billing.tiers import Tier

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TIERS = {"price_early": Tier.EARLY, "price_mid": Tier.MID}


def told(
    status: Status = Status.ACTIVE,
    *,
    price: str = "price_early",
    name: str = "sub_1",
    ends_at: datetime | None = None,
    refunded: bool = False,
) -> Told:
    return Told(
        provider_id=name,
        status=status,
        price=price,
        started_at=NOW - 40 * DAY,
        period_starts_at=NOW - 10 * DAY,
        period_ends_at=NOW + 20 * DAY,
        ends_at=ends_at,
        refunded=refunded,
    )


def test_only_what_is_paid_gives_a_plan() -> None:
    given = {status: paid_plan([told(status)], TIERS, NOW) for status in Status}
    forever = Paid(subscription="sub_1", tier=Tier.EARLY, until=None)
    assert {status for status, paid in given.items() if paid} == {Status.ACTIVE, Status.TRIALING}
    assert given[Status.ACTIVE] == forever
    assert paid_plan([told(refunded=True)], TIERS, NOW) is None
    assert paid_plan([told(price="price_other")], TIERS, NOW) is None
    assert paid_plan([told(ends_at=NOW)], TIERS, NOW) is None


def test_arrears_last_for_days_from_the_renewal_and_never_beyond_the_end() -> None:
    late = told(Status.PAST_DUE)
    end = late.period_starts_at + ARREARS
    paid = paid_plan([late], TIERS, end - timedelta(microseconds=1))
    assert paid == Paid(subscription="sub_1", tier=Tier.EARLY, until=end)
    assert paid_plan([late], TIERS, end) is None
    assert told(Status.PAST_DUE, ends_at=end - DAY).paid_until == end - DAY


def test_of_several_the_highest_then_the_longest_counts_in_any_order() -> None:
    several = [
        told(name="sub_1", ends_at=NOW + DAY, price="price_mid"),
        told(name="sub_2", ends_at=NOW + 2 * DAY, price="price_mid"),
        told(name="sub_3"),
        told(Status.CANCELED, name="sub_4", price="price_mid"),
    ]
    found = {paid_plan(order, TIERS, NOW) for order in permutations(several)}
    assert found == {Paid(subscription="sub_2", tier=Tier.MID, until=NOW + 2 * DAY)}


def test_the_next_look_is_when_news_is_due_and_now_once_it_is_overdue() -> None:
    assert next_look([], NOW) is None
    assert next_look([told(Status.CANCELED)], NOW) is None
    assert next_look([told(), told(ends_at=NOW + DAY)], NOW) == NOW + DAY
    assert next_look([told()], NOW + 30 * DAY) == NOW + 30 * DAY


def test_every_status_has_words() -> None:
    words = {words_of(told(status), "$50 a month") for status in Status}
    assert len(words) == len(Status) - 2  # trials are paid later, and over is over
    assert "is not renewed" in words_of(told(ends_at=NOW + DAY), "$50 a month")
    assert "given back" in words_of(told(refunded=True), "$50 a month")
