"""What the built-in assistant understands: plain rules from a message to an intent."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Focus(StrEnum):
    """Which part of a usage report a question is about."""

    SUMMARY = "summary"
    MODELS = "models"
    DAYS = "days"
    USERS = "users"
    PROJECTS = "projects"
    LATENCY = "latency"
    TOKENS = "tokens"
    ANOMALIES = "anomalies"
    SAVINGS = "savings"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Demonstrate:
    """/demo: show every kind of event."""


@dataclass(frozen=True, slots=True)
class AnalyseUsage:
    """Answer from the thread's usage data."""

    focus: Focus


@dataclass(frozen=True, slots=True)
class AskForData:
    """A question about usage where there is no data yet."""


@dataclass(frozen=True, slots=True)
class Calculate:
    """Arithmetic."""

    expression: str


@dataclass(frozen=True, slots=True)
class ComparePrices:
    """List prices of models; the names are looked up by the caller."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class ShowAccount:
    """Plan and usage of the user."""


@dataclass(frozen=True, slots=True)
class Introduce:
    """A greeting, thanks, or a question about the assistant itself."""

    thanks: bool


@dataclass(frozen=True, slots=True)
class Help:
    """Anything else: say what can be done."""


Intent = (
    Demonstrate
    | AnalyseUsage
    | AskForData
    | Calculate
    | ComparePrices
    | ShowAccount
    | Introduce
    | Help
)

# Most particular first: "which model is slowest" is about latency, not about models.
_FOCUS_WORDS: tuple[tuple[Focus, str], ...] = (
    (Focus.ROWS, r"skipp\w*|ignored rows|left out|which columns|units?|data quality|invalid rows"),
    (
        Focus.SAVINGS,
        r"sav(?:e|es|ing|ings)\b|cheaper|reduc\w+|cut (?:the |my |our )?(?:cost|spend|bill)s?|"
        r"optimi[sz]\w*|switch\w*|cach(?:e|ing)|batch\w*|less money",
    ),
    (
        Focus.ANOMALIES,
        r"anomal\w*|spik\w*|outliers?|unusual\w*|odd|strange|weird|suspicious|stands? out|jump\w*",
    ),
    (
        Focus.LATENCY,
        r"latenc\w*|slow\w*|fast\w*|p50|p9\d|percentiles?|response times?|durations?|"
        r"how long|speed|quick\w*",
    ),
    (
        Focus.DAYS,
        r"by day|per day|daily|each day|over time|trend\w*|which days?|what days?|by date|days?|"
        r"weekly|timeline|yesterday|when",
    ),
    (Focus.USERS, r"users?|who|whom|people|customers?|members?|persons?"),
    (Focus.PROJECTS, r"projects?|teams?|departments?|apps?|workspaces?|features?"),
    (Focus.TOKENS, r"tokens?"),
    (Focus.MODELS, r"(?:by|per|each|which|what|every) (?:\w+ )?models?|models?"),
)
_FOCUS = tuple((focus, re.compile(rf"\b(?:{words})\b", re.I)) for focus, words in _FOCUS_WORDS)

_USAGE = re.compile(
    r"\b(?:spen[dt]\w*|costs?|costing|money|bill\w*|expens\w*|usage|analy[sz]\w*|summar\w*|"
    r"overview|break\s?down|report|data|file|export|csv|json|total|requests|most|how much|"
    r"where does|where do)\b",
    re.I,
)
_PRICE = re.compile(
    r"\b(?:price\w*|pricing|list price|rates?|compare|comparison|versus|vs|per (?:1?\s?m|mtok|1k|"
    r"million|thousand)|cheapest|cheaper|cost|costs|expensive|estimate)\b",
    re.I,
)
# With data at hand "cost" is about the data; a price list must be asked for.
_PRICE_STRICT = re.compile(
    r"\b(?:price\w*|pricing|list price|per (?:1?\s?m|mtok|1k|million|thousand)|versus|vs|"
    r"compare (?:the )?prices?)\b",
    re.I,
)
_ACCOUNT = re.compile(
    r"\b(?:my|our|the|your|which|what|current)\s+(?:current\s+)?(?:plan|tier|trial|limits?|quota|"
    r"subscription|account|allowance)\b|\b(?:runs?|messages?) (?:are |do i have )?left\b|"
    r"\bhow many (?:more )?(?:runs?|messages?)\b|\b(?:quota|upgrade|trial)\b",
    re.I,
)
_IDENTITY = re.compile(
    r"\b(?:who are you|what are you|are you (?:an? )?(?:ai|llm|bot|human|chatgpt|gpt|claude|real|"
    r"language model|person)\w*|what can you do|what do you do|what can i (?:do|ask)|your name|"
    r"how do you work)\b",
    re.I,
)
_GREETING = re.compile(
    r"\W*(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|hallo|help|/help|start)"
    r"(?:\s+(?:there|netra|all|assistant|please|me))*\W*",
    re.I,
)
_THANKS = re.compile(
    r"\W*(?:many |great |ok(?:ay)? |cool )?(?:thanks?|thank you|thx|cheers|great|nice|perfect|"
    r"awesome|ok|okay|bye|goodbye)(?:\s+(?:a lot|so much|you|very much|netra))*\W*",
    re.I,
)

# A longer message is more than arithmetic.
EXPRESSION_CHARS_MAX = 300

_NUMBER = r"\d[\d_,]*(?:\.\d+)?"
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

_SCALES = {
    "k": 10**3,
    "thousand": 10**3,
    "m": 10**6,
    "million": 10**6,
    "b": 10**9,
    "billion": 10**9,
}
_AMOUNT = re.compile(
    rf"({_NUMBER}) ?(k|thousand|m|million|b|billion)? ?(input|prompt|output|completion)? ?tokens?",
    re.I,
)


def decide(text: str, *, has_data: bool, new_data: bool, names_model: bool) -> Intent:
    """The intent of a message; `text` is without any data pasted into it."""
    if re.match(r"\s*/demo\b", text, re.I):
        return Demonstrate()
    small_talk = _small_talk(text)
    if small_talk is not None:
        return small_talk
    expression = expression_in(text)
    if expression is not None:
        return Calculate(expression)
    if names_model and (_PRICE_STRICT if has_data else _PRICE).search(text):
        return ComparePrices(*token_amounts(text))
    focus = focus_of(text)
    if new_data:
        return AnalyseUsage(focus)
    if _ACCOUNT.search(text):
        return ShowAccount()
    if has_data and names_model and focus is Focus.SUMMARY:
        return AnalyseUsage(Focus.MODELS)
    if _USAGE.search(text) or focus is not Focus.SUMMARY:
        return AnalyseUsage(focus) if has_data else AskForData()
    return Help()


def _small_talk(text: str) -> Introduce | None:
    if _THANKS.fullmatch(text):
        return Introduce(thanks=True)
    if _GREETING.fullmatch(text) or _IDENTITY.search(text):
        return Introduce(thanks=False)
    return None


def focus_of(text: str) -> Focus:
    """The part of a report that a question is about; the summary where it names none or several."""
    found = [focus for focus, words in _FOCUS if words.search(text)]
    # A question that names many parts ("spend by model and day, latency, anomalies") wants all.
    return found[0] if found and len(found) <= 2 else Focus.SUMMARY


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
    if not _ARITHMETIC.fullmatch(expression) or not _HAS_WORK.search(expression):
        return None
    # A date such as 2026-11-22 is no subtraction.
    return None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", expression) else expression


def token_amounts(text: str) -> tuple[int, int]:
    """Input and output tokens that a price question names; a million of each where it does not."""
    amounts: dict[str, int] = {}
    for number, scale, kind in _AMOUNT.findall(text):
        tokens = int(
            float(number.replace(",", "").replace("_", "")) * _SCALES.get(scale.lower(), 1)
        )
        side = {"prompt": "input", "completion": "output"}.get(
            kind.lower(), kind.lower()
        ) or "plain"
        amounts[side] = tokens
    if "input" in amounts or "output" in amounts:
        return amounts.get("input", 0), amounts.get("output", 0)
    both = amounts.get("plain", 1_000_000)
    return both, both
