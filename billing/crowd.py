"""A crowd of made-up accounts with years of grants, to try pages with; no person has one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone

from billing.entitlements import GrantKind, GrantSpan, boundaries, tier_steps
from billing.models import Grant, LedgerHead, TierChange
from billing.periods import ALWAYS
from billing.tiers import Tier

if TYPE_CHECKING:
    from accounts.models import User

ACCOUNTS_A_BATCH: Final = 500
DAY: Final = timedelta(days=1)
DOMAIN: Final = "crowd.example"
MAILBOXES: Final = ("consumer", "consumer", "business", "unknown")
TIERS: Final = (Tier.EARLY, Tier.EARLY, Tier.MID)
REASON: Final = "made up to try pages with"
# Of a year at most; every tenth account uses nearly all that a free one may.
_USAGE = """
INSERT INTO billing_usagecounter (user_id, feature, period_start, used, reserved, "limit")
SELECT id, 'runs_month', month,
    CASE WHEN id %% 10 = 0 THEN 900 + id %% 90 ELSE id %% 600 END, 0, 1000
FROM accounts_user, generate_series(
    date_trunc('month', %(now)s::timestamptz, 'UTC') - interval '11 months',
    date_trunc('month', %(now)s::timestamptz, 'UTC'), interval '1 month'
) AS month
WHERE id = ANY(%(users)s) AND month + interval '1 month' > date_joined
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many there are to be; the grants are spread evenly."""

    accounts: int
    grants: int


def gather(crowd: Crowd) -> Iterator[int]:
    """Insert them in batches, each in a transaction; gives the number of accounts so far.

    The ledger tells what the grants say, row by row, and usage goes back a year. Meant for an
    installation that nobody works in: nothing is announced.
    """
    dice, now = Random(7), timezone.now()  # noqa: S311  the same crowd each time
    first = _people().objects.filter(email__endswith=f"@{DOMAIN}").count()
    done = 0
    while done < crowd.accounts:
        # By sums, so that the grants come out exactly.
        numbers = range(done, min(done + ACCOUNTS_A_BATCH, crowd.accounts))
        sizes = [_share(crowd, number + 1) - _share(crowd, number) for number in numbers]
        with transaction.atomic():
            people = _people().objects.bulk_create(
                [_person(first + number, now, dice) for number in numbers]
            )
            _give(people, sizes, now, dice)
        done += len(people)
        yield done


def _share(crowd: Crowd, accounts: int) -> int:
    return crowd.grants * accounts // crowd.accounts


def _people() -> type["User"]:
    return get_user_model()


def _person(number: int, now: datetime, dice: Random) -> "User":
    address = f"person{number}@{DOMAIN}"
    joined_at = now - dice.randint(1, 400) * DAY
    return _people()(
        email=address,
        canonical_address=address,
        mailbox_kind=dice.choice(MAILBOXES),
        joined_by="import",
        password="!",  # noqa: S106  none opens it
        date_joined=joined_at,
        access_changed_at=joined_at,
        verified_at=None if number % 20 == 0 else joined_at,
    )


def _give(people: list["User"], sizes: list[int], now: datetime, dice: Random) -> None:
    grants: list[Grant] = []
    rows: list[TierChange] = []
    heads: list[LedgerHead] = []
    for person, size in zip(people, sizes, strict=True):
        given = list(islice(_history(person, now, dice), size))
        spans = [_span(grant) for grant in given]
        told = _ledger(person, spans, now)
        grants += given
        rows += told
        due = next((at for at in boundaries(spans) if at > now), None)
        heads.append(LedgerHead(user=person, seq=len(told), replayed_until=now, due_at=due))
    Grant.objects.bulk_create(grants)
    # In the order of each account, which the database checks row by row.
    TierChange.objects.bulk_create(rows)
    LedgerHead.objects.bulk_create(heads)
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, {"users": [person.pk for person in people], "now": now})


def _history(person: "User", now: datetime, dice: Random) -> Iterator[Grant]:
    """A trial first, for most, then what was paid or given, month after month, without an end."""
    moment = person.date_joined
    if dice.random() < 0.7:
        end = moment + dice.randint(7, 30) * DAY
        yield _grant(person, GrantKind.TRIAL, moment, end, dice)
        moment = end - dice.randint(0, 6) * DAY
    # Some never paid, some stopped, some have paid all the time.
    kinds = [GrantKind.SUBSCRIPTION] * (dice.randint(1, 14) if dice.random() < 0.4 else 0)
    while True:
        kind = kinds.pop() if kinds else dice.choice((GrantKind.MANUAL, GrantKind.COMPENSATION))
        end = moment + (30 * DAY if kind is GrantKind.SUBSCRIPTION else dice.randint(1, 20) * DAY)
        yield _grant(person, kind, moment, end, dice)
        moment = end if kind is GrantKind.SUBSCRIPTION else moment + dice.randint(1, 9) * DAY


def _grant(
    person: "User", kind: GrantKind, starts_at: datetime, ends_at: datetime, dice: Random
) -> Grant:
    return Grant(
        user=person,
        kind=kind.value,
        tier=dice.choice(TIERS),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=REASON,
        created_at=starts_at,
    )


def _span(grant: Grant) -> GrantSpan:
    return GrantSpan(
        kind=GrantKind(grant.kind),
        tier=grant.tier,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
    )


def _ledger(person: "User", spans: list[GrantSpan], now: datetime) -> list[TierChange]:
    """What the ledger would hold by now, had somebody looked all the time."""
    rows: list[TierChange] = []
    before = Tier.FREE
    for step in tier_steps(spans, ALWAYS, now):
        cause = TierChange.Cause.STARTED if step.tier > before else TierChange.Cause.EXPIRED
        rows.append(
            TierChange(
                user=person,
                seq=len(rows) + 1,
                before=before,
                after=step.tier,
                cause=cause,
                at=step.at,
            )
        )
        before = step.tier
    return rows
