"""Does a connected model work? A real, short request, told in one sentence to an operator."""

import time

from django.utils import timezone

from chat.agents.aside import ask_aside
from chat.agents.faults import ModelFault
from chat.agents.models import model_of
from chat.database import in_database
from chat.model_rows import AgentModel
from netra.outbound import OutboundRefused, check_reachable
from netra.sealed import Unreadable

WITHIN_S = 15.0
TOKENS_MAX = 40
ANSWER_CHARS_MAX = 60
UNREADABLE = "Its key was sealed under another NETRA_SECRET_KEY; enter it again."


async def test_model(model_id: str) -> None:
    """Ask a model for a word and note on its row what came of it; a deleted one is left alone."""
    row = await in_database(AgentModel.objects.filter(public_id=model_id).first)
    if row is None:
        return
    try:
        told, has_passed = await _told(row), True
    except OutboundRefused as refused:
        told, has_passed = refused.problem, False
    except Unreadable:
        told, has_passed = UNREADABLE, False
    except ModelFault as fault:
        told, has_passed = fault.message, False
    await in_database(
        AgentModel.objects.filter(pk=row.pk).update,
        has_passed=has_passed,
        test_told=told,
        tested_at=timezone.now(),
    )


async def _told(row: AgentModel) -> str:
    # Read here for its own sake: a run would ask without it.
    _ = row.key
    if row.url:
        await check_reachable(row.url)
    began_s = time.monotonic()
    answer = await ask_aside(
        model_of(row),
        "Say that you are ready.",
        instructions="Answer in three words at most.",
        tokens_max=TOKENS_MAX,
        within_s=WITHIN_S,
    )
    words = " ".join(answer.split())[:ANSWER_CHARS_MAX]
    return f"It answered in {time.monotonic() - began_s:.1f} s: “{words}”"
