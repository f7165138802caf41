"""The minutes in which limits are counted: a test that fills one must not end in the next."""

import time


def begin_within_a_minute(needed_s: float) -> None:
    """Go on when the minute has so many seconds left, which is nearly always at once."""
    left_s = 60 - time.time() % 60
    if left_s < needed_s:
        time.sleep(left_s + 0.01)
