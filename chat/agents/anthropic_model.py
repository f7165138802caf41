"""Models behind any address that speaks Anthropic's protocol."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.settings import ModelSettings

from chat.agents.models import ModelChoice
from netra.outbound_http import client_for

ANTHROPIC_URL: Final = "https://api.anthropic.com"


class WholeAnswers(AnthropicModel):
    """Takes no stream for an answer that ends without saying why: half of it may be missing."""

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        async with super().request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as response:
            yield response
            if not response.cancelled and "finish_reason" not in (response.provider_details or {}):
                raise ModelAPIError(self.model_name, "the stream ended without a stop reason")


def build(choice: ModelChoice, model_settings: ModelSettings) -> Model:
    # Without a key and an address the library would look for them in the environment.
    provider = AnthropicProvider(
        api_key=choice.key.reveal() or "none",
        base_url=choice.url or ANTHROPIC_URL,
        http_client=client_for(is_guarded=choice.is_guarded),
    )
    return WholeAnswers(choice.name, provider=provider, settings=model_settings)
