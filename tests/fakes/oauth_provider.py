"""Google, GitHub and LinkedIn on localhost: one server that speaks as each, and can misbehave.

It holds codes, tokens and PKCE challenges as a provider does, signs with a real RSA key, and
signs in at once whoever `person` is.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

CLIENT_ID: Final = "netra-test"
CLIENT_SECRET: Final = "test-secret-of-the-client"
LIVES_S: Final = 600


class Spoil(Enum):
    """What is wrong with an ID token, though everything around it is right."""

    NOTHING = auto()
    ALG_NONE = auto()
    PUBLIC_KEY_AS_SECRET = auto()
    FOREIGN_KEY = auto()
    UNKNOWN_KEY_ID = auto()
    SIGNATURE = auto()
    AUDIENCE = auto()
    SEVERAL_AUDIENCES = auto()
    AUTHORISED_PARTY = auto()
    ISSUER = auto()
    EXPIRED = auto()
    NO_EXPIRY = auto()
    NONCE = auto()
    NO_NONCE = auto()
    NO_TOKEN = auto()
    NOT_A_TOKEN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account at the provider; the values may be of any type, on purpose."""

    subject: Any = "1042"
    email: Any = "ada@gmail.com"
    verified: Any = True
    hosted_domain: Any = None
    # GitHub's list; None makes one of the address above.
    addresses: Any = None
    # What its userinfo says, where that differs.
    userinfo: dict[str, Any] = field(default_factory=dict)


@cache
def _key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """The state of one server; `asked` are the authorisation requests, as they came."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        # Now: of requests that come at once each would make a key, and publish another's.
        _key("own")
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Be as new, at the same address."""
        self.person = Person()
        self.spoil = Spoil.NOTHING
        # Answers of the token endpoint, or a status, instead of the right ones.
        self.token_answer: Any = None
        self.broken: dict[str, int] = {}
        self.asked: list[dict[str, str]] = []
        self.key_id = secrets.token_hex(4)
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, Person] = {}

    def authorise(self, query: dict[str, str]) -> str:
        """Where the browser goes back to, with a code for whoever is signed in here."""
        code = secrets.token_urlsafe(16)
        with self._lock:
            self.asked.append(query)
            self._codes[code] = {**query, "person": self.person}
        back = {"code": code, "state": query.get("state", "")}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def exchange(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Tokens for a code, which works once and only for who can show all that belongs to it."""
        with self._lock:
            asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or not _belongs(form, asked):
            return None
        access_token = secrets.token_urlsafe(16)
        self._tokens[access_token] = asked["person"]
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": 3600}
        if "openid" in asked["scope"].split() and self.spoil is not Spoil.NO_TOKEN:
            answer["id_token"] = self.id_token(asked["person"], asked.get("nonce"))
        return answer

    def id_token(self, person: Person, nonce: str | None) -> str:
        now = int(time.time())
        claims = {"iss": self.base_url, "aud": CLIENT_ID, "iat": now, "exp": now + LIVES_S}
        claims |= _claims(person) | ({"nonce": nonce} if nonce else {})
        return self._signed(_spoilt(claims, self.spoil))

    def keys(self) -> dict[str, Any]:
        public = json.loads(RSAAlgorithm.to_jwk(_key("own").public_key()))
        return {"keys": [public | {"kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    def discovery(self) -> dict[str, Any]:
        names = {"authorization": "auth", "token": "token", "userinfo": "me"}
        ends = {f"{name}_endpoint": f"{self.base_url}/{end}" for name, end in names.items()}
        return {"issuer": self.base_url, "jwks_uri": f"{self.base_url}/jwks", **ends}

    def person_of(self, authorization: str) -> Person | None:
        return self._tokens.get(authorization.partition(" ")[2])

    def _signed(self, claims: dict[str, Any]) -> str:
        headers = {"kid": self.key_id}
        if self.spoil is Spoil.ALG_NONE:
            return jwt.encode(claims, "", algorithm="none", headers=headers)
        if self.spoil is Spoil.NOT_A_TOKEN:
            return "not.a.token"
        if self.spoil is Spoil.PUBLIC_KEY_AS_SECRET:
            return _signed_by_public_key(claims, headers)
        if self.spoil is Spoil.UNKNOWN_KEY_ID:
            headers = {"kid": "unknown"}
        name = "foreign" if self.spoil is Spoil.FOREIGN_KEY else "own"
        token = jwt.encode(claims, _key(name), algorithm="RS256", headers=headers)
        if self.spoil is not Spoil.SIGNATURE:
            return token
        head, _, signature = token.split(".")
        body = _base64(json.dumps(claims | {"sub": "1"}).encode())
        return f"{head}.{body}.{signature}"


def _claims(person: Person) -> dict[str, Any]:
    claims = {"sub": person.subject, "email": person.email, "email_verified": person.verified}
    hosted = {"hd": person.hosted_domain} if person.hosted_domain is not None else {}
    return {name: value for name, value in claims.items() if value is not None} | hosted


def _spoilt(claims: dict[str, Any], spoil: Spoil) -> dict[str, Any]:
    long_ago = int(time.time()) - 86_400
    changes: dict[Spoil, dict[str, Any]] = {
        Spoil.AUDIENCE: {"aud": "another-client"},
        Spoil.SEVERAL_AUDIENCES: {"aud": ["another-client", CLIENT_ID]},
        Spoil.AUTHORISED_PARTY: {"azp": "another-client"},
        Spoil.ISSUER: {"iss": "https://evil.example"},
        Spoil.EXPIRED: {"iat": long_ago, "exp": long_ago + 1},
        Spoil.NO_EXPIRY: {"exp": None},
        Spoil.NONCE: {"nonce": "another-nonce"},
        Spoil.NO_NONCE: {"nonce": None},
    }
    changed = claims | changes.get(spoil, {})
    return {name: value for name, value in changed.items() if value is not None}


def _belongs(form: dict[str, str], asked: dict[str, Any]) -> bool:
    proof = form.get("code_verifier", "")
    challenge = _base64(hashlib.sha256(proof.encode()).digest()) if proof else None
    return (
        form.get("client_id") == CLIENT_ID == asked.get("client_id")
        and form.get("client_secret") == CLIENT_SECRET
        and form.get("redirect_uri") == asked.get("redirect_uri")
        and challenge == asked.get("code_challenge")
    )


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _signed_by_public_key(claims: dict[str, Any], headers: dict[str, Any]) -> str:
    """What everybody can make who has read the published key; by hand, as PyJWT refuses to."""
    own = _key("own").public_key()
    secret = own.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = _base64(json.dumps({"alg": "HS256", "typ": "JWT"} | headers).encode())
    body = _base64(json.dumps(claims).encode())
    mark = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{_base64(mark)}"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    provider: Provider


class _Answer(BaseHTTPRequestHandler):
    """The routes of all three: GitHub's own, and OpenID's for Google and LinkedIn."""

    server: _Listener
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        provider, parts = self.server.provider, urlsplit(self.path)
        if parts.path in provider.broken:
            self._say({}, provider.broken[parts.path])
        elif parts.path in ("/auth", "/login/oauth/authorize"):
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            self._redirect(provider.authorise(query))
        elif parts.path == "/jwks":
            self._say(provider.keys())
        elif parts.path == "/.well-known/openid-configuration":
            self._say(provider.discovery())
        else:
            self._say_of_person(parts.path)

    def do_POST(self) -> None:
        provider = self.server.provider
        length = int(self.headers.get("Content-Length", 0))
        form = {name: v[-1] for name, v in parse_qs(self.rfile.read(length).decode()).items()}
        answer = provider.exchange(form)
        if self.path in provider.broken:
            self._say({}, provider.broken[self.path])
        elif provider.token_answer is not None:
            self._say(provider.token_answer)
        elif answer is None:
            # GitHub says so with status 200.
            self._say({"error": "invalid_grant"}, 200 if "login" in self.path else 400)
        else:
            self._say(answer)

    def _say_of_person(self, path: str) -> None:
        person = self.server.provider.person_of(self.headers.get("Authorization", ""))
        if person is None:
            self._say({"message": "Bad credentials"}, 401)
        elif path == "/me":
            self._say(_claims(person) | person.userinfo)
        elif path == "/api/v3/user":
            self._say({"id": person.subject, "login": "ada", "email": None} | person.userinfo)
        elif path == "/api/v3/user/emails":
            listed = {"email": person.email, "verified": person.verified, "primary": True}
            self._say([listed] if person.addresses is None else person.addresses)
        else:
            self._say({"message": "Not Found"}, 404)

    def _say(self, answer: Any, status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is for what failed."""


@contextmanager
def oauth_provider() -> Iterator[Provider]:
    """Serve on a free port of 127.0.0.1 while the block runs."""
    with _Listener(("127.0.0.1", 0), _Answer) as listener:
        listener.provider = Provider(f"http://127.0.0.1:{listener.server_address[1]}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listener.provider
        finally:
            listener.shutdown()
            thread.join()
