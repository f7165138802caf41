"""Models in the admin: keys go in and never come out, one default, tried by a worker."""

import asyncio
from collections.abc import Callable, Iterator
from threading import Thread as SystemThread
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, transaction
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from accounts.models import User
from billing.tiers import Tier
from chat import offers
from chat.agents import trial
from chat.errors import ModelNotFound
from chat.model_rows import AgentModel
from chat.models import Thread
from netra.sealed import seal
from tests.chat.test_admin import body, staff
from tests.fakes.openai_server import FakeOpenAI, Refuse, Say

LIST = "/admin/chat/agentmodel/"
KEY = "sk-secret-0123456789"
FORM: dict[str, Any] = {
    "name": "Fast",
    "protocol": "openai",
    "url": "https://models.example/v1/",
    "model_id": "gpt-4o-mini",
    "key": KEY,
    "lowest_tier": "free",
    "place": "1",
    "is_enabled": "on",
}


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


def add(name: str = "Fast", **fields: Any) -> AgentModel:
    values = {"url": "https://models.example/v1", "model_id": f"{name}-1"} | fields
    return AgentModel.objects.create(name=name, **values)


def errors(client: Client, page: str, form: dict[str, Any]) -> dict[str, list[str]]:
    response = client.post(page, form)
    return {} if response.status_code == 302 else dict(response.context["adminform"].form.errors)


def test_a_key_is_sealed_and_in_no_page_no_log_and_no_history(operator: Client) -> None:
    assert errors(operator, f"{LIST}add/", FORM) == {}
    model = AgentModel.objects.get()
    assert (model.key.reveal(), model.url) == (KEY, "https://models.example/v1")
    assert KEY not in model.sealed_key

    page = f"{LIST}{model.pk}/change/"
    sealed = model.sealed_key
    assert errors(operator, page, FORM | {"key": "", "place": "2"}) == {}
    model.refresh_from_db()
    assert (model.place, model.sealed_key) == (2, sealed)
    pages = (page, LIST, f"{LIST}{model.pk}/history/")
    shown = "".join(body(operator, one) for one in pages)
    logged = str(list(LogEntry.objects.values()))
    for secret in (KEY, sealed):
        assert secret not in shown
        assert secret not in logged

    # Whoever may point a model elsewhere does not get its key sent there.
    moved = FORM | {"key": "", "url": "https://elsewhere.example/v1"}
    assert list(errors(operator, page, moved)) == ["key"]
    assert errors(operator, page, moved | {"without_key": "on"}) == {}
    model.refresh_from_db()
    assert model.sealed_key == ""


WRONG = {
    "a private address": ({"url": "https://10.0.0.1/v1"}, "url"),
    "a cloud's own address": ({"url": "https://169.254.169.254/v1"}, "url"),
    "no encryption": ({"url": "http://models.example/v1"}, "url"),
    "no address": ({"url": ""}, "url"),
    "a key of two lines": ({"key": "a\x7fb"}, "key"),
    "a name taken": ({"name": "slow"}, "__all__"),
    "a window of nothing": ({"context_tokens": "10"}, "context_tokens"),
    "a default that is off": ({"is_default": "on", "is_enabled": ""}, "is_enabled"),
}


def test_what_is_entered_is_checked(operator: Client, settings: Settings) -> None:
    settings.NETRA_ALLOW_PRIVATE_URLS = False
    add("Slow")
    for case, (fields, field) in WRONG.items():
        assert list(errors(operator, f"{LIST}add/", FORM | fields)) == [field], case
    assert errors(operator, f"{LIST}add/", FORM | {"protocol": "anthropic", "url": ""}) == {}


def test_a_new_default_takes_the_place_of_the_old_one(operator: Client) -> None:
    old = add("Slow", is_default=True)
    assert errors(operator, f"{LIST}add/", FORM | {"is_default": "on"}) == {}
    assert AgentModel.objects.get(is_default=True).name == "Fast"
    with pytest.raises(IntegrityError), transaction.atomic():
        AgentModel.objects.filter(pk=old.pk).update(is_default=True)


def test_staff_who_may_only_look_test_nothing(client: Client, db: None) -> None:
    model = add()
    viewer = staff(client, "view_agentmodel")
    assert "Test what is saved" not in body(viewer, f"{LIST}{model.pk}/change/")
    assert viewer.post(f"{LIST}{model.pk}/test/").status_code == 403
    assert not ProcrastinateJob.objects.exists()


def test_the_list_names_the_model_of_the_environment(operator: Client, settings: Settings) -> None:
    assert "NETRA_MODEL_URL" not in body(operator, LIST)
    settings.NETRA_MODEL_URL, settings.NETRA_MODEL_NAME = "http://127.0.0.1:1/v1", "llama3"
    assert "<strong>llama3</strong>" in body(operator, LIST)


def work_off(model_id: str) -> SystemThread:
    """A worker, as soon as it is asked."""

    def work() -> None:
        try:
            while not ProcrastinateJob.objects.filter(args={"model_id": model_id}).exists():
                pass
            asyncio.run(trial.test_model(model_id))
        finally:
            connection.close()

    thread = SystemThread(target=work)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_the_button_makes_a_real_request_and_tells_its_end(
    operator: Client, fake: FakeOpenAI, settings: Settings
) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    fake.will(Say("Ready when you are."), Refuse(401, f"bad key {KEY}"))
    for name, told, has_passed in (("A", "Ready when you are.", True), ("B", "refused", False)):
        model = add(name, url=fake.url, sealed_key=seal(KEY))
        worker = work_off(model.public_id)
        page = operator.post(f"{LIST}{model.pk}/test/", follow=True).content.decode()
        worker.join(10)
        model.refresh_from_db()
        assert model.has_passed is has_passed
        assert told in page
        assert KEY not in page
    assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "tools" not in fake.requests[0].body


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_test_calls_no_address_of_our_own_and_reads_no_lost_key(
    fake: FakeOpenAI, settings: Settings
) -> None:
    settings.NETRA_ALLOW_PRIVATE_URLS = False
    cases = {
        fake.url: ("", "must begin with https"),
        fake.url.replace("http:", "https:"): ("", "in a private network"),
        "https://models.example/v1": ("sealed under another key", "enter it again"),
    }
    for url, (sealed, told) in cases.items():
        model = await asyncio.to_thread(add, url=url, sealed_key=sealed, name=told)
        await trial.test_model(model.public_id)
        await asyncio.to_thread(model.refresh_from_db)
        assert model.has_passed is False
        assert told in model.test_told
    assert fake.requests == []
    await trial.test_model("model_1_gone00")


def names(user: User) -> list[str]:
    return [offer.name for offer in offers.offers_for(user)]


def test_a_user_is_offered_what_their_plan_has(
    make_user: Callable[[], User], payer: User, settings: Settings
) -> None:
    free = make_user()
    assert offers.offer_views(free) == []
    slow = add("Slow", place=2)
    add("Off", is_enabled=False)
    big = add("Big", place=1, lowest_tier=Tier.MID.value)
    default = add("Main", place=9, is_default=True)
    assert names(free) == ["Main", "Slow"]
    assert names(payer) == ["Main", "Big", "Slow"]
    settings.NETRA_MODEL_URL, settings.NETRA_MODEL_NAME = "http://127.0.0.1:1/v1", "llama3"
    assert names(free) == ["Main", "llama3", "Slow"]

    thread = Thread.objects.create(user=free)
    for model in (slow.public_id, default.public_id, offers.ENVIRONMENT):
        offers.choose(user=free, thread=thread, model=model)
        thread.refresh_from_db()
        assert thread.model_choice == model
    for model in (big.public_id, "nonsense", ""):
        with pytest.raises(ModelNotFound):
            offers.choose(user=free, thread=thread, model=model)
