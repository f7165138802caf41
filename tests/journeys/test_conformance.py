"""Our own servers keep to the protocol, and the checks can tell one that does not."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from django.conf import settings

from conformance import trial
from conformance.checks import CHECKS
from conformance.subject import Person as Account
from conformance.subject import Subject
from tests.fakes.chat_server import Frame, chat_server
from tests.journeys.breaches import BREACHES, Breach, broken
from tests.journeys.conftest import STEADY, Person
from tests.journeys.fleet import fleet
from tests.journeys.transcript import EXPORT
from tests.netra.client_world import WELCOME, ready
from tests.servers import Servers

# A second reader comes in the middle of an answer.
VARIABLES = STEADY

# Its WebSocket library drops the connection where it should close it.
DAPHNE_FAILS = ["malformed.frame_above_a_mebibyte"]


def account(person: Person) -> Account:
    return Account(email=person.email, password=person.password)


@pytest.mark.parametrize(
    "either", ["uvicorn", pytest.param("daphne", marks=pytest.mark.chaos)], indirect=True
)
@pytest.mark.django_db
@pytest.mark.asyncio
async def test_every_sentence_holds(
    either: Servers,
    newcomer: Callable[[str], Awaitable[Person]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    subject = Subject(
        url=either.base_url,
        person=account(await newcomer("ada")),
        other=account(await newcomer("eve")),
        slow_question=EXPORT,
    )
    failed = await trial.run(subject, quick=True)
    report = capsys.readouterr().out
    is_daphne = either.environment.get("NETRA_SERVER") == "daphne"
    assert failed == (DAPHNE_FAILS if is_daphne else []), report
    assert "skip" not in report, report


@pytest.mark.chaos
def test_every_sentence_holds_behind_the_proxy_that_is_shipped(
    make_person: Callable[[str], Person],
    server_environment: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = {"NETRA_TRUSTED_PROXIES": "1"} | STEADY
    with fleet(tmp_path, server_environment | variables) as front:
        subject = Subject(
            url=front.proxy.base_url,
            person=account(make_person("ada")),
            other=account(make_person("eve")),
            slow_question=EXPORT,
        )
        failed = asyncio.run(trial.run(subject))
    report = capsys.readouterr().out
    assert failed == [], report
    assert "skip" not in report, report


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("frames", "outcome"),
    [
        ((WELCOME, ready()), "pass"),
        ((WELCOME | {"email": "ada@example.com"}, ready()), "fail"),
        ((ready(), WELCOME, ready()), "fail"),
        (({"type": "welcome"}, ready()), "fail"),
    ],
)
async def test_a_server_that_does_not_keep_to_a_sentence_is_found_out(
    frames: tuple[Frame, ...], outcome: str
) -> None:
    [check] = [one for one in CHECKS if one.name == "handshake.welcome_then_ready"]
    async with chat_server() as server:
        ada = Account(email="ada@example.com", password="")
        subject = Subject(url=server.base_url, person=ada, cookies={ada.email: "sessionid=abc"})
        trying = asyncio.create_task(trial.outcome_of(check, subject))
        await (await server.next_visit()).say(*frames)
        assert (await trying)[0] == outcome


@pytest.mark.chaos
@pytest.mark.django_db
@pytest.mark.asyncio
async def test_each_broken_rule_is_noticed(
    shared: Servers, newcomer: Callable[[str], Awaitable[Person]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "WITHIN_S", 8.0)
    people = [await newcomer(name) for name in ("ada", "eve")]
    cookies = {one.email: one.cookie(shared) for one in people}
    ada, eve = (account(one) for one in people)
    whole = {
        name: Breach(noticed_by=name) for name in {one.noticed_by for one in BREACHES.values()}
    }
    outcomes = {}
    for name, breach in (whole | dict(BREACHES)).items():
        [check] = [one for one in CHECKS if one.name == breach.noticed_by]
        async with broken(shared.base_url, breach) as url:
            subject = Subject(
                url=url, person=ada, other=eve, slow_question=EXPORT, cookies=dict(cookies)
            )
            outcomes[name] = await trial.outcome_of(check, subject)
    assert {name: outcomes[name] for name in whole} == dict.fromkeys(whole, ("pass", ""))
    assert [name for name in BREACHES if outcomes[name][0] != "fail"] == []


def test_each_sentence_stands_in_the_reference() -> None:
    reference = " ".join((Path(settings.BASE_DIR) / "docs/protocol.md").read_text().split())
    missing = [check.sentence for check in CHECKS if check.sentence not in reference]
    assert missing == []
