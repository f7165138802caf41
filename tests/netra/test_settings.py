"""Settings as a process of each environment reads them: defaults, and what refuses to start."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings

from netra.env import Environment

KEY: Final = "k" * 50
DEPLOYED: Final = {"NETRA_SECRET_KEY": KEY, "NETRA_ALLOWED_HOSTS": "netra.example"}
PRODUCTION: Final = DEPLOYED | {"NETRA_ENV": "production"}
STAGING: Final = DEPLOYED | {"NETRA_ENV": "staging"}
TEST: Final = {"NETRA_ENV": "test"}
DEVELOPMENT: Final = {"NETRA_ENV": "development"}
# Reads the settings once for each line of input; a process for each would take a minute.
READER: Final = """
import json, runpy, sys, traceback
from netra import env
for line in sys.stdin:
    environment, names = json.loads(line)
    with env.override(**environment):
        try:
            read = runpy.run_path("netra/settings.py")
            answer = {"values": {name: read[name] for name in names}}
        except Exception:
            answer = {"refusal": traceback.format_exc()}
    print(json.dumps(answer, default=str), flush=True)
"""


class Reader:
    """A process with an environment of its own, that answers what the settings make of another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, environment: dict[str, str], *names: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([environment, names]) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def values(self, environment: dict[str, str], *names: str) -> dict[str, Any]:
        answer = self.ask(environment, *names)
        assert "values" in answer, answer["refusal"]
        read: dict[str, Any] = answer["values"]
        return read


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with subprocess.Popen(
        [sys.executable, "-c", READER],
        cwd=settings.BASE_DIR,
        env={"NETRA_VAR": str(tmp_path_factory.mktemp("settings"))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Reader(process)
        process.kill()


SET_UP: Final = """
import django
django.setup()
from django.conf import settings
print(settings.NETRA_ENV, settings.DEBUG, settings.VAR_DIR, settings.DATABASE_URL)
"""


def test_an_empty_environment_is_development() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", SET_UP],
        cwd=settings.BASE_DIR,
        env={"DJANGO_SETTINGS_MODULE": "netra.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode == 0, answer.stderr
    environment, debug, var, url = answer.stdout.split()
    assert (environment, debug) == (Environment.DEVELOPMENT, "False")
    assert var == str(settings.BASE_DIR / "var")
    assert url.startswith("postgresql://")


DEPLOYED_VALUES: Final = {
    "DEBUG": False,
    "ALLOWED_HOSTS": ["netra.example"],
    "SECRET_KEY": KEY,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "WHITENOISE_USE_FINDERS": False,
    "NETRA_SERVER": "uvicorn",
    "NETRA_RATE_SCALE": 1,
    "NETRA_TESTING": False,
}
LOCAL_VALUES: Final = {
    "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
    "SESSION_COOKIE_SECURE": False,
    "SECURE_SSL_REDIRECT": False,
    "SECURE_HSTS_SECONDS": 0,
    "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    "WHITENOISE_USE_FINDERS": True,
    "NETRA_SERVER": "uvicorn",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (PRODUCTION, DEPLOYED_VALUES | {"NETRA_ENV": "production"}),
        (STAGING, DEPLOYED_VALUES | {"NETRA_ENV": "staging"}),
        (DEVELOPMENT, LOCAL_VALUES | {"NETRA_ENV": "development"}),
        (TEST, LOCAL_VALUES | {"NETRA_ENV": "test", "DEBUG": False}),
    ],
    ids=["production", "staging", "development", "test"],
)
def test_each_environment_has_its_defaults(
    reader: Reader, environment: dict[str, str], expected: dict[str, Any]
) -> None:
    assert reader.values(environment, *expected) == expected


def test_values_come_from_the_environment(reader: Reader, tmp_path: Path) -> None:
    key, model = tmp_path / "key", tmp_path / "model"
    key.write_text("f" * 60 + "\n")
    model.write_text("m" * 20)
    environment = PRODUCTION | {
        "NETRA_SECRET_KEY": "",
        "NETRA_SECRET_KEY_FILE": str(key),
        "NETRA_MODEL_URL": "https://models.example/v1",
        "NETRA_MODEL_NAME": "m-1",
        "NETRA_MODEL_KEY_FILE": str(model),
        "NETRA_ALLOWED_HOSTS": " a.example, b.example,",
        "NETRA_SERVER": "daphne",
        "DATABASE_URL": "postgresql://u:p%40ss@db.example:6432/n?sslmode=require",
        "REDIS_URL": "rediss://bus.example/0",
        "NETRA_MAIL_URL": "smtps://m%40x:p%3Ass@mail.example",
    }
    names = ("SECRET_KEY", "NETRA_MODEL_KEY", "ALLOWED_HOSTS", "NETRA_SERVER", "DATABASES",
             "REDIS_URL", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_PORT")  # fmt: skip

    read = reader.values(environment, *names)

    database = read.pop("DATABASES")["default"]
    assert [database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "n", "u", "p@ss", "db.example", "6432",
    ]  # fmt: skip
    assert database["OPTIONS"]["sslmode"] == "require"
    assert read == {
        "SECRET_KEY": "f" * 60,
        "NETRA_MODEL_KEY": "Secret(***)",
        "ALLOWED_HOSTS": ["a.example", "b.example"],
        "NETRA_SERVER": "daphne",
        "REDIS_URL": "rediss://bus.example/0",
        "EMAIL_HOST_USER": "m@x",
        "EMAIL_HOST_PASSWORD": "p:ss",
        "EMAIL_PORT": 465,
    }


def test_uploads_go_to_a_bucket_where_one_is_named(reader: Reader) -> None:
    bucket = {
        "NETRA_FILES_BUCKET": "files",
        "NETRA_FILES_URL": "https://store.example",
        "NETRA_FILES_KEY": "quite secret",
    }

    disk = reader.values(DEVELOPMENT, "STORAGES")["STORAGES"]["default"]
    store = reader.values(DEVELOPMENT | bucket, "STORAGES")["STORAGES"]["default"]

    assert disk == {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    assert store["BACKEND"] == "storages.backends.s3.S3Storage"
    told = [store["OPTIONS"][name] for name in ("bucket_name", "endpoint_url", "secret_key")]
    assert told == ["files", "https://store.example", "quite secret"]


def test_older_secret_keys_are_kept_in_their_order(reader: Reader, tmp_path: Path) -> None:
    older = ["a" * 50, "b" * 50]
    keys = tmp_path / "keys"
    keys.write_text("\n".join(older) + "\n")
    for variable in (
        {"NETRA_SECRET_KEY_FALLBACKS": f" {older[0]},{older[1]}, "},
        {"NETRA_SECRET_KEY_FALLBACKS_FILE": str(keys)},
    ):
        read = reader.values(PRODUCTION | variable, "SECRET_KEY", "SECRET_KEY_FALLBACKS")
        assert read == {"SECRET_KEY": KEY, "SECRET_KEY_FALLBACKS": older}
    assert reader.values(PRODUCTION, "SECRET_KEY_FALLBACKS") == {"SECRET_KEY_FALLBACKS": []}


DEFAULT_KEY: Final = "development-only-key-never-used-in-staging-or-production"
REFUSED: list[tuple[dict[str, str], str]] = [
    *((environment | {"NETRA_DEBUG": "1"}, "NETRA_DEBUG") for environment in (PRODUCTION, STAGING)),
    *(
        (environment | {"NETRA_SECRET_KEY": key}, "NETRA_SECRET_KEY")
        for environment in (PRODUCTION, STAGING)
        for key in ("", DEFAULT_KEY, "k" * 49)
    ),
    (PRODUCTION | {"NETRA_METRICS_TOKEN": "t" * 31}, "NETRA_METRICS_TOKEN"),
    (DEVELOPMENT | {"NETRA_METRICS_PORT": "65536"}, "NETRA_METRICS_PORT"),
    *(
        (environment | {"NETRA_ALLOWED_HOSTS": hosts}, "NETRA_ALLOWED_HOSTS")
        for environment in (PRODUCTION, STAGING)
        for hosts in ("", " , ")
    ),
    *(
        (PRODUCTION | {name: "http://127.0.0.1:9"}, name)
        for name in (
            "NETRA_OAUTH_GOOGLE_BASE_URL",
            "NETRA_OAUTH_GITHUB_BASE_URL",
            "NETRA_OAUTH_LINKEDIN_BASE_URL",
            "NETRA_STRIPE_BASE_URL",
        )
    ),
    (STAGING | {"NETRA_STRIPE_KEY": "s3cret"}, "NETRA_STRIPE_WEBHOOK_SECRET"),
    *(
        (PRODUCTION | {"NETRA_SECRET_KEY_FALLBACKS": keys}, "NETRA_SECRET_KEY_FALLBACKS")
        for keys in ("k" * 49, f"{'a' * 50},{KEY}")
    ),
    (PRODUCTION | {"NETRA_SECRET_KEY_FILE": "/nowhere", "NETRA_SECRET_KEY": ""},
     "NETRA_SECRET_KEY_FILE"),
    ({"NETRA_ENV": "prod"}, "NETRA_ENV"),
    ({"NETRA_ENV": "Production"}, "NETRA_ENV"),
    (DEVELOPMENT | {"NETRA_DEBUG": "perhaps"}, "NETRA_DEBUG"),
    (DEVELOPMENT | {"NETRA_SERVER": "gunicorn"}, "NETRA_SERVER"),
    (DEVELOPMENT | {"NETRA_DB_THREADS": "0"}, "NETRA_DB_THREADS"),
    (DEVELOPMENT | {"NETRA_WORKER_CONCURRENCY": "many"}, "NETRA_WORKER_CONCURRENCY"),
    (DEVELOPMENT | {"NETRA_RATE_SCALE": "0"}, "NETRA_RATE_SCALE"),
    (DEVELOPMENT | {"NETRA_TESTING": "2"}, "NETRA_TESTING"),
    (DEVELOPMENT | {"NETRA_MODEL_URL": "models.example"}, "NETRA_MODEL_URL"),
    (DEVELOPMENT | {"NETRA_MODEL_URL": "http://models.example"}, "NETRA_MODEL_NAME"),
    (DEVELOPMENT | {"NETRA_LOG_LEVEL": "loud"}, "NETRA_LOG_LEVEL"),
    (DEVELOPMENT | {"NETRA_MAIL_URL": "imap://s3cret@mail.example"}, "NETRA_MAIL_URL"),
    (DEVELOPMENT | {"NETRA_MAIL_URL": "smtp://a:s3cret@mail.example:x"}, "NETRA_MAIL_URL"),
    (DEVELOPMENT | {"DATABASE_URL": "sqlite:///s3cret"}, "DATABASE_URL"),
    (DEVELOPMENT | {"DATABASE_URL": "mysql://a:s3cret@db/n"}, "DATABASE_URL"),
    (DEVELOPMENT | {"DATABASE_URL": "postgresql://a:s3cret%zz@db/n"}, "DATABASE_URL"),
    (DEVELOPMENT | {"DATABASE_URL": "postgresql://a:s3cret@db/n?colour=red"}, "DATABASE_URL"),
    (DEVELOPMENT | {"REDIS_URL": "http://:s3cret@bus.example"}, "REDIS_URL"),
]  # fmt: skip


def _name(row: tuple[dict[str, str], str]) -> str:
    environment, variable = row
    return f"{environment['NETRA_ENV']}-{variable}-{environment.get(variable, '')[:12]}"


@pytest.mark.parametrize(("environment", "variable"), REFUSED, ids=[_name(row) for row in REFUSED])
def test_a_wrong_value_refuses_to_start_and_is_named(
    reader: Reader, environment: dict[str, str], variable: str
) -> None:
    refusal: str = reader.ask(environment)["refusal"]

    assert f"EnvError: environment variable {variable} " in refusal.splitlines()[-1]
    # The traceback repeats our source, and no value.
    assert "s3cret" not in refusal
    assert "k" * 49 not in refusal


@pytest.mark.parametrize("environment", [STAGING, DEVELOPMENT, TEST], ids=lambda e: e["NETRA_ENV"])
def test_a_test_provider_is_for_other_environments(
    reader: Reader, environment: dict[str, str]
) -> None:
    provider = {"NETRA_OAUTH_GOOGLE_BASE_URL": "http://127.0.0.1:9"}

    assert reader.values(environment | provider, "PRODUCTION") == {"PRODUCTION": False}
