"""Where each provider is asked, as allauth's settings want it; a base URL points elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

PROVIDERS: Final = ("google", "github", "linkedin")

GOOGLE: Final = {
    "AUTHORIZE_URL": "https://accounts.google.com/o/oauth2/v2/auth",
    "ACCESS_TOKEN_URL": "https://oauth2.googleapis.com/token",
    "IDENTITY_URL": "https://openidconnect.googleapis.com/v1/userinfo",
    "CERTS_URL": "https://www.googleapis.com/oauth2/v3/certs",
    "ID_TOKEN_ISSUER": "https://accounts.google.com",
}
GITHUB_URL: Final = "https://github.com"
GITHUB_API_URL: Final = "https://api.github.com"
LINKEDIN_URL: Final = "https://www.linkedin.com/oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What a provider knows this server by; `base_url` is for test providers only."""

    provider: str
    client_id: str
    secret: str = field(repr=False)
    base_url: str = ""


def provider_settings(clients: Iterable[Client]) -> dict[str, Any]:
    """SOCIALACCOUNT_PROVIDERS; a provider without a client has no app, and so no button."""
    known = {client.provider: client for client in clients}
    return {
        "google": {
            "provider_class": "accounts.providers.Google",
            "SCOPE": ["openid", "email"],
            "OAUTH_PKCE_ENABLED": True,
            "APPS": _apps(known.get("google"), name="Google"),
            **_google(known.get("google")),
        },
        "github": {
            "provider_class": "accounts.providers.GitHub",
            "SCOPE": ["user:email"],
            "OAUTH_PKCE_ENABLED": True,
            "APPS": _apps(known.get("github"), name="GitHub"),
            **_github(known.get("github")),
        },
        "openid_connect": {
            "provider_class": "accounts.providers.LinkedIn",
            "APPS": _apps(
                known.get("linkedin"),
                name="LinkedIn",
                provider_id="linkedin",
                # LinkedIn knows PKCE only as a separate flow for installed applications.
                settings={
                    "server_url": _linkedin_url(known),
                    "scope": ["openid", "email"],
                    "oauth_pkce_enabled": False,
                },
            ),
        },
    }


def origins(clients: Iterable[Client]) -> list[str]:
    """Where a browser is sent to sign in, for the content policy."""
    places = {
        "google": GOOGLE["AUTHORIZE_URL"],
        "github": GITHUB_URL,
        "linkedin": LINKEDIN_URL,
    }
    parts = [urlsplit(client.base_url or places[client.provider]) for client in clients]
    return sorted({f"{part.scheme}://{part.netloc}" for part in parts})


def _apps(client: Client | None, **more: Any) -> list[dict[str, Any]]:
    if client is None:
        return []
    return [{"client_id": client.client_id, "secret": client.secret, **more}]


def _google(client: Client | None) -> dict[str, str]:
    if client is None or not client.base_url:
        return dict(GOOGLE)
    base = client.base_url.rstrip("/")
    return {
        "AUTHORIZE_URL": f"{base}/auth",
        "ACCESS_TOKEN_URL": f"{base}/token",
        "IDENTITY_URL": f"{base}/me",
        "CERTS_URL": f"{base}/jwks",
        "ID_TOKEN_ISSUER": client.base_url,
    }


def _github(client: Client | None) -> dict[str, str]:
    """With GITHUB_URL allauth asks an enterprise server, whose interface is below `/api/v3`."""
    if client is None or not client.base_url:
        return {}
    return {"GITHUB_URL": client.base_url.rstrip("/")}


def _linkedin_url(known: dict[str, Client]) -> str:
    client = known.get("linkedin")
    return client.base_url if client is not None and client.base_url else LINKEDIN_URL
