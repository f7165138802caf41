"""Signing in over HTTP, to get the session cookie that a socket needs."""

import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from netra.client.errors import SignInFailed


def sign_in(base_url: str, *, email: str, password: str) -> str:
    """The `Cookie` header of a new session at `base_url` (such as http://127.0.0.1:8000)."""
    parts = urlsplit(base_url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.netloc, timeout=30)
    try:
        connection.request("GET", "/accounts/login/")
        response = connection.getresponse()
        page = response.read().decode()
        cookies = _cookies(response)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if token is None:
            raise SignInFailed(f"There is no sign-in form at {base_url}.")
        body = {"csrfmiddlewaretoken": token[1], "login": email, "password": password}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": _header(cookies),
            "Referer": f"{base_url}/accounts/login/",
        }
        connection.request("POST", "/accounts/login/", urlencode(body), headers)
        response = connection.getresponse()
        response.read()
        cookies |= _cookies(response)
    finally:
        connection.close()
    if response.status == http.HTTPStatus.OK:
        # The form again, with what is wrong.
        raise SignInFailed(f"{base_url} does not know this address with this password.")
    if response.status == http.HTTPStatus.TOO_MANY_REQUESTS:
        raise SignInFailed(f"{base_url} was asked too often; try again in a few minutes.")
    if (response.getheader("Location") or "").startswith("/accounts/"):
        raise SignInFailed(f"{base_url} wants more than a password; use an API token.")
    if response.status != http.HTTPStatus.FOUND or "sessionid" not in cookies:
        raise SignInFailed(f"{base_url} answered {response.status}.")
    return _header(cookies)


def _cookies(response: http.client.HTTPResponse) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    for line in response.headers.get_all("Set-Cookie") or ():
        jar.load(line)
    return {name: morsel.value for name, morsel in jar.items()}


def _header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
