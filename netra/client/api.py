"""What a client asks by HTTP beside its socket: lists, and files, which no frame could hold."""

import http.client
import json
import secrets
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from netra.client.connection import credentials
from netra.client.errors import Refused, Unanswered

ANSWERED_WITHIN_S: Final = 30.0
FILE_BYTES_MAX: Final = 100 * 1024 * 1024


class Api:
    """The routes under `/api/` of one server, one request a connection; each call blocks."""

    def __init__(self, base_url: str, *, cookie: str = "", token: str = "") -> None:
        self._base_url = base_url
        self._cookie = cookie
        self._token = token

    def threads(self) -> list[dict[str, Any]]:
        """The newest threads; raises Refused, Unanswered."""
        threads: list[dict[str, Any]] = self._asked("GET", "/api/threads")["threads"]
        return threads

    def models(self) -> list[dict[str, Any]]:
        """The models that may answer, the default first; raises Refused, Unanswered."""
        models: list[dict[str, Any]] = self._asked("GET", "/api/models")["models"]
        return models

    def upload(self, path: Path) -> str:
        """Store a file for a later message; gives its id. Raises Refused, Unanswered, OSError."""
        if path.stat().st_size > FILE_BYTES_MAX:
            raise Refused("file_too_large", f"A file may have {FILE_BYTES_MAX} bytes.")
        boundary = secrets.token_hex(16)
        name = path.name.replace("\\", "_").replace('"', "_")
        field = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{boundary}\r\n{field}\r\n\r\n"
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        file_id: str = self._asked("POST", "/api/files", body, kind)["file_id"]
        return file_id

    def _asked(
        self, method: str, path: str, body: bytes | None = None, kind: str = ""
    ) -> dict[str, Any]:
        parts = urlsplit(self._base_url)
        is_safe = parts.scheme == "https"
        make = http.client.HTTPSConnection if is_safe else http.client.HTTPConnection
        connection = make(parts.netloc, timeout=ANSWERED_WITHIN_S)
        try:
            connection.request(method, path, body, self._headers(kind))
            response = connection.getresponse()
            told: dict[str, Any] = json.loads(response.read())
        except (ValueError, http.client.HTTPException):
            raise Unanswered(self._base_url) from None
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            unknown = f"The server answered {response.status}."
            raise Refused(told.get("code", "failed"), told.get("detail", unknown))
        return told

    def _headers(self, kind: str) -> dict[str, str]:
        headers = credentials(self._cookie, self._token)
        if kind:
            headers["Content-Type"] = kind
        fields = dict(part.partition("=")[::2] for part in self._cookie.split("; "))
        if "csrftoken" in fields:
            # A session may be ridden from another page, a token not.
            headers |= {"X-CSRFToken": fields["csrftoken"], "Referer": f"{self._base_url}/"}
        return headers
