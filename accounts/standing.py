"""What an account's evidence is worth, written down as grants and as the recommended tier.

Callers hold the user's row, locked.
"""

from allauth.socialaccount.models import SocialAccount
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.evidence import Authority
from accounts.mailbox import Mailbox, MailboxKind, classify
from accounts.models import DomainPolicy, IdentityEvidence, ProviderTier, User
from accounts.policy import AN_EMPLOYERS, one_step_up, provider_grant
from billing import services as billing
from billing.entitlements import GrantKind
from billing.models import Grant
from billing.tiers import Tier


def recommendation(mailbox: Mailbox, *, base: Tier = Tier.FREE) -> Tier | None:
    """One step above `base` where a policy says so of the domain; else None."""
    policy = policy_of(mailbox)
    return one_step_up(base) if policy is not None and policy.recommends else None


def policy_of(mailbox: Mailbox) -> DomainPolicy | None:
    """The row for the mailbox's domain, else the one for every business domain."""
    if mailbox.kind not in AN_EMPLOYERS:
        return None
    names = {mailbox.domain, ""} if mailbox.kind is MailboxKind.BUSINESS else {mailbox.domain}
    # The empty domain sorts first, so a row of the domain's own wins.
    return DomainPolicy.objects.filter(domain__in=names).order_by("-domain").first()


def grant_for(identity: IdentityEvidence) -> Grant | None:
    """Give what the identity is worth, once; None where that is nothing."""
    if _live(identity.user, GrantKind.PROVIDER, identity.grant_source):
        return None
    row = ProviderTier.objects.filter(provider=identity.provider).first()
    tier = provider_grant(
        Tier.FREE if row is None else row.tier,
        own_domain_only=row is not None and row.own_domain_only,
        verified=identity.verified,
        kind=classify(identity.address).kind if identity.verified else None,
    )
    if tier is None:
        return None
    return billing.grant(
        user=identity.user,
        kind=GrantKind.PROVIDER.value,
        tier=tier,
        starts_at=timezone.now(),
        ends_at=None,
        reason=f"signed in by {identity.provider} with a verified address",
        actor=None,
        source=identity.grant_source,
    )


def part(identity: IdentityEvidence, *, reason: str) -> bool:
    """Let an identity open nothing more and take back what it was worth; False if it did not."""
    parted = IdentityEvidence.objects.filter(pk=identity.pk, unlinked_at=None).update(
        unlinked_at=Greatest("first_seen_at", timezone.now())
    )
    if not parted:
        return False
    SocialAccount.objects.filter(
        user=identity.user, provider=identity.provider, uid=identity.subject
    ).delete()
    for grant in _live(identity.user, GrantKind.PROVIDER, identity.grant_source):
        billing.revoke(grant=grant, reason=reason, actor=None)
    return True


def settle(user: User, *, by_code: bool = False) -> None:
    """Bring the recommendation and the grant for the domain up to what speaks for them now.

    `by_code` where a code mailed to the user's address has just been entered.
    """
    mailbox = classify(user.email)
    recommended = recommendation(mailbox, base=_provider_tier(user))
    user.recommended_tier = recommended.value if recommended else ""
    user.save(update_fields=["recommended_tier"])
    _settle_domain(user, mailbox, recommended, by_code=by_code)


def withdraw(user: User, *, reason: str) -> None:
    """Take back every grant of the account, whatever it was for."""
    for grant in Grant.objects.filter(user=user, revoked_at=None):
        billing.revoke(grant=grant, reason=reason, actor=None)


def _settle_domain(
    user: User, mailbox: Mailbox, recommended: Tier | None, *, by_code: bool
) -> None:
    source = f"domain:{mailbox.domain}"
    for grant in _live(user, GrantKind.DOMAIN):
        if grant.source != source:
            billing.revoke(grant=grant, reason="the address has another domain now", actor=None)
    policy = policy_of(mailbox)
    if policy is None or not policy.grants or recommended is None:
        return
    if _live(user, GrantKind.DOMAIN, source) or not (by_code or _hosts_domain(user, mailbox)):
        return
    billing.grant(
        user=user,
        kind=GrantKind.DOMAIN.value,
        tier=recommended,
        starts_at=timezone.now(),
        ends_at=None,
        reason=f"proven address at {mailbox.domain}",
        actor=None,
        source=source,
    )


def _live(user: User, kind: GrantKind, source: str | None = None) -> list[Grant]:
    grants = Grant.objects.filter(user=user, kind=kind.value, revoked_at=None, ends_at=None)
    return list(grants if source is None else grants.filter(source=source))


def _provider_tier(user: User) -> Tier:
    return max((grant.tier for grant in _live(user, GrantKind.PROVIDER)), default=Tier.FREE)


def _hosts_domain(user: User, mailbox: Mailbox) -> bool:
    """Has the company that runs the domain's mail vouched for the user's own address?"""
    return user.identities.filter(
        unlinked_at=None,
        address=user.email,
        hosted_domain=mailbox.domain,
        authority=Authority.MAILBOX.value,
    ).exists()
