"""What can go wrong with a model provider, each fault in one sentence for the user."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    OutputTokenLimitExceeded,
    RunCancelled,
    UsageLimitExceeded,
)

from netra.outbound import OutboundRefused


class ModelFault(Exception):
    """A provider failed; neither message nor fields hold a secret or the provider's own words."""

    def __init__(
        self, code: str, message: str, *, retryable: bool, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s

    @property
    def is_limit(self) -> bool:
        """Whether the run came to the end of what it may use, and nothing broke."""
        return self.code in LIMITS


# Runs that end by these end with the status `limit`.
LIMITS = frozenset({"run_requests", "output_tokens"})

# Less of the conversation may do.
CONTEXT_TOO_LONG = "model_context_too_long"

# Kind of error -> code, sentence, whether to try again. The first that fits counts.
FAULTS: tuple[tuple[type[AgentRunError], str, str, bool], ...] = (
    (
        ModelRateLimitError,
        "model_rate_limited",
        "The model provider is receiving too many requests at the moment.",
        True,
    ),
    (
        ModelQuotaExceededError,
        "model_quota_exceeded",
        "The account at the model provider has no quota or credit left.",
        False,
    ),
    (
        ModelContextWindowExceededError,
        CONTEXT_TOO_LONG,
        "This conversation is longer than the model can read; start a new thread.",
        False,
    ),
    (
        ModelAuthenticationError,
        "model_unauthorized",
        "The model provider refused Netra's key; an operator has to correct it.",
        False,
    ),
    (
        ModelNotFoundError,
        "model_not_found",
        "The model provider does not know the configured model or address.",
        False,
    ),
    (
        ModelRequestRejectedError,
        "model_request_rejected",
        "The model provider did not accept this request.",
        False,
    ),
    (
        ModelUnavailableError,
        "model_unavailable",
        "The model provider is overloaded or temporarily unavailable.",
        True,
    ),
    (ModelServerError, "model_server_error", "The model provider had an internal error.", True),
    (
        ModelTimeoutError,
        "model_timeout",
        "The model provider stopped answering, so the answer was given up.",
        True,
    ),
    (
        ModelRequestTimeout,
        "model_timeout",
        "The model provider stopped answering, so the answer was given up.",
        True,
    ),
    (
        ModelHTTPError,
        "model_http_error",
        "The model provider answered with an unexpected error.",
        True,
    ),
    (
        ContentFilterError,
        "model_filtered",
        "The model provider's content filter stopped this answer.",
        False,
    ),
    (
        OutputTokenLimitExceeded,
        "output_tokens",
        "The model reached its output limit before it had answered.",
        True,
    ),
    (
        UsageLimitExceeded,
        "run_requests",
        "The answer needed more model requests than one answer may make; ask for less at once.",
        False,
    ),
    (
        ModelAPIError,
        "model_protocol_error",
        "The model provider's answer was cut short or could not be understood.",
        True,
    ),
    (
        AgentRunError,
        "model_misbehaved",
        "The model's answer could not be used.",
        True,
    ),
)

# A longer wait that a provider names is none that somebody sits through.
TOLD_WAIT_MAX_S = 3_600

UNREACHABLE = "The model provider cannot be reached."
CUT = "The connection to the model provider broke in the middle of the answer."


def fault_of(error: AgentRunError) -> ModelFault:
    """The fault that an error of a run is for its user."""
    if isinstance(error, ModelConnectionError) and not isinstance(error, ModelTimeoutError):
        cut = error.phase == "read"
        code = "model_stream_cut" if cut else "model_unreachable"
        return ModelFault(code, CUT if cut else UNREACHABLE, retryable=True)
    retry_after_s = error.retry_after if isinstance(error, ModelAPIError) else None
    code, message, retryable = next(
        (code, message, retryable)
        for kind, code, message, retryable in FAULTS
        if isinstance(error, kind)
    )
    if retryable and retry_after_s is not None and 0 < retry_after_s <= TOLD_WAIT_MAX_S:
        message = f"{message.removesuffix('.')}; try again in {math.ceil(retry_after_s)} s."
    return ModelFault(code, message, retryable=retryable, retry_after_s=retry_after_s)


@contextmanager
def provider_faults() -> Iterator[None]:
    """Around a whole run: errors of the provider leave as ModelFault, a cancelled run unchanged."""
    try:
        yield
    except RunCancelled:
        raise
    except AgentRunError as error:
        # Not "from error": a provider's body may repeat the key, and logs print causes.
        raise fault_of(error) from None
    except OutboundRefused:
        # Where it leads is an operator's to know.
        raise ModelFault("model_unreachable", UNREACHABLE, retryable=True) from None
