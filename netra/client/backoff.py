"""When to connect again, from the close code and the number of failures in a row."""

from typing import Final

DELAY_S_MIN: Final = 0.5
DELAY_S_MAX: Final = 30.0
DRAIN: Final = 1012
LOST: Final = 1006
TOO_MANY_CONNECTIONS: Final = 4529
# From here on a close code is final: nothing changes by connecting again.
FINAL_FROM: Final = 4500


def is_final(code: int) -> bool:
    return FINAL_FROM <= code <= 4999


def delay_before(*, code: int, failures: int, drain_s: float, chance: float) -> float:
    """Seconds to wait before the next attempt; `chance` is a random number from 0 to 1."""
    if code == DRAIN and failures == 0:
        return drain_s
    ceiling = min(DELAY_S_MAX, DELAY_S_MIN * 2.0 ** min(failures + 1, 16))
    return DELAY_S_MIN + chance * (ceiling - DELAY_S_MIN)
