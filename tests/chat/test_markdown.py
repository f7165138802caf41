"""Markdown for strangers: nothing that is written becomes script, style, or a request elsewhere."""

import re
from html.parser import HTMLParser
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.markdown import as_html

TAGS = frozenset(
    {
        *("a", "blockquote", "br", "code", "div", "em", "hr", "li", "ol", "p", "pre", "s"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "strong", "ul"),
        *("table", "tbody", "td", "th", "thead", "tr"),
    }
)
ATTRIBUTES = {
    "href": re.compile(r"(https?://|mailto:).*", re.I | re.S),
    "rel": re.compile("nofollow noopener noreferrer ugc"),
    "title": re.compile(".*", re.S),
    "class": re.compile(r"(language-.*|code|table-frame|align-right|align-center)", re.S),
    "start": re.compile("[0-9]+"),
    "tabindex": re.compile("0"),
}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "![x](https://evil.example/x.png)",
    "![x](data:image/svg+xml;base64,AAAA)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x) [y](file:///etc/passwd) [z](//evil.example)",
    "<javascript:alert(1)>",
    '[x](https://a.example "\\" onmouseover=alert(1)")',
    '```py" onclick="alert(1)\nx\n```',
    "|a|\n|:-:|\n|<b onclick=x>|",
    "<style>*{background:url(https://evil.example)}</style>",
    '<a href="https://evil.example">x</a>',
    "[x]: javascript:alert(1)\n\n[x]",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--><script>alert(1)</script>-->",
    "\0<script\0>alert(1)</script>",
]
HEAVY = [
    "[" * 50_000,
    "> " * 20_000,
    "*a " * 20_000,
    "|a" * 5_000 + "\n" + "|-" * 5_000,
    "`" * 50_000,
]


class Page(HTMLParser):
    """Fails on anything that the renderer may not write."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert ATTRIBUTES[name].fullmatch(value or ""), (tag, name, value)


def check(text: str) -> str:
    html = as_html(text)
    page = Page(convert_charrefs=True)
    page.feed(html)
    page.close()
    return html


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    check(text)


@given(st.lists(st.sampled_from([*HOSTILE, "\n", "> ", "- ", "```", "|", "**", "a"]), max_size=8))
def test_hostile_parts_stay_text_together(parts: list[str]) -> None:
    check("".join(parts))


def test_what_people_write_looks_as_meant() -> None:
    html = check("# Title\n\nA **bold** word.\n\n```py\n1 < 2\n```\n\n|n|\n|--:|\n|1|\n")
    for part in ("<h1>Title</h1>", "<strong>bold</strong>", "1 &lt; 2", '<td class="align-right">'):
        assert part in html


@pytest.mark.parametrize("text", HEAVY)
def test_no_text_takes_long(text: str) -> None:
    begun = perf_counter()
    check(text)
    assert perf_counter() - begun < 5
