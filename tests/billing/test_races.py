"""All that changes a tier at the same time, with real threads; and a holder that is killed."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.conf import settings
from django.db import connections
from django.utils import timezone

from accounts import identities, standing
from accounts.models import IdentityEvidence, User
from billing import services
from billing.errors import LimitReached
from billing.models import LedgerHead, TierChange
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser
from tests.billing.holds import pass_time

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 8
SHORT = timedelta(milliseconds=20)
HOLDER = """
import django, sys, time
django.setup()
from accounts.models import User
from billing import services
user = User.objects.get()
services.reserve(user=user, feature="concurrent_runs", amount=1, key="killed")
print("held", flush=True)
time.sleep(60)
"""


def at_once(acts: list[Callable[[], object]]) -> None:
    """Run all of them in threads of their own; one that fails fails the test."""

    def closing(act: Callable[[], object]) -> None:
        try:
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        list(threads.map(closing, acts))


def linked(user: User, number: int) -> IdentityEvidence:
    """A GitHub identity of the account with the grant that it brings."""
    identity = IdentityEvidence.objects.create(
        user=user,
        provider="github",
        issuer="https://github.example",
        subject=f"{number}",
        address=f"{number}@acme.org",
        verified=True,
        authority="attested",
    )
    assert standing.grant_for(identity) is not None
    return identity


def assert_ledger_is_whole(user: User) -> None:
    rows = list(TierChange.objects.filter(user=user).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0].before is Tier.FREE
    assert all(one.after is two.before and one.at <= two.at for one, two in pairwise(rows))
    assert rows[-1].after is entitlements_of(user).tier
    assert LedgerHead.objects.get(user=user).seq == len(rows)


def test_revoke_upgrade_expiry_and_unlink_at_once_leave_a_whole_ledger(
    make_user: MakeUser, give: MakeGrant
) -> None:
    user, staff, second = make_user(), make_user(), make_user()
    User.objects.filter(pk=user.pk).update(password="a password, so that no way in is the last")
    user.refresh_from_db()
    ways = [linked(user, number) for number in range(ROUNDS)]

    def grant_and_revoke() -> None:
        for _ in range(ROUNDS):
            services.revoke(grant=give(user, Tier.MID), reason="over", actor=staff)

    def upgrade() -> None:
        for _ in range(ROUNDS):
            given = give(user, Tier.ENTERPRISE, actor=staff)
            services.approve_grant(grant=given, actor=second)
            services.revoke(grant=given, reason="over", actor=staff)

    def expire() -> None:
        for _ in range(ROUNDS):
            now = timezone.now()
            give(user, Tier.MID, starts_at=now + SHORT, ends_at=now + 2 * SHORT)
            services.record_expiries()

    def unlink() -> None:
        for way in ways[:-1]:
            identities.unlink(user=user, identity=way)

    at_once([grant_and_revoke, upgrade, expire, unlink, services.record_expiries])
    with time_machine.travel(timezone.now() + 3 * SHORT, tick=False):
        services.record_expiries()
        assert entitlements_of(user).tier is Tier.EARLY
        assert_ledger_is_whole(user)
        identities.unlink(user=user, identity=ways[-1])
        assert entitlements_of(user).tier is Tier.FREE
        assert_ledger_is_whole(user)


def test_what_a_killed_holder_had_is_free_within_a_minute(
    user: User, server_environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=settings.BASE_DIR,
        env=server_environment | {"DJANGO_SETTINGS_MODULE": "netra.settings"},
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with pytest.raises(LimitReached):
        services.reserve(user=user, feature="concurrent_runs", amount=1, key="too soon")
    pass_time(seconds=60)
    services.reserve(user=user, feature="concurrent_runs", amount=1, key="next")
