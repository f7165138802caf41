"""What the user row tells billing; accounts lie above, and are not imported."""

from typing import TYPE_CHECKING

from billing import services

if TYPE_CHECKING:
    from accounts.models import User


def user_saved(
    *,
    instance: "User",
    created: bool,
    raw: bool,
    update_fields: frozenset[str] | None,
    **_signal: object,
) -> None:
    """Start the trial in the transaction in which an address was proven; let nobody deleted pay.

    So whoever proves one saves `verified_at` last, after every grant that goes with it. A row that
    is made verified has its grants still to come: there `start_trial_of_verified` is called.
    """
    if instance.deleted_at is not None:
        services.close_customer(user=instance)
    if raw or created or "verified_at" not in (update_fields or ()):
        return
    if instance.verified_at is not None:
        services.start_trial_of_verified(user=instance)
