"""The ledger of tier changes: complete, in order, once, and not to be altered."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pgtrigger
import pytest
import structlog
import time_machine
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from billing import services
from billing.errors import GrantRefused
from billing.models import Grant, LedgerHead, TierChange
from billing.selectors import entitlements_of
from billing.signals import entitlements_changed
from billing.tiers import Tier
from netra.ids import UserID
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Row = tuple[int, Tier, Tier, str]


def rows(user: User) -> list[Row]:
    changes = TierChange.objects.filter(user=user).order_by("seq")
    return [(change.seq, change.before, change.after, change.cause) for change in changes]


def test_a_row_says_who_why_when_and_in_which_request(
    user: User, staff: User, give: MakeGrant
) -> None:
    with (
        time_machine.travel(NOW, tick=False),
        structlog.contextvars.bound_contextvars(request_id="req_1_abcdef"),
    ):
        give(user, Tier.MID, actor=staff)
    change = TierChange.objects.get(user=user)
    assert (change.seq, change.before, change.after) == (1, Tier.FREE, Tier.MID)
    assert (change.cause, change.actor, change.at) == ("granted", staff, NOW)
    assert change.request_id == "req_1_abcdef"


def test_grants_approvals_and_revocations_are_numbered_in_order(
    user: User, staff: User, give: MakeGrant
) -> None:
    mid = give(user, Tier.MID)
    enterprise = give(user, Tier.ENTERPRISE)
    services.approve_grant(grant=enterprise, actor=staff)
    services.revoke(grant=enterprise, reason="over", actor=staff)
    services.revoke(grant=mid, reason="over", actor=staff)
    assert rows(user) == [
        (1, Tier.FREE, Tier.MID, "granted"),
        (2, Tier.MID, Tier.ENTERPRISE, "approved"),
        (3, Tier.ENTERPRISE, Tier.MID, "revoked"),
        (4, Tier.MID, Tier.FREE, "revoked"),
    ]


def test_a_refused_grant_leaves_no_row(user: User, give: MakeGrant) -> None:
    give(user, Tier.EARLY, kind="trial", days=10)
    with pytest.raises(GrantRefused), transaction.atomic():
        give(user, Tier.MID, kind="trial", days=10)
    assert len(rows(user)) == 1


def test_time_is_written_down_once_by_whoever_looks(user: User, give: MakeGrant) -> None:
    with time_machine.travel(NOW, tick=False):
        give(user, Tier.EARLY)
        give(user, Tier.MID, kind="trial", days=14)
        give(user, Tier.MID, starts_at=NOW + 20 * DAY, days=2)
    with time_machine.travel(NOW + 30 * DAY, tick=False):
        assert [services.record_expiries() for _ in range(3)] == [1, 0, 0]
    assert rows(user)[2:] == [
        (3, Tier.MID, Tier.EARLY, "expired"),
        (4, Tier.EARLY, Tier.MID, "started"),
        (5, Tier.MID, Tier.EARLY, "expired"),
    ]
    times = TierChange.objects.filter(user=user, seq__gte=3).order_by("seq")
    assert [change.at for change in times] == [NOW + n * DAY for n in (14, 20, 22)]


def test_what_time_changed_comes_before_what_someone_changes_later(
    user: User, give: MakeGrant
) -> None:
    with time_machine.travel(NOW, tick=False):
        give(user, Tier.MID, kind="trial", days=14)
    with time_machine.travel(NOW + 20 * DAY, tick=False):
        give(user, Tier.EARLY)
    assert rows(user) == [
        (1, Tier.FREE, Tier.MID, "granted"),
        (2, Tier.MID, Tier.FREE, "expired"),
        (3, Tier.FREE, Tier.EARLY, "granted"),
    ]


def test_nothing_is_due_while_nothing_has_ended(user: User, give: MakeGrant) -> None:
    give(user, Tier.MID, days=1)
    assert services.record_expiries() == 0
    assert LedgerHead.objects.get(user=user).due_at == Grant.objects.get().ends_at


def test_a_clock_that_runs_behind_leaves_the_order_alone(user: User, give: MakeGrant) -> None:
    with time_machine.travel(NOW, tick=False):
        give(user, Tier.MID)
    with time_machine.travel(NOW - DAY, tick=False):
        give(user, Tier.ENTERPRISE, kind="manual")
        services.revoke(grant=Grant.objects.get(tier=Tier.MID), reason="over", actor=None)
    assert rows(user)[-1] == (2, Tier.MID, Tier.FREE, "revoked")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_tierchange SET after = 'enterprise'",
        "DELETE FROM billing_tierchange",
        "TRUNCATE billing_tierchange",
        "TRUNCATE accounts_user CASCADE",
    ],
)
def test_the_database_alters_no_row(user: User, give: MakeGrant, statement: str) -> None:
    give(user, Tier.MID)
    with connection.cursor() as cursor:
        # The deferred checks of this test's own inserts would stop a TRUNCATE by themselves.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement)
    assert rows(user) == [(1, Tier.FREE, Tier.MID, "granted")]


@pytest.mark.parametrize(
    ("seq", "before", "after"),
    [
        (3, Tier.MID, Tier.FREE),
        (1, Tier.MID, Tier.FREE),
        (2, Tier.FREE, Tier.MID),
        (2, Tier.MID, Tier.MID),
        (0, Tier.MID, Tier.FREE),
    ],
)
def test_the_database_takes_only_the_row_that_follows(
    user: User, give: MakeGrant, seq: int, before: Tier, after: Tier
) -> None:
    give(user, Tier.MID)
    with pytest.raises(DatabaseError), transaction.atomic():
        TierChange.objects.create(
            user=user, seq=seq, before=before, after=after, cause="granted", at=NOW
        )
    assert len(rows(user)) == 1


def test_a_number_is_given_once_even_past_the_chain(user: User, give: MakeGrant) -> None:
    give(user, Tier.MID)
    again = TierChange(user=user, seq=1, before=Tier.MID, after=Tier.FREE, cause="granted", at=NOW)
    with pgtrigger.ignore("billing.TierChange:chain"):
        with pytest.raises(IntegrityError, match="tier_change_seq"), transaction.atomic():
            again.save()
        assert len(rows(user)) == 1


def test_a_change_is_announced_after_commit_and_not_before(
    user: User,
    give: MakeGrant,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    heard: list[UserID] = []

    def hear(*, user_id: UserID, **_signal: object) -> None:
        heard.append(user_id)

    entitlements_changed.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            given = give(user, Tier.MID)
            services.revoke(grant=given, reason="over", actor=None)
            assert heard == []
    finally:
        entitlements_changed.disconnect(hear)
    assert heard == [user.public_id, user.public_id]


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_leave_no_gap_and_end_at_the_truth(
    make_user: MakeUser, give: MakeGrant
) -> None:
    user = make_user()
    tiers = [Tier.EARLY, Tier.MID, Tier.EARLY, Tier.MID]

    def grant_and_revoke(tier: Tier) -> None:
        try:
            for _ in range(5):
                given = give(user, tier, days=1)
                services.revoke(grant=given, reason="over", actor=None)
            give(user, tier, days=1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(tiers)) as threads:
        list(threads.map(grant_and_revoke, tiers))
    ledger = rows(user)
    assert [row[0] for row in ledger] == list(range(1, len(ledger) + 1))
    assert all(ledger[i][2] is ledger[i + 1][1] for i in range(len(ledger) - 1))
    assert ledger[-1][2] is entitlements_of(user).tier is Tier.MID


@pytest.mark.django_db(transaction=True)
def test_many_sweeps_at_once_write_an_expiry_once(make_user: MakeUser, give: MakeGrant) -> None:
    users = [make_user() for _ in range(5)]
    with time_machine.travel(NOW, tick=False):
        for user in users:
            give(user, Tier.MID, days=1)

    def sweep(_: int) -> int:
        try:
            return services.record_expiries()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(sweep, range(8)))
    for user in users:
        assert [row[3] for row in rows(user)] == ["granted", "expired"]
