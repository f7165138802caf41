"""What a running `manage.py up` tells the other commands: `var/up.json`, and who may write it."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from netra import processes


class AlreadyRunningError(Exception):
    """Another `up` works on this folder."""

    def __init__(self, var: Path) -> None:
        super().__init__(f"another `manage.py up` runs on {var}")
        self.var = var


@dataclass(frozen=True, slots=True, kw_only=True)
class UpRecord:
    """The process ids and addresses of one `up`; None is a process that is away or not ours."""

    up: int
    up_started_at: str  # tells our process from a later one with the same id
    web: int | None
    worker: int | None
    postgres: int | None
    valkey: int | None
    database_url: str
    redis_url: str


def up_file(var: Path) -> Path:
    return var / "up.json"


def read(var: Path) -> UpRecord | None:
    """The record of the `up` that runs on `var`; None when there is none alive."""
    try:
        record = UpRecord(**json.loads(up_file(var).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if processes.started_at(record.up) == record.up_started_at else None


def write(var: Path, record: UpRecord) -> None:
    write_private(up_file(var), asdict(record))


def write_private(path: Path, content: Mapping[str, object]) -> None:
    """Replace `path` in one step by JSON that only its owner may read."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    new.replace(path)


@contextmanager
def sole_up(var: Path) -> Iterator[None]:
    """Hold `var` for one `up`, until it ends in whatever way; raises AlreadyRunningError."""
    with (var / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(var) from None
        try:
            yield
        finally:
            up_file(var).unlink(missing_ok=True)
