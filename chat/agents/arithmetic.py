"""Arithmetic as people write it: “17.5 % of 2,340”, “12 times 12”, “2^10 =”."""

import re

# A longer message is more than arithmetic.
EXPRESSION_CHARS_MAX = 300

_LEAD = re.compile(
    r"^\s*(?:please\s+)?(?:can you\s+)?(?:what(?:'s|’s| is| are)|how much is|calculate|compute|"
    r"evaluate|work out|solve)?\s*:?\s*(.+?)\s*[=?.!]*\s*$",
    re.I | re.S,
)
_WORDS_TO_SIGNS: tuple[tuple[str, str], ...] = (
    (r"(\d)\s*%\s*of\s+", r"\1/100*"),
    (r"\bpercent of\b", "/100*"),
    (r"\bdivided by\b|÷", "/"),
    (r"\b(?:multiplied by|times)\b|[×·]", "*"),
    (r"\bplus\b", "+"),
    (r"\bminus\b|−", "-"),
    (r"\bto the power of\b|\^", "**"),
    (r"\bsquare root of\s+(\d[\d_]*(?:\.\d+)?)", r"sqrt(\1)"),
    (r"\bsquared\b", "**2"),
    (r"\bcubed\b", "**3"),
    (r"(?<=\d)\s+x\s+(?=\d)", "*"),
    (r"(\d)%(?!\s*\d)", r"\1/100"),
)
_FUNCTION = r"(?:abs|round|min|max|sum|sqrt|log10|log|ln|exp|floor|ceil|pi)\b"
# Possessive throughout: digits could be shared out among repetitions in exponentially many ways.
_ARITHMETIC = re.compile(
    rf"(?:{_FUNCTION}|\d[\d_]*+(?:\.\d*+)?+(?:e[+-]?\d++)?+|\.\d++|[-+*/%(),\s])++", re.IGNORECASE
)
_HAS_WORK = re.compile(
    rf"[\d)]\s*[-+*/%]+\s*[-(.\d]|\b{_FUNCTION}\s*\(|[\d)]\s*[*/]+\s*[a-z]", re.I
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def expression_in(text: str) -> str | None:
    """The arithmetic that a message consists of; None when it is anything more."""
    if len(text) > EXPRESSION_CHARS_MAX:
        return None
    match = _LEAD.match(" ".join(text.split()))
    if match is None:
        return None
    expression = _THOUSANDS.sub("", match[1])
    for words, sign in _WORDS_TO_SIGNS:
        expression = re.sub(words, sign, expression, flags=re.I)
    expression = expression.strip()
    # The signs may be longer than their words: % becomes /100.
    if len(expression) > EXPRESSION_CHARS_MAX:
        return None
    if not _ARITHMETIC.fullmatch(expression) or not _HAS_WORK.search(expression):
        return None
    # A date such as 2026-11-22 is no subtraction.
    return None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", expression) else expression
