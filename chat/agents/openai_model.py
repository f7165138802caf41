"""Models behind any address that speaks OpenAI's protocol."""

from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from chat.agents.models import ModelChoice
from netra.outbound_http import client_for


def build(choice: ModelChoice, model_settings: ModelSettings) -> Model:
    provider = OpenAICompatibleProvider(
        "endpoint",
        base_url=choice.url,
        api_key=choice.key.reveal() or None,
        http_client=client_for(is_guarded=choice.is_guarded),
    )
    # Some endings of a stream differ from a broken connection only by their finish reason.
    profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
    return OpenAIChatModel(choice.name, provider=provider, profile=profile, settings=model_settings)
