"""Which models a run asks: the one chosen, then those that stand in before a word is said."""

from dataclasses import dataclass, replace

from chat import offers
from chat.agents.faults import ModelFault
from chat.agents.models import ModelChoice, current_model, model_of
from chat.models import Run, Thread

# What another model may do better. What the user or the run's own limits caused it may not.
ANOTHER_MAY = frozenset(
    {
        *("model_rate_limited", "model_quota_exceeded", "model_unauthorized", "model_not_found"),
        *("model_unavailable", "model_server_error", "model_timeout", "model_http_error"),
        *("model_stream_cut", "model_unreachable", "model_protocol_error", "model_misbehaved"),
    }
)
# A run has 300 s, of which a silent model takes 60.
STAND_INS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The models that a run may ask, in order; `note` says why it is not the one before.

    `lost` is what the user chose for the thread and cannot have any more.
    """

    choice: ModelChoice
    stand_ins: tuple[ModelChoice, ...] = ()
    note: str = ""
    lost: str = ""

    def after(self, fault: ModelFault) -> "Chain | None":
        """The rest of the chain, if another model may answer where this one could not."""
        if fault.code not in ANOTHER_MAY or not self.stand_ins:
            return None
        following, *rest = self.stand_ins
        told = f"{self.choice.agent_name}: {fault.message} Asking {following.agent_name} instead."
        return Chain(choice=following, stand_ins=tuple(rest), note=told)


def chain_of(run_id: str) -> Chain | None:
    """The models for a run: by its thread's choice, else the default; None for a deleted run."""
    run = Run.objects.select_related("thread", "user").filter(public_id=run_id).first()
    if run is None:
        return None
    chosen = run.thread.model_choice
    offered = offers.offers_for(run.user)
    models = {
        offer.model: current_model() if offer.row is None else model_of(offer.row)
        for offer in offered
    }
    if not models:
        chain = Chain(choice=current_model())
    else:
        first = models.pop(chosen) if chosen in models else models.pop(offered[0].model)
        chain = _resumed(run, Chain(choice=first, stand_ins=tuple(models.values())))
    if not chosen or any(offer.model == chosen for offer in offered):
        return chain
    instead = chain.choice.agent_name
    told = f"{offers.name_of(chosen)} is not available to you any more. Asking {instead} instead."
    return replace(chain, note=told, lost=chosen)


def forget_choice(*, thread: int, lost: str) -> None:
    """Let the thread be answered by the default: what was chosen is not to be had any more."""
    Thread.objects.filter(pk=thread, model_choice=lost).update(model_choice="")


def _resumed(run: Run, chain: Chain) -> Chain:
    """With the model first that an earlier attempt has asked, which may have been a stand-in."""
    models = [chain.choice, *chain.stand_ins]
    if run.history:
        models.sort(key=lambda model: model.name != run.model)
    first, *rest = models
    return Chain(choice=first, stand_ins=tuple(rest[:STAND_INS_MAX]))
