"""Models behind any address that speaks Anthropic's protocol."""

from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.settings import ModelSettings

from chat.agents.models import ModelChoice
from netra.outbound_http import client_for

ANTHROPIC_URL: Final = "https://api.anthropic.com"


def build(choice: ModelChoice, model_settings: ModelSettings) -> Model:
    # Without a key and an address the library would look for them in the environment.
    provider = AnthropicProvider(
        api_key=choice.key.reveal() or "none",
        base_url=choice.url or ANTHROPIC_URL,
        http_client=client_for(is_guarded=choice.is_guarded),
    )
    return AnthropicModel(choice.name, provider=provider, settings=model_settings)
