"""What is done to the system, in which order and for how long: all of it drawn from a seed."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

# Longer than any timeout of the product: what stood still so long was taken for dead.
FROZEN_S_MAX: Final = 30.0
# So long at most is one round of all deeds; a longer storm has several.
ROUND_S_MAX: Final = 600.0
# More than a session, a lease or a quota of a minute lasts.
JUMP_S: Final = (120, 600)
# At first everybody comes, and nothing is done to anything.
CALM_TURNS: Final = 2
PARTS_OF_A_TURN: Final = (0.6, 0.8)

# Each deed, and how many turns it gets: what stands still for long needs time to come back.
DEEDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "kill web": 1,
        "kill worker": 1,
        "kill valkey": 1,
        "kill postgres": 1,
        "freeze web": 2,
        "freeze worker": 2,
        "freeze valkey": 2,
        "freeze postgres": 2,
        "flush valkey": 1,
        "cut network": 1,
        "silence network": 1,
        "harm network": 1,
        "cut bus": 1,
        "harm bus": 1,
        "cut database": 1,
        "clock ahead": 1,
        "clock back": 1,
        "full disk": 1,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """At `at_s` of the storm do it, to the first or second of two; what it does lasts `for_s`."""

    at_s: float
    deed: str
    target: int
    for_s: float
    # By how much a clock jumps.
    jump_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a storm does; the same seed, users and seconds make the same plan."""

    seed: int
    users: int
    seconds: float
    steps: tuple[Step, ...]

    @classmethod
    def drawn(cls, *, seed: int, users: int, seconds: float) -> "Plan":
        """Rounds of all deeds, each round in an order of its own, over so many seconds."""
        steps = tuple(_steps(random.Random(seed), seconds))
        return cls(seed=seed, users=users, seconds=seconds, steps=steps)


def _steps(chance: random.Random, seconds: float) -> Iterator[Step]:
    rounds = math.ceil(seconds / ROUND_S_MAX)
    turn_s = seconds / (rounds * sum(DEEDS.values()) + CALM_TURNS)
    yield Step(at_s=0.0, deed="calm", target=0, for_s=0.0, jump_s=0)
    at_s = CALM_TURNS * turn_s
    for _ in range(rounds):
        for deed in chance.sample(tuple(DEEDS), len(DEEDS)):
            lasts_s = turn_s * DEEDS[deed]
            yield Step(
                at_s=round(at_s, 2),
                deed=deed,
                target=chance.randrange(2),
                for_s=round(min(FROZEN_S_MAX, lasts_s * chance.uniform(*PARTS_OF_A_TURN)), 2),
                jump_s=chance.randrange(*JUMP_S),
            )
            at_s += lasts_s
