"""Coarse names of devices, from what browsers say of themselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.user_agents import device_of

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {CHROME} Safari/537.36 Edg/140.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 15) {CHROME} Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0", "Firefox on Linux"),
        ("curl/8.5.0", "curl"),
        ("", "An unknown device"),
        ("<script>alert(1)</script>", "An unknown device"),
    ],
)
def test_a_device_is_named(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


@given(st.text(max_size=200))
@settings(max_examples=30)
def test_a_name_is_short_and_none_of_the_clients_words(user_agent: str) -> None:
    assert 0 < len(device_of(user_agent)) <= 64
