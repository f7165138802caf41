"""What an operator does for an account, or for many; each is a form with a reason."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils import timezone

from billing import ledger, services
from billing.catalogue import LIMIT_MAX, LIMIT_WORDS, feature_words
from billing.entitlements import GrantKind
from billing.models import Account, FeatureOverride, Grant, GrantState
from billing.selectors import catalogue
from billing.tiers import Tier
from billing.trial_invariants import POLICY_TIERS

if TYPE_CHECKING:
    from accounts.models import User

# Provider and domain grants come from evidence alone; a trial has a form of its own.
BY_HAND = (GrantKind.MANUAL, GrantKind.COMPENSATION, GrantKind.SUBSCRIPTION)
# What evidence gives would come back with the next sign-in.
REVOKED_BY_HAND = (*BY_HAND, GrantKind.TRIAL)
DAYS_MAX = 3650


class Action(forms.Form):
    """One verb; `permission` is who may, `offered` whether there is anything to do it to.

    `source` marks what is given for many at once, so that the same again is refused.
    """

    source = ""
    name: ClassVar[str]
    title: ClassVar[str]
    permission: ClassVar[str]

    reason = forms.CharField(max_length=500)

    def __init__(
        self,
        account: Account,
        grants: list[Grant],
        overrides: list[FeatureOverride],
        data: Any = None,
    ) -> None:
        super().__init__(data, auto_id=f"{self.name}_%s")
        self.account, self.grants, self.overrides = account, grants, overrides
        self.order_fields([name for name in self.fields if name != "reason"])

    @property
    def offered(self) -> bool:
        return True

    def perform(self, actor: "User") -> str:
        """Do it and say what was done; raises BillingError."""
        raise NotImplementedError

    def _running_trial(self) -> Grant | None:
        now = timezone.now()
        trials = (grant for grant in self.grants if grant.kind == GrantKind.TRIAL)
        return next((t for t in trials if t.state_at(now) == GrantState.LIVE), None)

    def _days(self) -> timedelta | None:
        days = self.cleaned_data["days"]
        return None if days is None else timedelta(days=days)


class GivePlan(Action):
    name, title, permission = "grant", "Give a plan", "billing.add_grant"
    kind = forms.ChoiceField(choices=[(kind.value, kind.value) for kind in BY_HAND])
    tier = forms.ChoiceField(choices=[(tier.value, tier.value) for tier in Tier if tier.rank])
    days = forms.IntegerField(
        min_value=1, max_value=DAYS_MAX, required=False, help_text="Empty has no end."
    )

    def perform(self, actor: "User") -> str:
        now, length = timezone.now(), self._days()
        given = services.grant(
            user=self.account,
            kind=self.cleaned_data["kind"],
            tier=Tier(self.cleaned_data["tier"]),
            starts_at=now,
            ends_at=None if length is None else now + length,
            reason=self.cleaned_data["reason"],
            actor=actor,
            source=self.source,
        )
        waits = " It counts once a second person has approved it, within 7 days."
        return f"{given} given.{waits if given.state_at(now) == GrantState.PENDING else ''}"


class StartTrial(Action):
    name, title, permission = "start_trial", "Start a trial", "billing.add_grant"
    tier = forms.ChoiceField(choices=[(tier.value, tier.value) for tier in POLICY_TIERS])
    days = forms.IntegerField(min_value=1, max_value=30)

    @property
    def offered(self) -> bool:
        return self._running_trial() is None

    def perform(self, actor: "User") -> str:
        now = timezone.now()
        trial = services.grant(
            user=self.account,
            kind=GrantKind.TRIAL,
            tier=Tier(self.cleaned_data["tier"]),
            starts_at=now,
            ends_at=now + timedelta(days=self.cleaned_data["days"]),
            reason=self.cleaned_data["reason"],
            actor=actor,
        )
        return f"{trial} started."


class ExtendTrial(Action):
    name, title, permission = "extend_trial", "Extend the trial", "billing.extend_trial"
    days = forms.IntegerField(min_value=1, max_value=30, help_text="30 in all, at most.")

    @property
    def offered(self) -> bool:
        return self._running_trial() is not None

    def perform(self, actor: "User") -> str:
        trial = services.extend_trial(
            user=self.account,
            days=self.cleaned_data["days"],
            reason=self.cleaned_data["reason"],
            actor=actor,
        )
        return f"The trial ends on {trial.ends_at:%Y-%m-%d %H:%M} UTC."


class EndTrial(Action):
    name, title, permission = "end_trial", "End the trial", "billing.revoke_grant"

    @property
    def offered(self) -> bool:
        return self._running_trial() is not None

    def perform(self, actor: "User") -> str:
        trial = self._running_trial()
        if trial is None:
            return "There is no running trial."
        services.revoke(grant=trial, reason=self.cleaned_data["reason"], actor=actor)
        return "The trial has ended."


class Revoke(Action):
    name, title, permission = "revoke", "Revoke a grant", "billing.revoke_grant"
    grant = forms.TypedChoiceField(coerce=int)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["grant"] = forms.TypedChoiceField(
            coerce=int, choices=[(grant.pk, str(grant)) for grant in self._standing()]
        )

    @property
    def offered(self) -> bool:
        return bool(self._standing())

    def perform(self, actor: "User") -> str:
        chosen = self.cleaned_data["grant"]
        grant = next(grant for grant in self._standing() if grant.pk == chosen)
        services.revoke(grant=grant, reason=self.cleaned_data["reason"], actor=actor)
        return f"{grant} revoked."

    def _standing(self) -> list[Grant]:
        now = timezone.now()
        return [grant for grant in self.grants if grant.stands(now)]


class RevokeKind(Action):
    """Of many accounts: every grant of one kind that stands, whichever it is."""

    name, title, permission = "revoke_kind", "Revoke grants", "billing.revoke_grant"
    kind = forms.ChoiceField(choices=[(kind.value, kind.value) for kind in REVOKED_BY_HAND])

    def perform(self, actor: "User") -> str:
        now, kind = timezone.now(), self.cleaned_data["kind"]
        standing = [grant for grant in self.grants if grant.kind == kind and grant.stands(now)]
        for grant in standing:
            services.revoke(grant=grant, reason=self.cleaned_data["reason"], actor=actor)
        return f"Revoked: {', '.join(map(str, standing))}." if standing else "It has no such grant."


class Approve(Action):
    name, title, permission = "approve", "Approve a grant", "billing.approve_grant"
    grant = forms.TypedChoiceField(coerce=int)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["reason"]
        self.fields["grant"] = forms.TypedChoiceField(
            coerce=int,
            choices=[(grant.pk, f"{grant}: {grant.reason}") for grant in self._pending()],
            help_text="As the second person; it counts from then on.",
        )

    @property
    def offered(self) -> bool:
        return bool(self._pending())

    def perform(self, actor: "User") -> str:
        chosen = self.cleaned_data["grant"]
        grant = next(grant for grant in self._pending() if grant.pk == chosen)
        services.approve_grant(grant=grant, actor=actor)
        return f"{grant} approved."

    def _pending(self) -> list[Grant]:
        now = timezone.now()
        return [grant for grant in self.grants if grant.state_at(now) == GrantState.PENDING]


class Override(Action):
    name, title, permission = "override", "Override", "billing.add_featureoverride"
    feature = forms.ChoiceField()
    value = forms.IntegerField(
        min_value=0,
        max_value=LIMIT_MAX,
        required=False,
        help_text="Of a limit its value, empty for unlimited; of a feature 1 or 0.",
    )
    days = forms.IntegerField(
        min_value=1, max_value=DAYS_MAX, required=False, help_text="Empty has no end."
    )

    def __init__(self, *args: Any, features: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["feature"] = forms.ChoiceField(choices=features)
        self.order_fields(["feature", "value", "days", "reason"])

    def perform(self, actor: "User") -> str:
        now, length = timezone.now(), self._days()
        made = services.override_feature(
            user=self.account,
            feature=self.cleaned_data["feature"],
            value=self.cleaned_data["value"],
            starts_at=now,
            ends_at=None if length is None else now + length,
            reason=self.cleaned_data["reason"],
            actor=actor,
        )
        return f"Override made: {made}."


class EndOverride(Action):
    name, title, permission = "end_override", "End an override", "billing.end_featureoverride"
    override = forms.TypedChoiceField(coerce=int)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["override"] = forms.TypedChoiceField(
            coerce=int, choices=[(override.pk, str(override)) for override in self._standing()]
        )

    @property
    def offered(self) -> bool:
        return bool(self._standing())

    def perform(self, actor: "User") -> str:
        chosen = self.cleaned_data["override"]
        override = next(each for each in self._standing() if each.pk == chosen)
        services.end_override(override=override, reason=self.cleaned_data["reason"], actor=actor)
        return f"Override ended: {override}."

    def _standing(self) -> list[FeatureOverride]:
        now = timezone.now()
        return [each for each in self.overrides if each.state_at(now) in ("live", "to come")]


class Recompute(Action):
    name, title, permission = "recompute", "Recompute", "billing.view_account"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["reason"]

    def perform(self, actor: "User") -> str:
        ledger.catch_up(self.account)
        return "The ledger is written up to now, and open pages of the account were told."


ACTIONS: tuple[type[Action], ...] = (
    *(GivePlan, Approve, Revoke, StartTrial, ExtendTrial, EndTrial),
    *(Override, EndOverride, Recompute),
)
# What makes sense for many accounts at once, with one reason.
MANY: tuple[type[Action], ...] = (GivePlan, RevokeKind, ExtendTrial, Override)


def filled_in(
    action: type[Action],
    account: Account,
    grants: list[Grant],
    overrides: list[FeatureOverride],
    data: Any,
) -> Action:
    """The form of an action; without data it is empty."""
    if action is not Override:
        return action(account, grants, overrides, data)
    named = [(name, feature_words(name)) for name in catalogue().features]
    return Override(account, grants, overrides, data, features=[*LIMIT_WORDS.items(), *named])
