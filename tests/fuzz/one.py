"""One target under atheris: `python -m tests.fuzz.one NAME [options of libFuzzer] [corpus …]`."""

import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

import atheris
import django

# What is watched for branches never taken before; the rest of the libraries is not.
OURS: Final = ["accounts", "billing", "chat", "netra", "markdown_it", "simpleeval"]


def main() -> None:
    with atheris.instrument_imports(include=OURS, enable_loader_override=False):
        django.setup()
        from tests.fuzz.targets import TARGETS  # watched from its import on
    if "--list" in sys.argv:
        print(*TARGETS)
        return
    target = TARGETS[sys.argv[1]]
    folders = [Path(each) for each in sys.argv[2:] if not each.startswith("-")]
    for seed in target.seeds:
        (folders[0] / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [*sys.argv[2:], f"-max_len={target.bytes_max}"]
    atheris.Setup([sys.argv[0], *options], target.try_with)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
