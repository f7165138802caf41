"""What changes in billing: grants, trials, payments, and usage reserved before it is used.

A transaction that touches several limits of one account does so in the order of
`billing.catalogue.WINDOWS`; another order could wait for itself.
"""

from billing.reservations import Need
from billing.services.grants import approve_grant, grant, record_expiries, revoke
from billing.services.limits import change_limit
from billing.services.overrides import end_override, override_feature
from billing.services.payments import (
    CUSTOMERS_AT_ONCE,
    close_customer,
    open_checkout,
    open_portal,
    read_customer,
    read_due_customers,
)
from billing.services.prices import set_price
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
    reserve_each,
    reserve_for_each,
    settle,
)
from billing.services.warnings import send_usage_warnings
from billing.services.webhooks import (
    EVENTS_AT_ONCE,
    act_on_waiting_events,
    prune_events,
    retry_event,
    take_in,
)

__all__ = [
    "CUSTOMERS_AT_ONCE",
    "EVENTS_AT_ONCE",
    "Need",
    "act_on_waiting_events",
    "approve_grant",
    "change_limit",
    "close_customer",
    "consume",
    "end_override",
    "extend_trial",
    "grant",
    "lapse_all",
    "open_checkout",
    "open_portal",
    "override_feature",
    "prune_events",
    "prune_usage",
    "read_customer",
    "read_due_customers",
    "record_expiries",
    "release",
    "release_all",
    "remember_identity",
    "renew",
    "renew_all",
    "reserve",
    "reserve_all",
    "reserve_each",
    "reserve_for_each",
    "retry_event",
    "revoke",
    "send_due_reminders",
    "send_usage_warnings",
    "set_price",
    "set_trial_policy",
    "settle",
    "start_trial",
    "start_trial_of_verified",
    "take_in",
]
