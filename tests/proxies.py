"""nginx before web processes of the test, told what the file says that is shipped in `deploy/`."""

import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings

from netra import env, processes
from netra.engines import Postgres
from netra.processes import Program
from tests.servers import free_port, wait_until

SHIPPED: Path = settings.BASE_DIR / "deploy/nginx/netra.conf"
# All that nginx would write elsewhere.
WHOLE: Final = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running nginx; whoever reads its certificate's file knows it."""

    port: int
    certificate: Path

    @property
    def base_url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


def nginx() -> str:
    """The program; without it the test is skipped."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None or shutil.which("openssl") is None:
        pytest.skip("nginx is not installed")
    return found


def configure(folder: Path, *, port: int, plain_port: int, webs: Sequence[int]) -> Path:
    """The shipped file with other ports and a certificate of its own, and nginx's own around it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=netra.example",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=True,
    )  # fmt: skip
    text = SHIPPED.read_text()
    [upstream] = re.findall(r"upstream netra \{.*?\n\}", text, re.S)
    first, *others = re.findall(r" *server 127\.0\.0\.1:\d+.*\n", upstream)
    assert len(others) == 1
    servers = "".join(re.sub(r":\d+", f":{web}", first) for web in webs)
    for old, new, times in (
        (first + others[0], servers, 1),
        ("listen [::]:80;", "", 1),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};", 1),
        ("listen [::]:443 ssl http2;", "", 1),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;", 1),
        # The name of a host on a port that is not the usual one has that port.
        ("Host $host;", f"Host $host:{port};", 1),
        ("/etc/ssl/netra/fullchain.pem", str(certificate), 1),
        ("/etc/ssl/netra/privkey.pem", str(key), 1),
    ):
        assert text.count(old) == times, old
        text = text.replace(old, new)
    (folder / "site.conf").write_text(text)
    whole = folder / "nginx.conf"
    whole.write_text(WHOLE.format(folder=folder))
    return whole


@contextmanager
def proxy(folder: Path, *webs: int) -> Iterator[Proxy]:
    """nginx before web processes on these ports, whose certificate this process believes."""
    program = nginx()
    port = free_port()
    whole = configure(folder, port=port, plain_port=free_port(), webs=webs)
    running = Program(
        name="nginx",
        argv=(program, "-e", str(folder / "error.log"), "-c", str(whole)),
        # As PostgreSQL, it is to run without rights.
        account=Postgres(folder).program.account,
        orphan_signal=signal.SIGTERM,
    )
    made = Proxy(port, folder / "certificate.pem")
    process = processes.spawn(running)
    try:
        wait_until(lambda: _answers(made) or process.poll() is not None)
        assert process.poll() is None, (folder / "error.log").read_text()
        with env.override(SSL_CERT_FILE=str(made.certificate)):
            yield made
    finally:
        processes.end(process, running)


def _answers(made: Proxy) -> bool:
    try:
        return bool(ssl.get_server_certificate(("127.0.0.1", made.port)))
    except OSError:
        return False
