"""Reads of history: at a real replica while it is up to date, else at the primary."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from urllib.request import Request, urlopen

import pytest
from django.db import DEFAULT_DB_ALIAS, InternalError, connection, connections, transaction
from django.test import Client
from pytest_django import Settings

from accounts.models import TokenScope, User
from chat.models import Message, Thread
from chat.selectors import head_of
from netra import databases, replica
from netra.doctor import replica as doctor
from netra.doctor.findings import Verdict
from netra.doctor.replica import check_replica
from netra.env import EnvError
from netra.replica import ALIAS, REST, HistoryIsReadOnly, read_history
from netra.tally import TALLY
from tests.chat.api_people import pays, program, sent, token_of
from tests.netra.test_export import archive_of
from tests.servers import Servers, free_port, wait_until
from tests.standby import Standby, standby

pytestmark = pytest.mark.django_db(transaction=True, databases=[DEFAULT_DB_ALIAS, ALIAS])


@pytest.fixture(scope="module", autouse=True)
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    """A replica, configured as DATABASE_REPLICA_URL does."""
    with standby(tmp_path_factory.mktemp("standby")) as running:
        point(running.url(connection.settings_dict["NAME"]))
        yield running
        forget()


def point(url: str) -> None:
    given = databases.replica_of(url, threads=2)
    configured = connections.configure_settings({DEFAULT_DB_ALIAS: {}, ALIAS: given})
    connections.settings[ALIAS] = configured[ALIAS]
    REST.begin(0)


def forget() -> None:
    connections[ALIAS].close()
    connections[ALIAS].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's
    del connections[ALIAS], connections.settings[ALIAS]


@pytest.fixture
def near(server: Standby, settings: Settings) -> Standby:
    """The replica, as far as the test database."""
    settings.DATABASE_ROUTERS = ["netra.replica.Router"]
    # As sessions of a durable server do: what is committed goes to the replica at once.
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    wait_until(lambda: reader() == ALIAS, within_s=20)
    return server


def reader() -> str:
    """Who answers a read of history now."""
    REST.begin(0)
    return read_history(replica.alias)


@pytest.fixture
def caller(transactional_db: None) -> Client:
    user = User.objects.create_user(email="ada@example.com", password=None)
    return program(token_of(pays(user), TokenScope.WRITE))


def pages(caller: Client, thread_id: str) -> list[str]:
    response = caller.get(f"/api/threads/{thread_id}/messages")
    assert response.status_code == 200, response.content
    return [one["text"] for one in response.json()["messages"]]


def counted() -> dict[str, int]:
    return {"replica": 0, "primary": 0} | TALLY.history_reads.read()


def test_what_was_just_said_is_read_at_the_replica(near: Standby, caller: Client) -> None:
    ack = sent(caller, "first invoice")
    thread_id = ack["thread_id"]
    before = counted()
    for n in range(5):
        Message.objects.filter(public_id=ack["message_id"]).update(text=f"invoice {n}")
        REST.begin(0)
        assert pages(caller, thread_id) == [f"invoice {n}"]
    found = caller.get("/api/search?q=invoice").json()["results"]
    assert [one["excerpt"] for one in found] == ["", "invoice 4"]
    assert b"invoice 4" in caller.get(f"/api/threads/{thread_id}/export").content
    user = User.objects.get()
    operator = Client()
    operator.force_login(User.objects.create_superuser(email="root@example.com", password=None))
    assert thread_id in operator.get("/admin/chat/message/").content.decode()
    assert operator.get("/admin/billing/dashboard/").status_code == 200
    reader_ = Client()
    reader_.force_login(user)
    assert reader_.get("/plan/").status_code == 200
    zipped = read_history(archive_of, user)
    assert "invoice 4" in zipped.read(f"threads/{thread_id}.md").decode()
    # Under load it may be later than anybody waits for; mostly it is not.
    assert counted()["replica"] >= before["replica"] + 8  # of 11


def test_the_replica_takes_no_writes_and_no_transactions(near: Standby, caller: Client) -> None:
    thread = Thread.objects.get(public_id=sent(caller)["thread_id"])
    for write in (
        lambda: Thread.objects.update(title="changed"),
        lambda: Thread.objects.select_for_update().first(),
        lambda: thread.save(),
        lambda: thread.delete(),
    ):
        REST.begin(0)
        with pytest.raises(HistoryIsReadOnly):
            read_history(write)
    with pytest.raises(InternalError, match="read-only"):
        Thread.objects.using(ALIAS).update(title="changed")
    with transaction.atomic():
        thread.title = "mine"
        thread.save()
        assert reader() == DEFAULT_DB_ALIAS
        assert read_history(Thread.objects.get).title == "mine"
    there = read_history(Thread.objects.get)
    there.title = "back at the primary"
    there.save()
    assert Thread.objects.get().title == "back at the primary"


def test_a_replica_that_is_behind_is_left_alone(
    near: Standby, caller: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "COMES_WITHIN_S", 0.1)
    ack = sent(caller, "early")
    assert pages(caller, ack["thread_id"]) == ["early"]
    near.run("SELECT pg_wal_replay_pause()")
    try:
        Message.objects.filter(public_id=ack["message_id"]).update(text="late")
        before = counted()
        for _ in range(3):
            assert pages(caller, ack["thread_id"]) == ["late"]
        assert counted() == before | {"primary": before["primary"] + 3}
        [finding] = check_replica()
        assert (finding.verdict, "bytes behind" in finding.found) == (Verdict.WARNING, True)
    finally:
        near.run("SELECT pg_wal_replay_resume()")
    wait_until(lambda: reader() == ALIAS, within_s=20)
    [finding] = check_replica()
    assert finding.verdict is Verdict.OK


@pytest.mark.chaos
def test_nobody_waits_twice_for_what_is_no_replica_or_away(near: Standby, caller: Client) -> None:
    thread_id = sent(caller)["thread_id"]
    primary = connection.settings_dict
    forget()
    point(f"postgresql://netra@/{primary['NAME']}?host={primary['HOST']}")
    assert reader() == DEFAULT_DB_ALIAS
    [finding] = check_replica()
    assert (finding.verdict, "promoted" in finding.found) == (Verdict.PROBLEM, True)
    forget()
    point(f"postgresql://netra@127.0.0.1:{free_port()}/netra")
    try:
        began = time.monotonic()
        assert pages(caller, thread_id) == ["hello"]
        assert not REST.is_over()
        assert pages(caller, thread_id) == ["hello"]
        assert time.monotonic() - began < 1.9
        [finding] = check_replica()
        assert (finding.verdict, "alone" in finding.advice) == (Verdict.WARNING, True)
    finally:
        forget()
        point(near.url(primary["NAME"]))


def test_one_that_is_killed_in_the_middle_costs_nothing(near: Standby, caller: Client) -> None:
    thread_id = sent(caller)["thread_id"]
    seen = []

    def kill_and_read() -> str:
        seen.append(replica.alias())
        if replica.alias() == ALIAS:
            near.kill()
        return Thread.objects.get().public_id

    REST.begin(0)
    assert read_history(kill_and_read) == thread_id
    assert seen == [ALIAS, DEFAULT_DB_ALIAS]
    assert pages(caller, thread_id) == ["hello"]
    near.start()
    wait_until(lambda: reader() == ALIAS, within_s=20)
    assert pages(caller, thread_id) == ["hello"]


@pytest.mark.chaos
def test_nobody_sees_less_than_was_committed_while_others_write(
    near: Standby, caller: Client
) -> None:
    thread = Thread.objects.get(public_id=sent(caller)["thread_id"])
    over = Event()

    def write() -> None:
        while not over.is_set():
            Message.objects.filter(thread=thread).update(text="x" * 2000)
        connections.close_all()

    before = counted()
    with ThreadPoolExecutor(2) as writers:
        try:
            for _ in range(2):
                writers.submit(write)
            for head in range(1, 300):
                Thread.objects.filter(pk=thread.pk).update(head=head)
                assert read_history(head_of, thread=thread.pk) == head
        finally:
            over.set()
    # A replica that waits for its turn on a core may be late, and is then left alone.
    assert counted()["replica"] > before["replica"]


@pytest.mark.chaos
def test_a_web_process_serves_on_while_its_replica_dies_and_comes_back(
    near: Standby, caller: Client, server_environment: dict[str, str]
) -> None:
    path = f"/api/threads/{sent(caller)['thread_id']}/messages"
    url = near.url(connection.settings_dict["NAME"])
    servers = Servers(server_environment | {"DATABASE_REPLICA_URL": url})
    token = token_of(User.objects.get())

    def look(path: str) -> str:
        asked = Request(f"{servers.base_url}{path}", headers={"Authorization": f"Bearer {token}"})
        with urlopen(asked, timeout=5) as answer:
            told: str = answer.read().decode()
            return told

    def reads(who: str) -> str:
        return look("/metrics").partition(f'history_reads_total{{from="{who}"}} ')[2].split("\n")[0]

    def is_answered_by(who: str) -> bool:
        before = reads(who)
        assert "hello" in look(path)
        return reads(who) != before

    try:
        servers.start_web()
        wait_until(lambda: is_answered_by("replica"))
        near.kill()
        for _ in range(20):
            assert is_answered_by("primary")
        near.start()
        wait_until(lambda: is_answered_by("replica"))
    finally:
        servers.stop()


def test_a_wrong_address_refuses_to_start_and_names_itself() -> None:
    with pytest.raises(EnvError, match="DATABASE_REPLICA_URL"):
        databases.replica_of("postgresql://user:secret@host/name?unknown=1", threads=1)
