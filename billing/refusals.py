"""Which rule of the database was broken, said in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import IntegrityError

from billing.errors import (
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


@contextmanager
def grant_refusals() -> Iterator[None]:
    """Raise GrantRefused for a rule of grants."""
    try:
        yield
    except IntegrityError as error:
        code = _code(error)
        if code is None:
            raise
        raise GrantRefused(GrantRefusal(code)) from error


@contextmanager
def trial_refusals() -> Iterator[None]:
    """Raise TrialRefused for a rule of trials."""
    try:
        yield
    except IntegrityError as error:
        code = _code(error)
        if code is None:
            raise
        raise TrialRefused(TrialRefusal(code)) from error


@contextmanager
def override_refusals() -> Iterator[None]:
    """Raise OverrideRefused for a rule of overrides."""
    try:
        yield
    except IntegrityError as error:
        code = _code(error)
        if code is None:
            raise
        raise OverrideRefused(OverrideRefusal(code)) from error


def _code(error: IntegrityError) -> str | None:
    cause = error.__cause__
    name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    return None if name is None else _CODES.get(name)
