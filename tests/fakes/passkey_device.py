"""A device that keeps passkeys: answers as a browser does, and can be made to answer wrongly."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

ORIGIN: Final = "http://localhost"
# Web Authentication, section 6.1: what the bits of the authenticator's data say.
PRESENT: Final = 0x01
VERIFIED: Final = 0x04
HAS_CREDENTIAL: Final = 0x40


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _as_cose(key: ec.EllipticCurvePublicKey) -> dict[int, int | bytes]:
    """RFC 9053, sections 2.1 and 7.1.1: a key for ES256 on the curve P-256."""
    point = key.public_numbers()
    return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}


@dataclass(slots=True)
class PasskeyDevice:
    """Holds one passkey; `flags` and `origin` are what it says of itself and of the page."""

    origin: str = ORIGIN
    flags: int = PRESENT | VERIFIED
    user_handle: str = ""
    _id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.create` answers, as JSON."""
        asked = options["publicKey"]
        self.user_handle = asked["user"]["id"]
        public = cbor.encode(_as_cose(self._key.public_key()))
        credential = bytes(16) + len(self._id).to_bytes(2, "big") + self._id + public
        data = self._data(asked["rp"]["id"], HAS_CREDENTIAL) + credential
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            clientDataJSON=encoded(self._client_data("webauthn.create", asked["challenge"])),
            attestationObject=encoded(attestation),
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.get` answers, as JSON."""
        asked = options["publicKey"]
        data = self._data(asked["rpId"])
        client_data = self._client_data("webauthn.get", asked["challenge"])
        signed = data + sha256(client_data).digest()
        return self._answer(
            clientDataJSON=encoded(client_data),
            authenticatorData=encoded(data),
            signature=encoded(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            userHandle=self.user_handle,
        )

    def _data(self, host: str, more: int = 0) -> bytes:
        counter = bytes(4)  # devices that copy passkeys among each other count nothing
        return sha256(host.encode()).digest() + bytes([self.flags | more]) + counter

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, **response: str) -> dict[str, Any]:
        name = encoded(self._id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }
