"""Units, images, proxy, alerts and dashboard: valid, hardened, true to what the program tells."""

import json
import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

DEPLOY: Path = settings.BASE_DIR / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted((DEPLOY / "systemd").glob("*.timer"))
COMPOSE = DEPLOY / "docker" / "compose.yaml"
DOCS: Path = settings.BASE_DIR / "docs"
METRICS = set(re.findall(r"^\| `(netra_\w+)`", (DOCS / "metrics.md").read_text(), re.M))
# What the library adds to each process, and what Prometheus itself knows of a target.
STANDARD = {"process_cpu_seconds_total", "process_resident_memory_bytes", "up"}
HARDENED = ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes")


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression of Prometheus names, without the suffixes of histograms."""
    named = set(re.findall(r"\b(?:netra|process)_\w+", re.sub(r"\{[^}]*\}", "", expression)))
    if re.search(r"\bup\{", expression):
        named.add("up")
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}


def commands_in(text: str) -> set[str]:
    """The commands of manage.py that a file runs."""
    return set(re.findall(r"manage\.py[\", ]+([a-z]+)", text))


def test_units_are_valid_and_hardened(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text()
        assert all(line in text.splitlines() for line in HARDENED), unit.name
        assert "User=netra" in text
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd is not installed")
    for unit in UNITS:
        # The account and the folders are not of this machine.
        program = rf"\1{shutil.which('true')}"
        runnable = re.sub(r"^(ExecStart=)\S+", program, unit.read_text(), flags=re.M)
        (tmp_path / unit.name.replace("@", "@8")).write_text(runnable)
    for timer in TIMERS:
        shutil.copy(timer, tmp_path)
    names = [str(path) for path in tmp_path.iterdir()]
    found = subprocess.run(
        [verify, "verify", "--man=no", "--generators=no", *names],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in found.stderr.splitlines() if "netra" in line]
    assert ours == [], found.stderr


def test_every_file_runs_commands_that_exist() -> None:
    known = set(get_commands())
    for path in (*UNITS, DEPLOY / "docker/Dockerfile", COMPOSE):
        assert commands_in(path.read_text()) <= known, path.name
    for unit in UNITS:
        parsed = ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str  # type: ignore[method-assign,assignment]  # names are case-sensitive
        parsed.read(unit)
        stop_s = parsed["Service"].get("TimeoutStopSec", "15")
        # Draining takes 3 s, requests 2, and farewells 1.
        assert int(stop_s) >= 10


def test_the_proxy_is_valid(tmp_path: Path) -> None:
    text = (DEPLOY / "nginx/netra.conf").read_text()
    assert "location = /metrics { return 404; }" in text
    assert re.search(r"location = /ws/chat/ \{[^}]*proxy_buffering off;", text)
    assert re.search(r"location /api/ \{[^}]*proxy_buffering off;", text)
    megabytes = int(re.search(r"client_max_body_size (\d+)m", text)[1])  # type: ignore[index]
    assert megabytes * 2**20 > settings.FILE_BYTES_MAX
    nginx, openssl = shutil.which("nginx"), shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("nginx is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "1", "-subj", "/CN=netra.example", "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=True,
    )  # fmt: skip
    text = text.replace("/etc/ssl/netra/fullchain.pem", str(certificate))
    text = text.replace("/etc/ssl/netra/privkey.pem", str(key))
    (tmp_path / "site.conf").write_text(text)
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; include {tmp_path}/site.conf; }}\n"
    )
    tried = subprocess.run(
        [nginx, "-t", "-q", "-c", str(whole)], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stderr


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", dockerfile, flags=re.M))
    lines = [line for line in joined.splitlines() if line.strip()]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    lines = instructions((DEPLOY / "docker/Dockerfile").read_text())
    stages = [number for number, (name, _) in enumerate(lines) if name == "FROM"]
    assert len(stages) == 2
    last = dict(lines[stages[-1] :])
    # The last instructions of the kind: whoever runs it is no one, by number.
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last["USER"])
    assert json.loads(last["CMD"])[:2] == ["python", "manage.py"]
    pinned = [rest for name, rest in lines if name == "ARG"]
    assert all(re.search(r":\d+\.\d+\.\d+-", image) for image in pinned)
    text = " ".join(rest for name, rest in lines if name == "RUN")
    assert "--no-deps" in text
    assert "--only-binary=:all:" in text
    assert "curl" not in text
    assert not any(name == "ADD" for name, _ in lines)
    for name, rest in lines:
        if name == "COPY" and "--from" not in rest:
            assert all((settings.BASE_DIR / source).exists() for source in shlex.split(rest)[:-1])


def test_the_image_holds_no_secret_and_all_of_the_program() -> None:
    ignored = (settings.BASE_DIR / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    lines = instructions((DEPLOY / "docker/Dockerfile").read_text())
    copied = {
        source
        for name, rest in lines
        if name == "COPY" and "--from" not in rest
        for source in shlex.split(rest)[:-1]
    }
    assert copied == allowed
    assert not allowed & {"var", ".git", "deploy/docker/secrets"}


def test_services_are_confined() -> None:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    for name, service in services.items():
        image = service["image"]
        assert image.startswith("netra:") or re.search(r":\d+\.\d+", image), name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
        assert "privileged" not in service
    for name in ("web", "worker", "release", "valkey"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in services[name]["security_opt"]
    # Secrets come from files, so that nobody reads them in the description of a container.
    shown = services["web"]["environment"]
    secret = [name for name in shown if re.search(r"KEY|TOKEN|PASSWORD|DATABASE_URL", name)]
    assert secret
    assert all(name.endswith("_FILE") for name in secret)
    released = services["web"]["depends_on"]["release"]
    assert released == {"condition": "service_completed_successfully"}


def test_alerts_name_metrics_that_exist_and_have_an_entry() -> None:
    [group] = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"]
    headings = set(re.findall(r"^## (\w+)$", (DOCS / "runbook.md").read_text(), re.M))
    for rule in group["rules"]:
        named = metrics_in(rule["expr"])
        assert named
        assert named <= METRICS | STANDARD, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
    assert headings == {rule["alert"] for rule in group["rules"]}


def test_each_alert_fires_when_it_must() -> None:
    cases = DEPLOY / "prometheus/alerts_test.yaml"
    [group] = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"]
    fired = set(re.findall(r'alertname="(\w+)"', cases.read_text()))
    assert fired == {rule["alert"] for rule in group["rules"]}
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    tried = subprocess.run(
        [promtool, "test", "rules", str(cases)], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    board = json.loads((DEPLOY / "grafana/netra.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    shown = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in metrics_in(target["expr"])
    }
    assert shown <= METRICS | STANDARD
    assert METRICS - shown == set()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


def test_prometheus_asks_each_process_with_the_token() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())["scrape_configs"]
    assert {job["job_name"] for job in jobs} == {"netra-web", "netra-worker"}
    assert all(job["authorization"]["credentials_file"] for job in jobs)
