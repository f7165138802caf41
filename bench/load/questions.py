"""What simulated users ask, drawn from a seed: mostly short, some with data in them."""

import random
from typing import Final

_EXPORT: Final = """Where does the money go?

timestamp,model,input_tokens,output_tokens,cost_usd,latency_ms
2026-11-01T10:00:00Z,gpt-4o,1000,500,0.75,900
2026-11-01T11:00:00Z,gpt-4o-mini,2000,100,0.05,300
2026-11-02T10:00:00Z,gpt-4o,3000,900,1.20,1800
"""
_SAYINGS: Final = ("What is {a} * {b}?", "What does my plan allow?", "/tools", _EXPORT)
_WEIGHTS: Final = (5, 2, 1, 2)


def question(chance: random.Random) -> str:
    """The next thing to ask."""
    [saying] = chance.choices(_SAYINGS, _WEIGHTS)
    return saying.replace("{a}", str(chance.randrange(2, 99))).replace(
        "{b}", str(chance.randrange(2, 99))
    )
