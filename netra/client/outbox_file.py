"""Unanswered sends in a file, so that they outlive the program."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from netra.client.errors import OutboxUnreadable
from netra.client.pending import PendingSend

VERSION: Final = 1


class OutboxFile:
    """One program's file at a time; each write replaces it in one step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[PendingSend, ...]:
        """What is in the file, nothing when there is none; raises OutboxUnreadable."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["version"] != VERSION:
                raise OutboxUnreadable(str(self._path))
            return tuple(
                PendingSend(**{**entry, "files": tuple(entry["files"])})
                for entry in content["sends"]
            )
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError):
            raise OutboxUnreadable(str(self._path)) from None

    def write(self, sends: Sequence[PendingSend]) -> None:
        """Replace the file's content; on the disk when this returns."""
        content = {"version": VERSION, "sends": [asdict(send) for send in sends]}
        new = self._path.with_name(f"{self._path.name}.new")
        # Messages are private.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
