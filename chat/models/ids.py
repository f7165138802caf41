"""Public ids that come from outside."""

from netra.ids import PublicID


def public_id(kind: type[PublicID], text: str) -> str | None:
    """`text` when it is an id of that kind, else None: such a row cannot exist."""
    try:
        return kind(text)
    except ValueError:
        return None
