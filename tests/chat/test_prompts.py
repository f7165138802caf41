"""The prompt library: names, bounds, whose it is, over the API, and in export and erasure."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat import archive, erasure, prompts
from chat.errors import PromptNameTaken, PromptNotFound, TooManyPrompts
from chat.models import Prompt
from chat.prompts import PROMPTS_MAX
from tests.chat.api_people import pays, program, token_of
from tests.chat.races import at_once
from tests.chat.test_api_threads import told

pytestmark = pytest.mark.django_db
JSON = "application/json"
AT = "/api/prompts"


@pytest.fixture
def client(user: User) -> Client:
    return program(token_of(pays(user)))


def test_prompts_are_listed_by_name_and_of_one_name_there_is_one(client: Client) -> None:
    first = told(client.post(AT, {"name": "Übersetzen", "text": "Translate {{text}}"}, JSON), 201)
    second = told(client.post(AT, {"name": "a-b_3", "text": "x"}, JSON), 201)

    assert set(first) == {"prompt_id", "name", "text", "updated_at"}
    assert told(client.get(AT)) == {"prompts": [second, first]}
    taken = {"name": "üBERSETZEN", "text": "y"}
    assert told(client.post(AT, taken, JSON), 409) == "name_taken"
    at = f"{AT}/{second['prompt_id']}"
    assert told(client.patch(at, {"name": "übersetzen"}, JSON), 409) == "name_taken"
    # Its own name in other case is no other prompt's, and what is left out stays.
    changed = told(client.patch(at, {"name": "A-B_3"}, JSON))
    assert (changed["name"], changed["text"]) == ("A-B_3", "x")
    assert changed["updated_at"] > second["updated_at"]
    assert told(client.patch(at, {"text": "z"}, JSON))["text"] == "z"
    told(client.delete(at), 204)
    assert told(client.delete(at), 404) == "not_found"
    assert told(client.get(AT)) == {"prompts": [first]}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"name": name} for name in ("", " ", "a b", "a/b", "a\n", "x" * 61, "é\u2028", None, 1)),
        *({"text": text} for text in ("", "x" * 10_001, "a\0b", None)),
    ],
)
def test_what_cannot_be_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    made = told(client.post(AT, {"name": "n", "text": "t"}, JSON), 201)

    body = {"name": "other", "text": "t", **wrong}
    assert told(client.post(AT, body, JSON), 422) == "invalid_request"
    assert told(client.patch(f"{AT}/{made['prompt_id']}", wrong, JSON), 422) == "invalid_request"
    assert told(client.get(AT)) == {"prompts": [made]}


def test_the_prompts_of_others_are_not_there(make_user: Callable[[], User]) -> None:
    me, they = make_user(), make_user()
    theirs = prompts.make_prompt(user=they, name="same", text="theirs")
    prompts.make_prompt(user=me, name="same", text="mine")

    for prompt_id in (theirs.prompt_id, "prompt_1_nobody", "nonsense"):
        with pytest.raises(PromptNotFound):
            prompts.change_prompt(user=me, prompt_id=prompt_id, text="mine")
        with pytest.raises(PromptNotFound):
            prompts.delete_prompt(user=me, prompt_id=prompt_id)
    assert prompts.prompts_of(they) == [theirs]


def test_a_page_changes_prompts_only_with_its_token(client: Client, user: User) -> None:
    page = Client(enforce_csrf_checks=True)
    page.force_login(user)

    assert page.get(AT).json() == {"prompts": []}
    refused = page.post(AT, {"name": "n", "text": "t"}, JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert Client().get(AT).status_code == 401


def test_they_leave_with_the_export_and_go_with_the_account(user: User) -> None:
    prompts.make_prompt(user=user, name="mine", text="Say {{what}}.")

    [row] = archive.tables_of(user)["prompts"]
    assert (row["name"], row["text"]) == ("mine", "Say {{what}}.")
    User.objects.filter(pk=user.pk).update(deleted_at=timezone.now(), is_active=False)
    erasure.erase_deleted()
    assert not Prompt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_last_place_and_a_name_are_given_once(user: User) -> None:
    few = PROMPTS_MAX - 2
    Prompt.objects.bulk_create(Prompt(user=user, name=f"p{n}", text="t") for n in range(few))

    def make(name: str) -> str:
        try:
            prompts.make_prompt(user=user, name=name, text="t")
        except (PromptNameTaken, TooManyPrompts) as refused:
            return type(refused).__name__
        return "made"

    same = at_once([lambda name=name: make(name) for name in ("a", "A")])  # type: ignore[misc]  # a default binds it
    assert sorted(same) == ["PromptNameTaken", "made"]
    last = at_once([lambda name=name: make(name) for name in ("b", "c")])  # type: ignore[misc]  # a default binds it
    assert sorted(last) == ["TooManyPrompts", "made"]


def test_the_hundred_and_first_is_refused_in_words(client: Client, user: User) -> None:
    Prompt.objects.bulk_create(
        Prompt(user=user, name=f"p{number}", text="t") for number in range(PROMPTS_MAX)
    )
    body = {"name": "more", "text": "t"}
    assert told(client.post(AT, body, JSON), 429) == "too_many_prompts"
