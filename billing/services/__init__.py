"""What changes in billing: grants, trials, limits, and usage that is reserved before it is used.

A transaction that touches several limits of one account does so in the order of
`billing.catalogue.WINDOWS`; another order could wait for itself.
"""

from billing.services.grants import approve_grant, grant, record_expiries, revoke
from billing.services.limits import change_limit
from billing.services.overrides import end_override, override_feature
from billing.services.reminders import send_due_reminders
from billing.services.trials import (
    extend_trial,
    remember_identity,
    set_trial_policy,
    start_trial,
    start_trial_of_verified,
)
from billing.services.usage import (
    consume,
    lapse_all,
    prune_usage,
    release,
    release_all,
    renew,
    renew_all,
    reserve,
    reserve_all,
    settle,
)
from billing.services.warnings import send_usage_warnings

__all__ = [
    "approve_grant",
    "change_limit",
    "consume",
    "end_override",
    "extend_trial",
    "grant",
    "lapse_all",
    "override_feature",
    "prune_usage",
    "record_expiries",
    "release",
    "release_all",
    "remember_identity",
    "renew",
    "renew_all",
    "reserve",
    "reserve_all",
    "revoke",
    "send_due_reminders",
    "send_usage_warnings",
    "set_trial_policy",
    "settle",
    "start_trial",
    "start_trial_of_verified",
]
