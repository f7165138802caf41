"""`manage.py up`: the whole of Netra on one machine, engines included, until Ctrl-C."""

import contextlib
import errno
import http.client
import json
import os
import secrets
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from accounts.errors import EmailTaken
from accounts.models import User
from billing import services as billing
from billing.tiers import Tier
from netra import engines, env, processes, stand_ins, upfile
from netra.engines import Postgres, Valkey
from netra.env import Environment
from netra.processes import ProcessError, Program
from netra.supervisor import Child, Signals, StopRequested, Supervisor

HOST: Final = "127.0.0.1"
DEMO_EMAIL: Final = "demo@example.com"
# One after the other, with 4 s for the engines: all is over within 15 s.
STOP_WITHIN_S: Final = {"web": 6.0, "worker": 4.5}


class Command(BaseCommand):
    help = "Run everything on this machine: PostgreSQL, Valkey, web and worker."
    requires_system_checks = ()  # they may want the database, which does not run yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the web pages")
        parser.add_argument(
            "--providers",
            action="store_true",
            help="stand-ins for Google, GitHub and LinkedIn on the three ports after that",
        )

    def handle(self, *, port: int, providers: bool = False, **_options: Any) -> None:
        var: Path = settings.VAR_DIR
        try:
            engines.make_folders(var)
            with upfile.sole_up(var):
                _check_port(port)
                first = _first_of_stand_ins(port) if providers else None
                Up(var=var, port=port, providers_from=first, out=self.stdout).run()
        except upfile.AlreadyRunningError as error:
            raise CommandError(
                f"{error}: stop it first, or set NETRA_VAR to another folder"
            ) from None
        except ProcessError as error:
            raise CommandError(error.problem) from None


class Up:
    """One run of `up`: starts in order, watches, and stops in the opposite order."""

    def __init__(self, *, var: Path, port: int, providers_from: int | None, out: Any) -> None:
        self.var = var
        self.port = port
        self.providers_from = providers_from
        self.out = out
        self.signals = Signals()
        self.supervisor = Supervisor(say=self.say, changed=self.record)
        # A URL that is set belongs to somebody else's server, which is not ours to start.
        self.postgres = None if env.raw("DATABASE_URL") else Postgres(var)
        self.valkey = None if env.raw("REDIS_URL") else Valkey(var)
        self.database_url = self.postgres.url if self.postgres else settings.DATABASE_URL
        self.redis_url = self.valkey.url if self.valkey else settings.REDIS_URL
        self.started_at = processes.started_at(os.getpid()) or ""

    def run(self) -> None:
        """Run until a signal asks to stop; raises ProcessError when the start fails."""
        try:
            self.start_engines()
            self.migrate()
            if settings.NETRA_ENV is Environment.DEVELOPMENT:
                self.make_demo_user()
            self.start_providers()
            # The worker first, so that the web process is the first to stop and drains in peace.
            self.supervisor.start(self.child("worker"))
            self.supervisor.start(self.child("web", "--port", str(self.port), "--host", HOST))
            self.wait_for_web()
            self.say(f"Netra is ready at http://{HOST}:{self.port}/ (Ctrl-C stops it).")
            while True:
                self.signals.pause(self.supervisor.tend())
        except StopRequested:
            self.say("Stopping.")
        finally:
            self.supervisor.stop()
        self.say("Stopped.")

    def say(self, line: str) -> None:
        # Whoever read our output may be gone; that is no reason to end.
        with contextlib.suppress(OSError):
            self.out.write(line)
            self.out.flush()

    def record(self) -> None:
        """Keep `up.json` true."""
        record = upfile.UpRecord(
            up=os.getpid(),
            up_started_at=self.started_at,
            web=self.supervisor.pid("web"),
            worker=self.supervisor.pid("worker"),
            postgres=self.supervisor.pid("postgres"),
            valkey=self.supervisor.pid("valkey"),
            database_url=self.database_url,
            redis_url=self.redis_url,
        )
        try:
            upfile.write(self.var, record)
        except OSError as error:
            # A full disk; what runs goes on, and the next change writes again.
            self.say(f"{upfile.up_file(self.var)} cannot be written: {error}")

    def start_engines(self) -> None:
        for key, engine in (("postgres", self.postgres), ("valkey", self.valkey)):
            if engine is None:
                continue
            child = Child(key=key, program=engine.program, prepare=engine.prepare)
            process = self.supervisor.start(child)
            engines.wait_until_ready(engine, process, pause=self.signals.pause)
            self.say(f"{engine.name} runs in {self.var} (process {process.pid}).")

    def start_providers(self) -> None:
        first = self.providers_from
        if first is None:
            return
        log = self.var / "providers.log"
        log.unlink(missing_ok=True)
        program = stand_ins.program(first, log=log)
        self.supervisor.start(Child(key="providers", program=program))
        while not stand_ins.listen(first):
            self.signals.pause(min(0.1, self.supervisor.tend()))
        self.say("Google, GitHub and LinkedIn are stand-ins: sign in as anybody there.")

    def child(self, name: str, *arguments: str) -> Child:
        return Child(key=name, program=self.program(name, *arguments))

    def program(self, name: str, *arguments: str, log: Path | None = None) -> Program:
        manage = str(settings.BASE_DIR / "manage.py")
        own = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        if self.providers_from is not None:
            own |= stand_ins.environment(self.providers_from)
        return Program(
            name=name,
            argv=(sys.executable, manage, name, *arguments),
            environment=env.everything() | own,
            log=log,
            stop_within_s=STOP_WITHIN_S.get(name, 1.0),
        )

    def migrate(self) -> None:
        log = self.var / "migrate.log"
        log.unlink(missing_ok=True)
        program = self.program("migrate", "--no-input", log=log)
        process = processes.spawn(program)
        try:
            while process.poll() is None:
                self.signals.pause(1.0)
        finally:
            processes.end(process, program)
        if process.returncode != 0:
            self.signals.pause(0)  # a Ctrl-C that reached it first is no failure
            raise ProcessError(f"migrate failed: {processes.last_lines(log)}")
        self.say("The database is up to date.")

    def make_demo_user(self) -> None:
        try:
            made = ensure_demo_user(self.var / "demo.json")
        finally:
            # Its connections would only die with the engine, and complain.
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it
        if made is not None:
            self.say(f"Demo account: {made['email']} with password {made['password']}")

    def wait_for_web(self) -> None:
        while not _answers(self.port):
            self.signals.pause(min(0.1, self.supervisor.tend()))


def ensure_demo_user(path: Path) -> dict[str, str] | None:
    """Make the demo user and write its credentials to `path`; None when both are there already."""
    users = get_user_model().objects
    try:
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        if users.filter(email=known["email"]).exists():
            return None
    except (FileNotFoundError, ValueError, KeyError):
        pass
    # A fixed beginning and end meet the password policy, whatever the random part holds.
    made = {"email": DEMO_EMAIL, "password": f"Demo-{secrets.token_hex(8)}-7"}
    try:
        user = accounts.sign_up(email=made["email"], password=made["password"])
        _grant_demo_tier(user)
    except EmailTaken:
        user = users.get(email=DEMO_EMAIL)
        user.set_password(made["password"])
        user.save(update_fields=["password"])
    accounts.mark_verified(user=user)
    upfile.write_private(path, made)
    return made


def _grant_demo_tier(user: User) -> None:
    """Enough connections and messages a minute that a demonstration meets no limit."""
    billing.grant(
        user=user,
        kind="manual",
        tier=Tier.MID,
        starts_at=timezone.now(),
        ends_at=None,
        reason="the demonstration account",
        actor=None,
    )


def _first_of_stand_ins(port: int) -> int:
    """The port after that of the pages; raises ProcessError where no stand-ins can or may be."""
    if settings.NETRA_ENV is not Environment.DEVELOPMENT:
        raise ProcessError(f"stand-ins let in anybody as anybody: not in {settings.NETRA_ENV}")
    first = port + 1
    for each in stand_ins.ports(first):
        _check_port(each)
    return first


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            if getattr(error, "errno", None) != errno.EADDRINUSE:
                raise ProcessError(f"port {port} cannot be used: {error}") from None
            free = f"make run PORT={port + 1}"
            raise ProcessError(
                f"port {port} is in use: stop what uses it, or choose another one ({free})"
            ) from None


def _answers(port: int) -> bool:
    web = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        web.request("GET", "/health/live")
        # Even a refusal comes from a running server: in production the host has another name.
        return web.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        web.close()
