"""Fuzz the decoders, guided by the branches they take: `make fuzz SECONDS=60 TARGETS="files ids"`.

Each target runs in a process of its own, with its seeds and what was found before as the first
corpus; what it gathers stays in `var/fuzz/` for the next time. An input that fails is written to
`tests/fuzz/found/`, where the tests of the suite try it from then on.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOUND: Final = Path(__file__).with_name("found")
CORPUS: Final = ROOT / "var" / "fuzz"
# Of one input: what takes longer, or more, is a fault of its own.
INPUT_S_MAX: Final = 5
MEMORY_MIB_MAX: Final = 2048


def main(arguments: Sequence[str]) -> int:
    asked = argparse.ArgumentParser(prog="fuzz")
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("targets", nargs="*")
    options = asked.parse_args(arguments)
    names = options.targets or target_names()
    failed = [name for name in names if not holds(name, options.seconds)]
    print(f"{len(names) - len(failed)} of {len(names)} held; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def target_names() -> list[str]:
    told = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", "--list"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.split()


def holds(name: str, seconds: int) -> bool:
    """Did the target fail in no way but its own for that long?"""
    corpus, found = CORPUS / name, FOUND / name
    corpus.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in found.glob("*")}
    crash = corpus.parent / f"{name}-crash"
    crash.unlink(missing_ok=True)
    print(f"--- {name}", flush=True)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.one", name),
            *(f"-max_total_time={seconds}", f"-timeout={INPUT_S_MAX}", "-print_final_stats=1"),
            *(f"-rss_limit_mb={MEMORY_MIB_MAX}", "-verbosity=0"),
            *(f"-exact_artifact_path={crash}", str(corpus)),
            *([str(found)] if before else []),
        ],
        cwd=ROOT,
        check=False,
    )
    if crash.exists():
        found.mkdir(parents=True, exist_ok=True)
        data = crash.read_bytes()
        (found / sha256(data).hexdigest()[:16]).write_bytes(data)
        crash.unlink()
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
