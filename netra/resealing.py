"""Everything that rows hold sealed, and its way to the present secret key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import Model

from accounts import second_factor
from chat.mcp_rows import McpServer
from chat.model_rows import AgentModel
from netra import sealed
from netra.sealed import Unreadable

READ_AT_ONCE: Final = 500
# What allauth keeps of a second factor under our encryption, a text or a list of texts.
_FACTOR_FIELDS: Final = ("secret", "seed", "migrated_codes")


@dataclass(slots=True)
class Seen:
    """How many secrets there are; which are under an older key, and which under a lost one."""

    count: int = 0
    old: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One secret of one row: what it is called, the field it is in, how its text is resealed."""

    name: str
    row: Model
    column: str
    before: Any
    reseal: Callable[[str], str]


def look() -> Seen:
    """Every secret, without changing any."""
    return _go_through(lambda _kept, _after: None)


def reseal() -> Seen:
    """Put what is under older keys under the present one; `old` says what was."""
    return _go_through(_store)


def _go_through(take: Callable[[Kept, Any], None]) -> Seen:
    seen = Seen()
    for kept in _kept():
        seen.count += 1
        try:
            after = _resealed(kept)
        except (Unreadable, InvalidToken):
            seen.lost.append(kept.name)
            continue
        if after != kept.before:
            seen.old.append(kept.name)
            take(kept, after)
    return seen


def _kept() -> Iterator[Kept]:
    for model, column in ((AgentModel, "sealed_key"), (McpServer, "sealed_headers")):
        rows: Any = model._default_manager.exclude(**{column: ""})
        for row in rows.order_by("pk"):
            yield Kept(
                name=f"{row._meta.verbose_name} {row}",
                row=row,
                column=column,
                before=getattr(row, column),
                reseal=sealed.reseal,
            )
    # Passkeys hold no secret of ours.
    for factor in (
        Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN)
        .order_by("pk")
        .iterator(chunk_size=READ_AT_ONCE)
    ):
        yield Kept(
            name=f"second factor {factor.pk}",
            row=factor,
            column="data",
            before=factor.data,
            reseal=second_factor.reseal,
        )


def _resealed(kept: Kept) -> Any:
    if isinstance(kept.before, str):
        return kept.reseal(kept.before)
    return kept.before | {
        name: _each(kept.before[name], kept.reseal)
        for name in _FACTOR_FIELDS
        if kept.before.get(name)
    }


def _each(value: Any, change: Callable[[str], str]) -> Any:
    return [change(one) for one in value] if isinstance(value, list) else change(value)


def _store(kept: Kept, after: Any) -> None:
    """Unless somebody changed it meanwhile, who then sealed it under the present key."""
    with transaction.atomic():
        rows = type(kept.row)._default_manager
        rows.filter(pk=kept.row.pk, **{kept.column: kept.before}).update(**{kept.column: after})
