"""What evidence is worth, over every provider, tier and kind of mailbox."""

from itertools import product

import pytest

from accounts.mailbox import MailboxKind
from accounts.policy import ANYBODYS, FIRST_PROVIDER_TIERS, one_step_up, provider_grant
from billing.tiers import Tier


@pytest.mark.parametrize(
    ("first", "kind", "verified"), [*product(FIRST_PROVIDER_TIERS, MailboxKind, (True, False))]
)
def test_only_a_verified_identity_grants_and_anybodys_mail_only_free_where_it_is_said(
    first: tuple[str, Tier, bool], kind: MailboxKind, verified: bool
) -> None:
    _, listed, own_domain_only = first
    granted = provider_grant(listed, own_domain_only=own_domain_only, verified=verified, kind=kind)
    expected = Tier.FREE if own_domain_only and kind in ANYBODYS else listed
    assert granted == (expected if verified else None)


def test_one_step_up_ends_at_mid() -> None:
    assert [one_step_up(tier) for tier in Tier] == [Tier.EARLY, Tier.MID, None, None]
