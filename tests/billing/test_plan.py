"""What the page of a plan tells, from entitlements alone."""

from datetime import UTC, datetime, timedelta

from billing import plan
from billing.entitlements import Entitlements, GrantKind, GrantSpan, entitlements
from billing.overrides import ALLOWED, OverrideSpan
from billing.plan import Meter, Offer, Usage
from billing.tiers import Tier
from tests.billing.test_catalogue import first_catalogue

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CATALOGUE = first_catalogue()


def on(tier: Tier, *overrides: OverrideSpan, at: datetime = NOW) -> Entitlements:
    span = GrantSpan(kind=GrantKind.TRIAL, tier=tier, starts_at=NOW, ends_at=NOW + 14 * DAY)
    return entitlements([span], CATALOGUE, at, overrides=overrides)


def meter(entitled: Entitlements, used: int) -> Meter:
    limit = entitled.limits["runs_month"]
    usage = Usage(feature="runs_month", used=used, limit=limit, resets_at=NOW)
    [only] = plan.meters(entitled, [usage], CATALOGUE, NOW)
    return only


def exception(value: int | None, feature: str = "runs_month") -> OverrideSpan:
    return OverrideSpan(feature=feature, value=value, starts_at=NOW, ends_at=None)


def test_a_meter_says_how_much_how_near_and_which_plan_has_more() -> None:
    calm, near, full = (meter(on(Tier.EARLY), used) for used in (7999, 8000, 10_000))
    assert [each.tone for each in (calm, near, full)] == ["calm", "near", "full"]
    assert (calm.told, calm.higher) == ("7,999 of 10,000", (Tier.MID, "50,000"))


def test_nothing_lifts_what_has_no_limit_or_is_an_exception() -> None:
    assert meter(on(Tier.ENTERPRISE), 9).told == "9 of unlimited"
    assert meter(on(Tier.ENTERPRISE), 9).higher is None
    set_by_staff = meter(on(Tier.EARLY, exception(20)), 9)
    assert (set_by_staff.overridden, set_by_staff.higher) == (True, None)
    assert meter(on(Tier.EARLY, exception(0)), 0).tone == "full"
    assert meter(on(Tier.MID), 9).higher == (Tier.ENTERPRISE, "unlimited")


def test_what_comes_next_names_all_that_differs() -> None:
    end = NOW + 14 * DAY
    coming = plan.coming_change(on(Tier.EARLY), on(Tier.EARLY, at=end), end)
    assert (coming.at, coming.tier) == (end, Tier.FREE)
    assert coming.differences[0] == "1,000 runs a month"
    assert coming.differences[-1] == "without API access"
    assert len(coming.differences) == 7
    won = plan.coming_change(on(Tier.EARLY), on(Tier.EARLY, exception(ALLOWED, "sso")), NOW)
    assert won.differences == ("with SSO",)


def test_the_comparison_marks_what_is_more_than_one_has() -> None:
    offers = [
        Offer(price=1, tier=Tier.EARLY, currency="usd", words="$50 a month", sold=True),
        Offer(price=2, tier=Tier.MID, currency="usd", words="$100 a month", sold=False),
        Offer(price=3, tier=Tier.MID, currency="usd", words="$1,000 a year", sold=True),
    ]
    columns = plan.columns(CATALOGUE, offers, NOW)
    assert [column.price for column in columns] == [
        "$0 a month",
        "$50 a month",
        "$100 a month or $1,000 a year",
        "by agreement",
    ]
    rows = {row.title: row.cells for row in plan.rows(on(Tier.EARLY), columns)}
    assert rows["Runs a month"] == (
        ("1,000", False),
        ("10,000", False),
        ("50,000", True),
        ("unlimited", True),
    )
    assert rows["SSO"] == (("no", False), ("no", False), ("no", False), ("yes", True))
    assert len(rows) == 12
    nothing_more = plan.rows(on(Tier.EARLY, exception(None)), columns)
    assert not any(more for _, more in nothing_more[0].cells)


def test_what_is_not_counted_is_told_without_a_meter() -> None:
    assert plan.spans(on(Tier.FREE)) == (
        "2 hours until an idle sign-in ends",
        "30 days that events are kept at least",
    )
