"""Google, GitHub and LinkedIn: allauth's flows, with answers that are read strictly."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.socialaccount import app_settings
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base import Provider, ProviderException
from allauth.socialaccount.providers.github.provider import GitHubProvider
from allauth.socialaccount.providers.google.provider import GoogleProvider
from allauth.socialaccount.providers.oauth2.views import OAuth2Adapter
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string
from requests import HTTPError, RequestException

from accounts import endpoints, evidence, id_tokens
from accounts.evidence import Evidence, EvidenceRefused
from accounts.id_tokens import TokenRefused
from accounts.models import User

NONCE_CHARACTERS: Final = 32
ACCESS_TOKEN_CHARACTERS_MAX: Final = 8192
# Google signs as either.
GOOGLE_ISSUERS: Final = ("https://accounts.google.com", "accounts.google.com")
# What a discovery document must name: OpenID Connect Discovery 1.0, section 3.
DISCOVERED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")


class Arrival(SocialLogin):  # type: ignore[misc]  # allauth has no types
    """Somebody who comes from a provider, before it is decided whose account that is."""

    def __init__(self, *, provider: Provider, evidence: Evidence, nonce: object = None) -> None:
        super().__init__(
            provider=provider,
            user=User(email=evidence.address),
            account=SocialAccount(provider=evidence.provider, uid=evidence.subject),
            email_addresses=[
                EmailAddress(email=evidence.address, verified=evidence.verified, primary=True)
            ],
        )
        self.evidence = evidence
        # What an ID token carried; None where there was none.
        self.nonce = nonce

    def lookup(self) -> None:
        """Nothing: who it is gets decided under a lock (`accounts.identities`), and only there."""
        self._did_authenticate_by_email = None


class StrictAdapter(OAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """Turns whatever a provider may answer into an arrival or a ProviderException."""

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            answer = super().get_access_token_data(*args, **kwargs)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, RequestException):
                raise
            raise ProviderException("token_answer") from error
        if not isinstance(answer, dict):
            raise ProviderException("token_answer")
        return answer

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        token = data["access_token"]
        if not isinstance(token, str) or not 0 < len(token) <= ACCESS_TOKEN_CHARACTERS_MAX:
            raise ProviderException("access_token")
        return SocialToken(token=token)

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> Arrival:
        try:
            return self.arrival(app, token.token, kwargs["response"])
        except (EvidenceRefused, TokenRefused) as refusal:
            raise ProviderException(refusal.reason) from refusal

    def arrival(self, app: SocialApp, token: str, response: Mapping[str, object]) -> Arrival:
        """Who the provider says it is; raises EvidenceRefused and TokenRefused."""
        raise NotImplementedError

    def fetched(self, url: str, token: str, *, scheme: str = "Bearer") -> Any:
        """The JSON at an address of the provider's that asks for the access token."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(url, headers={"Authorization": f"{scheme} {token}"})
            answer.raise_for_status()
            return answer.json()

    def fetched_object(self, url: str, token: str, *, scheme: str = "Bearer") -> dict[str, object]:
        found = self.fetched(url, token, scheme=scheme)
        if not isinstance(found, dict):
            raise EvidenceRefused("document")
        return found


class GoogleAdapter(StrictAdapter):
    provider_id = "google"

    @property
    def urls(self) -> Mapping[str, str]:
        urls: Mapping[str, str] = app_settings.PROVIDERS["google"]
        return urls

    @property
    def access_token_url(self) -> str:
        return self.urls["ACCESS_TOKEN_URL"]

    @property
    def authorize_url(self) -> str:
        return self.urls["AUTHORIZE_URL"]

    def arrival(self, app: SocialApp, token: str, response: Mapping[str, object]) -> Arrival:
        issuer = self.urls["ID_TOKEN_ISSUER"]
        claims = id_tokens.verified(
            response.get("id_token"),
            issuers=GOOGLE_ISSUERS if issuer in GOOGLE_ISSUERS else (issuer,),
            audience=app.client_id,
            keys_url=self.urls["CERTS_URL"],
        )
        if "email" not in claims:
            shown = self.fetched_object(self.urls["IDENTITY_URL"], token)
            if shown.get("sub") != claims["sub"]:
                raise EvidenceRefused("subject")
            claims = {**shown, **claims}
        return Arrival(
            provider=self.get_provider(),
            evidence=evidence.of_google(claims, issuer=issuer),
            nonce=claims.get("nonce"),
        )


class GitHubAdapter(StrictAdapter):
    provider_id = "github"

    @property
    def web_url(self) -> str:
        url: str = app_settings.PROVIDERS["github"].get("GITHUB_URL", endpoints.GITHUB_URL)
        return url

    @property
    def api_url(self) -> str:
        if self.web_url == endpoints.GITHUB_URL:
            return endpoints.GITHUB_API_URL
        return f"{self.web_url}/api/v3"

    @property
    def access_token_url(self) -> str:
        return f"{self.web_url}/login/oauth/access_token"

    @property
    def authorize_url(self) -> str:
        return f"{self.web_url}/login/oauth/authorize"

    def arrival(self, app: SocialApp, token: str, response: Mapping[str, object]) -> Arrival:
        user = self.fetched_object(f"{self.api_url}/user", token, scheme="token")
        try:
            addresses = self.fetched(f"{self.api_url}/user/emails", token, scheme="token")
        except HTTPError as error:
            # Documented for who has not been asked for their addresses.
            if error.response is None or error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
            addresses = []
        return Arrival(
            provider=self.get_provider(),
            evidence=evidence.of_github(user, addresses, issuer=self.web_url),
        )


class LinkedInAdapter(StrictAdapter, OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """LinkedIn has no nonce in its ID tokens, and PKCE only for installed applications."""

    @property
    def openid_config(self) -> Mapping[str, Any]:
        """The discovery document, which must speak for the server that it comes from."""
        provider = self.get_provider()
        server_url: str = provider.app.settings["server_url"]
        found = id_tokens.document(provider.server_url)
        if str(found.get("issuer", "")).rstrip("/") != server_url.rstrip("/"):
            raise ProviderException("issuer")
        scheme = server_url.partition("//")[0] + "//"
        if not all(str(found.get(name, "")).startswith(scheme) for name in DISCOVERED):
            raise ProviderException("document")
        return found

    def arrival(self, app: SocialApp, token: str, response: Mapping[str, object]) -> Arrival:
        issuer = str(self.openid_config["issuer"])
        claims = id_tokens.verified(
            response.get("id_token"),
            issuers=(issuer,),
            audience=app.client_id,
            keys_url=str(self.openid_config["jwks_uri"]),
        )
        userinfo = self.fetched_object(str(self.openid_config["userinfo_endpoint"]), token)
        return Arrival(
            provider=self.get_provider(),
            evidence=evidence.of_linkedin(claims, userinfo, issuer=issuer),
        )


class Google(GoogleProvider):  # type: ignore[misc]  # allauth has no types
    package = "allauth.socialaccount.providers.google"
    oauth2_adapter_class = GoogleAdapter

    def redirect(
        self,
        request: HttpRequest,
        process: str,
        next_url: str | None = None,
        data: object = None,
        **kwargs: Any,
    ) -> HttpResponse:
        """Send a nonce along, which comes back inside the ID token (`ProviderAdapter`)."""
        nonce = get_random_string(NONCE_CHARACTERS)
        kwargs["auth_params"] = {**self.get_auth_params(), "nonce": nonce}
        response: HttpResponse = super().redirect(
            request, process, next_url, data, nonce=nonce, **kwargs
        )
        return response


class GitHub(GitHubProvider):  # type: ignore[misc]  # allauth has no types
    package = "allauth.socialaccount.providers.github"
    oauth2_adapter_class = GitHubAdapter


class LinkedIn(OpenIDConnectProvider):  # type: ignore[misc]  # allauth has no types
    package = "allauth.socialaccount.providers.openid_connect"
    oauth2_adapter_class = LinkedInAdapter
