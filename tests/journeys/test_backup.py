"""A dump that was made while people chat: restored, it is whole, and the answers go on."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as ours
from django.core.files.base import ContentFile
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from chat import services
from chat.models import Event, File, Message, Run
from chat.runs.lifecycle import RunState
from chat.services import Outgoing
from chat.uploads import store_file
from netra.engines import Postgres
from tests.chat.run_invariants import Seen, assert_all
from tests.journeys.conftest import Person, new_person
from tests.servers import Servers, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

PEOPLE = 3
MESSAGES_EACH = 3
RESTORED = "netra_restored"


BINARIES = Path(Postgres(ours.VAR_DIR).program.argv[0]).parent


def back_up(var: Path) -> None:
    """Run the deployment's own script."""
    where = connection.settings_dict
    stamp = var / "stamp"
    environment = {
        "PATH": f"{BINARIES}:/usr/bin:/bin",
        "DATABASE_URL": f"postgresql://{where['USER']}@/{where['NAME']}?host={where['HOST']}",
        "NETRA_VAR": str(var),
        "NETRA_BACKUPS": str(var / "backups"),
        "NETRA_BACKUP_STAMP": str(stamp),
    }
    script = str(ours.BASE_DIR / "deploy" / "backup.sh")
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert stamp.exists()


def program(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs on the tests' server."""
    where = connection.settings_dict
    server = (f"--host={where['HOST']}", f"--username={where['USER']}")
    done = subprocess.run(
        [str(BINARIES / name), *server, *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def restored_name() -> Iterator[str]:
    program("createdb", "--template=template0", "--encoding=UTF8", "--locale=C.UTF-8", RESTORED)
    yield RESTORED
    program("dropdb", "--force", RESTORED)


def chat(people: list[Person], stop: threading.Event) -> None:
    """Post until told to stop; each message into its person's own thread."""
    threads: dict[int, str | None] = dict.fromkeys((one.user.pk for one in people), None)
    number = 0
    while not stop.is_set() or number < MESSAGES_EACH:
        for one in people:
            message = Outgoing(
                client_id=f"c{number}",
                text=f"What is {number} + 1?",
                thread_id=threads[one.user.pk],
            )
            threads[one.user.pk] = services.post_message(user=one.user, message=message).thread_id
        number += 1
        stop.wait(0.4)
    connection.close()


def test_a_dump_made_while_people_chat_is_whole_and_goes_on(
    servers: Servers,
    restored_name: str,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    people = [new_person(f"person{number}") for number in range(PEOPLE)]
    for one in people:
        store_file(user=one.user, name="notes.txt", content=ContentFile(b"What I have noted."))
    servers.environment |= {"NETRA_ASSISTANT_TOKENS_PER_S": "60"}
    stop = threading.Event()
    chatting = threading.Thread(target=chat, args=(people, stop))
    try:
        servers.start_worker()
        chatting.start()
        wait_until(lambda: Run.objects.filter(state=RunState.COMPLETED).count() >= PEOPLE)
        back_up(tmp_path)
    finally:
        stop.set()
        chatting.join()
        servers.stop()
    [backup] = (tmp_path / "backups").iterdir()
    dump = str(backup / "netra.dump")
    program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={restored_name}", dump)

    settings.MEDIA_ROOT = backup / "files"
    with working_on(restored_name):
        assert Run.objects.filter(state=RunState.COMPLETED).count() >= PEOPLE
        assert Run.objects.filter(ended_at=None).exists()
        assert_whole(people)
        go_on(servers, restored_name)
        assert set(Run.objects.values_list("state", flat=True)) == {RunState.COMPLETED}
        assert_whole(people)


@contextmanager
def working_on(name: str) -> Iterator[None]:
    """Let the test itself look into another database; its pool remembers the one before."""
    before = connection.settings_dict["NAME"]
    _connect(name)
    try:
        yield
    finally:
        _connect(before)


def _connect(name: str) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it
    connection.settings_dict["NAME"] = name


def go_on(servers: Servers, name: str) -> None:
    """Start a worker on the restored database and wait until it has answered everybody."""
    url = urlsplit(servers.environment["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    servers.environment |= {"DATABASE_URL": url, "NETRA_ASSISTANT_TOKENS_PER_S": "0"}
    servers.start_worker()
    try:
        wait_until(lambda: not Run.objects.filter(ended_at=None).exists())
    finally:
        servers.stop()


def assert_whole(people: list[Person]) -> None:
    """Logs without a gap, quotas as the runs say, messages in the log, files where rows say."""
    users = list(User.objects.filter(pk__in=[one.user.pk for one in people]))
    assert len(users) == len(people)
    assert_all(Seen.of(users))
    for message in Message.objects.all():
        assert Event.objects.filter(thread=message.thread_id, seq=message.seq).exists()
    assert File.objects.count() == len(people)
    held = {Path(one.content.path).read_bytes() for one in File.objects.all()}
    assert held == {b"What I have noted."}
    check_constraints()


def check_constraints() -> None:
    """Constraints and triggers came along: the restored database defends itself, too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal")
        assert cursor.fetchone()[0] > 0
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated")
        assert cursor.fetchone()[0] == 0
