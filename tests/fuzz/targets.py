"""Every decoder of what strangers send: what it is given, and what alone it may refuse it with."""

import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from typing import Any, Final

import jwt
import mcp_types
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import override_settings
from jwt.algorithms import RSAAlgorithm
from pydantic import BaseModel, ValidationError

from accounts import evidence, id_tokens, mailbox, tokens, user_agents
from billing import gateway
from billing.errors import WebhookRefused
from chat.agents import arithmetic, citations, intents, pictures
from chat.agents.mcp import listing, offering
from chat.agents.tools.calculate import evaluate
from chat.agents.tools.registry import ToolFault
from chat.agents.usage import pasted
from chat.agents.usage.analysis import Export, analyse
from chat.agents.usage.table import UnreadableData
from chat.api import schemas
from chat.api.agui.schemas import AguiRun
from chat.api.pages import place_of
from chat.api.problems import Problem
from chat.connection.admission import key_of
from chat.files import kinds, texts
from chat.files.dimensions import dimensions_of
from chat.markdown import as_html
from chat.protocol import frames
from chat.protocol.codes import ErrorCode
from netra import ids, reports
from netra.client import decoding
from netra.env import Secret

Take = Callable[[bytes], object]
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
SECRET: Final = "whsec_only-for-this"
ISSUER, AUDIENCE, KEYS_URL = "https://issuer.example", "us", "https://issuer.example/keys"
BODIES: Final[tuple[type[BaseModel], ...]] = (
    schemas.MessageIn, schemas.ThreadChange, schemas.FolderIn, schemas.PromptIn,
    schemas.PromptChange, schemas.FeedbackIn, schemas.DecisionIn, AguiRun,
)  # fmt: skip
IDS: Final = (
    ids.UserID, ids.ConnectionID, ids.ThreadID, ids.MessageID, ids.RunID, ids.RequestID,
    ids.FileID, ids.ModelID, ids.FolderID, ids.ShareID, ids.PromptID,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One decoder; `seeds` are what it takes, from which the fuzzers begin."""

    take: Take
    refuses: tuple[type[Exception], ...] = ()
    seeds: tuple[bytes, ...] = (b"",)
    bytes_max: int = 4096

    def try_with(self, data: bytes) -> None:
        """Raises whatever is no documented refusal."""
        try:
            self.take(data)
        except self.refuses:
            return


def text(data: bytes) -> str:
    """Any text, half of a surrogate pair included, as JSON and headers can hold it."""
    return data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1")


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _frame(data: bytes) -> None:
    try:
        frames.decode(text(data))
    except frames.FrameRefused as refused:
        told = json.loads(frames.encode(refused.frame()))
        assert told["code"] in set(ErrorCode)


def _body(data: bytes) -> None:
    for body in BODIES:
        try:
            body.model_validate_json(data)
        except ValidationError as refused:
            refused.errors(include_input=False, include_context=False)


def _id(data: bytes) -> None:
    for kind in IDS:
        try:
            kind(text(data))
        except ValueError:
            continue


def _usage(data: bytes) -> None:
    report = analyse(Export(id="file_1_abcdef", name="usage", data=data), now=NOW)
    assert report.model_dump_json()


def _file(data: bytes) -> None:
    found = kinds.media_type_of(data)
    kinds.promised_by(text(data[:200]))
    for media_type in kinds.MediaType:
        size = dimensions_of(media_type, BytesIO(data))
        assert size is None or min(size) > 0
    if found is kinds.MediaType.TEXT:
        for name in ("a.json", "a.md", "a.py", "a.csv"):
            extract = texts.extract(data, name=name, first=1, chars_max=1000)
            assert "\0" not in extract.text


class _Page(HTMLParser):
    """Refuses what a page of ours never holds."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "style", "img", "iframe", "svg", "object", "form"), tag
        for name, value in attrs:
            assert name in ("href", "title", "rel", "class", "tabindex", "start"), (tag, name)
            schemes = ("http://", "https://", "mailto:")
            # An empty one leads to the page that it stands in.
            assert name != "href" or not value or value.lower().startswith(schemes), value


def _markdown(data: bytes) -> None:
    page = _Page(convert_charrefs=False)
    page.feed(as_html(data.decode("utf-8", "replace")))
    page.close()


def _identity(data: bytes) -> None:
    claims = json.loads(data)
    if not isinstance(claims, dict):
        return
    first, second = claims.get("first", claims), claims.get("second", claims)
    if not isinstance(first, dict) or not isinstance(second, dict):
        return
    reads: tuple[Callable[[], object], ...] = (
        lambda: evidence.of_google(first, issuer=ISSUER),
        lambda: evidence.of_github(first, claims.get("second"), issuer=ISSUER),
        lambda: evidence.of_linkedin(first, second, issuer=ISSUER),
    )
    for read in reads:
        try:
            read()
        except evidence.EvidenceRefused:
            continue


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _publish(keys: Mapping[str, Any]) -> None:
    """Let the provider's keys be these, without asking anybody."""
    id_tokens._kept[KEYS_URL] = id_tokens._Kept(keys, time.monotonic())


def _verify(token: str) -> Mapping[str, object]:
    return id_tokens.verified(token, issuers=[ISSUER], audience=AUDIENCE, keys_url=KEYS_URL)


def _id_token(data: bytes) -> None:
    """A token of any form; nothing that was not signed is taken."""
    _publish({"keys": []})
    try:
        claims = _verify(text(data))
    except id_tokens.TokenRefused:
        return
    raise AssertionError(claims)


def _claims(data: bytes) -> None:
    """A token that was signed, with any claims."""
    claims = json.loads(data)
    if not isinstance(claims, dict):
        return
    public = json.loads(RSAAlgorithm.to_jwk(_signing_key().public_key()))
    _publish({"keys": [public | {"kid": "k", "alg": "RS256"}]})
    payload = json.dumps(claims).encode()
    token = jwt.api_jws.encode(payload, _signing_key(), "RS256", headers={"kid": "k"})
    _verify(token)


def _keys(data: bytes) -> None:
    """Keys of any form, for a token that is in order."""
    keys = json.loads(data)
    if not isinstance(keys, dict):
        return
    _publish(keys)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "exp": 2**31, "iat": 1}
    _verify(jwt.encode(claims, _signing_key(), "RS256", headers={"kid": "k"}))


def _webhook(data: bytes) -> None:
    """Any body that is signed, and any signature of one that is not."""
    now = int(time.time())
    signed = hmac.digest(SECRET.encode(), b"%d." % now + data, "sha256").hex()
    with override_settings(STRIPE_WEBHOOK_SECRETS=(Secret(SECRET),)):
        for signature in (f"t={now},v1={signed}", text(data)):
            try:
                gateway.read_news(data, signature=signature)
            except WebhookRefused:
                continue


def _report(data: bytes) -> None:
    assert reports._told(msgspec.json.decode(data, type=reports.Report).csp_report)


def _sum(data: bytes) -> None:
    words = text(data)
    for expression in {arithmetic.expression_in(words), words[:300]} - {None, ""}:
        assert expression is not None
        try:
            evaluate(expression)
        except ToolFault:
            continue


def _question(data: bytes) -> None:
    words = pasted.split(text(data)).words
    intents.decide(words, intents.Signs())
    intents.searched_words(words)
    intents.token_amounts(words)
    intents.focus_of(words)


def _tool(data: bytes) -> None:
    try:
        tool = mcp_types.Tool.model_validate_json(data)
    except ValidationError:
        pass
    else:
        if listing._is_usable(tool):
            listing._listed(tool)
            listing.offered_name("server", tool.name)
            schema = offering._arguments(json.dumps(tool.input_schema))
            schema.model_validate({"a": 1})
    offering._answer_of(mcp_types.CallToolResult.model_validate_json(data))


def _door(data: bytes) -> None:
    key_of({"headers": [(b"cookie", data)]})
    key_of({"headers": [(b"authorization", data)]})
    tokens.key_in(text(data))
    user_agents.device_of(text(data))


SEND: Final = b'{"type":"send","client_id":"c-1","text":"hello"}'
CLAIMS: Final = json.dumps(
    {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "exp": 2**31, "iat": 1, "email": "a@b.example"}
).encode()
EVENTS: Final = (
    b'{"type":"events","thread_id":"thread_1_abcdef","events":[{"seq":1,"type":"message_created",'
    b'"run_id":null,"agent_name":null,"ts":"2026-11-22T10:00:00.000Z","data":{}}]}'
)
CSV: Final = (
    b"date,model,input_tokens,output_tokens,cost,latency_ms\n2026-11-01,gpt-4o,1000,200,0.75,900\n"
)
GIF: Final = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01"
PNG: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00"
JPEG: Final = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03\x01\x22\x00\x02\x11\x01\x03\x11"
WEBP: Final = (
    b"RIFF\x24\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\x0f\x00\x00\x0f\x00\x00"
)
EVENT: Final = (
    b'{"id":"evt_1","type":"invoice.paid","created":1700000000,"data":{"object":{"id":"in_1",'
    b'"object":"invoice","customer":"cus_1"}}}'
)

TARGETS: Final[Mapping[str, Target]] = {
    "frames": Target(
        take=_frame,
        seeds=(SEND, b'{"type":"seen","heads":{"thread_1_abcdef":3},"bytes":9}', b"NaN", b"[[["),
    ),
    "frames_of_a_server": Target(
        take=decoding.decode, refuses=(decoding.Malformed,), seeds=(EVENTS, b'{"type":"pong"}')
    ),
    "bodies": Target(
        take=_body,
        seeds=(SEND, b'{"rating":"up"}', b'{"threadId":"t","runId":"r","messages":[]}'),
    ),
    "cursors": Target(
        take=lambda data: place_of(text(data)), refuses=(Problem,), seeds=(b"1700.thread_1_a",)
    ),
    "ids": Target(take=_id, seeds=(b"user_1_abc123", b"thread_1_0mwsp")),
    "addresses": Target(
        take=lambda data: mailbox.classify(text(data)),
        refuses=(ValueError,),
        seeds=(b"a.b+c@gmail.com", "ä@straße.example".encode()),
    ),
    "doors": Target(take=_door, seeds=(b"sessionid=abc", b"Bearer nt_abc", b"Mozilla/5.0 (X11)")),
    "usage_exports": Target(
        take=_usage,
        refuses=(UnreadableData,),
        seeds=(CSV, CSV.replace(b",", b";"), b'[{"model":"gpt-4o","cost":"1,5","ts":1700000000}]'),
    ),
    "files": Target(take=_file, seeds=(GIF, PNG, JPEG, WEBP, b"%PDF-1.7", b"# a\n", b'{"a":1}')),
    "images": Target(take=pictures.scaled, seeds=(GIF, PNG, JPEG, WEBP)),
    "markdown": Target(
        take=_markdown,
        seeds=(b"# a\n\n| a |\n|-:|\n| b |\n", b"[x](javascript:alert(1)) <script>", b"1. a\n> b"),
    ),
    "identities": Target(
        take=_identity,
        refuses=(json.JSONDecodeError, UnicodeDecodeError, RecursionError),
        seeds=(CLAIMS, b'{"first":{"id":1,"email":"a@b.example"},"second":[{"email":"a@b.c"}]}'),
    ),
    "id_tokens": Target(take=_id_token, seeds=(b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJzIn0.", b"a.b.c")),
    "claims": Target(
        take=_claims,
        refuses=(
            id_tokens.TokenRefused,
            json.JSONDecodeError,
            UnicodeDecodeError,
            RecursionError,
            UnicodeEncodeError,
        ),
        seeds=(CLAIMS, CLAIMS.replace(b"2147483648", b"Infinity")),
    ),
    "keys": Target(
        take=_keys,
        refuses=(
            id_tokens.TokenRefused,
            json.JSONDecodeError,
            UnicodeDecodeError,
            RecursionError,
        ),
        seeds=(b'{"keys":[{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"}]}', b'{"keys":7}'),
    ),
    "webhooks": Target(take=_webhook, seeds=(EVENT, EVENT.replace(b"1700000000", b"1" * 18))),
    "policy_reports": Target(
        take=_report,
        refuses=(msgspec.DecodeError, UnicodeDecodeError),
        seeds=(b'{"csp-report":{"document-uri":"https://a.example/chat/","line-number":1}}',),
    ),
    "sums": Target(take=_sum, seeds=(b"17.5 % of 2,340", b"2^10 =", b"sqrt(2)"), bytes_max=400),
    "questions": Target(take=_question, seeds=(b"compare gpt-4o and claude", b"a,b\n1,2\n")),
    "tools": Target(
        take=_tool,
        refuses=(ValidationError,),
        seeds=(
            b'{"name":"t","inputSchema":{"type":"object","properties":{"a":{"$ref":"#/$defs/b"}},'
            b'"$defs":{"b":{}}}}',
            b'{"content":[{"type":"text","text":"x"}],"structuredContent":{"a":1}}',
        ),
    ),
    "citations": Target(
        take=lambda data: citations.citations_of(json.loads(data)),
        refuses=(json.JSONDecodeError, UnicodeDecodeError, RecursionError),
        seeds=(b'{"citations":[{"title":"a","source":"b"}]}',),
    ),
}
