"""Which rule of the database was broken, said in words."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
from django.db import IntegrityError

from billing.errors import (
    BillingError,
    GrantRefusal,
    GrantRefused,
    OverrideRefusal,
    OverrideRefused,
    TrialRefusal,
    TrialRefused,
)
from billing.invariants import GRANT_CONSTRAINTS
from billing.override_invariants import OVERRIDE_CONSTRAINTS
from billing.trial_invariants import EXTENSION_CONSTRAINTS

_CODES = {
    constraint.name: constraint.violation_error_code
    for constraint in (*GRANT_CONSTRAINTS, *EXTENSION_CONSTRAINTS, *OVERRIDE_CONSTRAINTS)
}


def grant_refusals() -> AbstractContextManager[None]:
    """Raise GrantRefused for a rule of grants."""
    return _told(lambda code: GrantRefused(GrantRefusal(code)))


def trial_refusals() -> AbstractContextManager[None]:
    """Raise TrialRefused for a rule of trials."""
    return _told(lambda code: TrialRefused(TrialRefusal(code)))


def override_refusals() -> AbstractContextManager[None]:
    """Raise OverrideRefused for a rule of overrides."""
    return _told(lambda code: OverrideRefused(OverrideRefusal(code)))


@contextmanager
def _told(refused: Callable[[str], BillingError]) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        code = _code(error)
        if code is None:
            raise
        raise refused(code) from error


def _code(error: IntegrityError) -> str | None:
    cause = error.__cause__
    name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    return None if name is None else _CODES.get(name)
