"""The prompt library: listed, made, changed, deleted."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import Router

from chat import prompts
from chat.api.answers import CONFLICT, MISSING, REFUSALS, done, json
from chat.api.doors import caller_of
from chat.api.problems import Problem
from chat.api.schemas import PromptChange, PromptIn, PromptList, PromptView
from chat.errors import PromptNameTaken, TooManyPrompts

router = Router(tags=["prompts"])


@router.get("/prompts", response={200: PromptList, **REFUSALS})
def list_prompts(request: HttpRequest) -> HttpResponse:
    """Your prompts, by name."""
    return json({"prompts": prompts.prompts_of(caller_of(request).user)})


@router.post("/prompts", response={201: PromptView, **REFUSALS, **CONFLICT})
def make_prompt(request: HttpRequest, prompt: PromptIn) -> HttpResponse:
    """Keep a text under a name; you may have 100."""
    try:
        made = prompts.make_prompt(user=caller_of(request).user, name=prompt.name, text=prompt.text)
    except PromptNameTaken:
        raise _name_taken() from None
    except TooManyPrompts:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_prompts",
            f"You may have {prompts.PROMPTS_MAX} prompts. Delete one first.",
        ) from None
    return json(made, status=HTTPStatus.CREATED)


@router.patch("/prompts/{prompt_id}", response={200: PromptView, **REFUSALS, **MISSING, **CONFLICT})
def change_prompt(request: HttpRequest, prompt_id: str, change: PromptChange) -> HttpResponse:
    """Give a prompt another name or text."""
    given = change.model_dump(exclude_unset=True)
    try:
        changed = prompts.change_prompt(user=caller_of(request).user, prompt_id=prompt_id, **given)
    except PromptNameTaken:
        raise _name_taken() from None
    return json(changed)


@router.delete("/prompts/{prompt_id}", response={204: None, **REFUSALS, **MISSING})
def delete_prompt(request: HttpRequest, prompt_id: str) -> HttpResponse:
    """Remove a prompt."""
    prompts.delete_prompt(user=caller_of(request).user, prompt_id=prompt_id)
    return done()


def _name_taken() -> Problem:
    return Problem(
        HTTPStatus.CONFLICT, "name_taken", "You have a prompt of this name. Choose another one."
    )
