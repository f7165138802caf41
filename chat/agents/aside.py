"""A short question to a model beside all threads: no tools, no history, nobody's quota."""

import asyncio

from pydantic_ai import Agent
from pydantic_ai.settings import ModelSettings

from chat.agents.faults import ModelFault, provider_faults
from chat.agents.models import ModelChoice, connected


async def ask_aside(
    choice: ModelChoice, question: str, *, instructions: str, tokens_max: int, within_s: float
) -> str:
    """What the model answers; raises ModelFault, also for one that takes too long."""
    agent = Agent(connected(choice), instructions=instructions, output_type=str)
    settings = ModelSettings(max_tokens=tokens_max)
    if choice.thinks:
        # Thoughts would use up what a short answer may have.
        settings["thinking"] = False
    try:
        async with asyncio.timeout(within_s):
            with provider_faults():
                async with agent.run_stream(question, model_settings=settings) as answer:
                    return await answer.get_output()
    except TimeoutError:
        raise ModelFault(
            "model_timeout",
            f"The model did not answer within {within_s:g} seconds.",
            retryable=True,
        ) from None
