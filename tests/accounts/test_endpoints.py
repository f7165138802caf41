"""Where each provider is asked, with and without a base URL of its own."""

import json
import subprocess
import sys
from typing import Any

from django.conf import settings

from accounts import endpoints
from accounts.endpoints import Client, origins, provider_settings

READ = """
import json
from netra import settings
names = ("SOCIALACCOUNT_PROVIDERS", "CONTENT_SECURITY_POLICY", "OAUTH_CLIENTS")
print(json.dumps([getattr(settings, name) for name in names], default=repr))
"""


def client(name: str, base_url: str = "") -> Client:
    return Client(provider=name, client_id=f"{name}-id", secret="hidden", base_url=base_url)


def test_a_provider_without_a_client_has_no_app() -> None:
    assert [found["APPS"] for found in provider_settings([]).values()] == [[], [], []]
    assert origins([]) == []


def test_the_real_providers_are_asked_where_they_are() -> None:
    every = [client(name) for name in endpoints.PROVIDERS]
    found = provider_settings(every)
    assert found["google"]["ID_TOKEN_ISSUER"] == "https://accounts.google.com"
    assert "GITHUB_URL" not in found["github"]
    app = found["openid_connect"]["APPS"][0]
    assert (app["provider_id"], app["settings"]["server_url"]) == (
        "linkedin",
        "https://www.linkedin.com/oauth",
    )
    assert origins(every) == [
        "https://accounts.google.com",
        "https://github.com",
        "https://www.linkedin.com",
    ]


def test_a_base_url_leads_everything_elsewhere() -> None:
    every = [client(name, f"http://127.0.0.1:1/{name}") for name in endpoints.PROVIDERS]
    found = provider_settings(every)
    urls = ("AUTHORIZE_URL", "ACCESS_TOKEN_URL", "IDENTITY_URL", "CERTS_URL", "ID_TOKEN_ISSUER")
    assert [found["google"][name] for name in urls] == [
        "http://127.0.0.1:1/google/auth",
        "http://127.0.0.1:1/google/token",
        "http://127.0.0.1:1/google/me",
        "http://127.0.0.1:1/google/jwks",
        "http://127.0.0.1:1/google",
    ]
    assert found["github"]["GITHUB_URL"] == "http://127.0.0.1:1/github"
    app = found["openid_connect"]["APPS"][0]
    assert app["settings"]["server_url"] == "http://127.0.0.1:1/linkedin"
    assert origins(every) == ["http://127.0.0.1:1"]


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(client("google"))


def read(**environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", READ],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_the_environment_makes_the_apps_and_lets_the_form_lead_there() -> None:
    names = ("GOOGLE", "GITHUB", "LINKEDIN")
    variables = {
        f"NETRA_OAUTH_{name}_{part}": value
        for port, name in enumerate(names, start=4000)
        for part, value in (
            ("CLIENT_ID", f"{name} id"),
            ("SECRET", "secret"),
            ("BASE_URL", f"http://127.0.0.1:{port}"),
        )
    }
    apps, policy, clients = read(**variables)
    found = [app["client_id"] for provider in apps.values() for app in provider["APPS"]]
    assert sorted(found) == sorted(f"{name} id" for name in names)
    origins_led_to = [f"http://127.0.0.1:{port}" for port in (4000, 4001, 4002)]
    assert sorted(policy["DIRECTIVES"]["form-action"]) == ["'self'", *origins_led_to]
    assert all("secret" not in client.replace("secret=", "") for client in clients)
