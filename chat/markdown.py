"""Markdown as HTML for pages without script: no HTML of its own, no picture from elsewhere."""

from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

# Quotes and lists inside one another; deeper is no text that a person reads.
_NESTING_MAX: Final = 20
_SCHEMES: Final = ("https://", "http://", "mailto:")
_ALIGNED: Final = {"text-align:right": "align-right", "text-align:center": "align-center"}
Tokens = Sequence[Token]
Env = MutableMapping[str, Any]


class _Renderer(RendererHTML):
    """The classes of our pages, whose policy takes no style attribute."""

    def table_open(self, tokens: Tokens, idx: int, options: OptionsDict, env: Env) -> str:
        return '<div class="table-frame" tabindex="0"><table>'

    def table_close(self, tokens: Tokens, idx: int, options: OptionsDict, env: Env) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Tokens, idx: int, options: OptionsDict, env: Env) -> str:
        aligned = _ALIGNED.get(str(tokens[idx].attrs.pop("style", "")))
        if aligned is not None:
            tokens[idx].attrSet("class", aligned)
        return self.renderToken(tokens, idx, options, env)

    td_open = th_open

    def link_open(self, tokens: Tokens, idx: int, options: OptionsDict, env: Env) -> str:
        tokens[idx].attrSet("rel", "nofollow noopener noreferrer ugc")
        return self.renderToken(tokens, idx, options, env)

    def fence(self, tokens: Tokens, idx: int, options: OptionsDict, env: Env) -> str:
        return _framed(super().fence(tokens, idx, options, env))

    def code_block(self, tokens: Tokens, idx: int, options: OptionsDict, env: Env) -> str:
        return _framed(super().code_block(tokens, idx, options, env))


def _framed(code: str) -> str:
    # What is wider than the page is scrolled, by keyboard too.
    return f'<div class="code"><pre tabindex="0">{code.removeprefix("<pre>")}</div>\n'


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802  markdown-it's name
        """Only to where a stranger may be sent; anything else stays text."""
        return url.lower().startswith(_SCHEMES)


_markdown: Final = _Markdown(
    "js-default", {"html": False, "maxNesting": _NESTING_MAX}, renderer_cls=_Renderer
).disable("image")


def as_html(text: str) -> str:
    """The text as HTML that may stand in a page; tags that are written in it are shown as text."""
    html: str = _markdown.render(text)
    return html
