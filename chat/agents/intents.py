"""What the built-in assistant understands: plain rules from a message to an intent."""

import re
from dataclasses import dataclass

from chat.agents.arithmetic import expression_in
from chat.agents.file_questions import asks_to_read
from chat.agents.usage.report import Focus


@dataclass(frozen=True, slots=True)
class Demonstrate:
    """/demo: show every kind of event."""


@dataclass(frozen=True, slots=True)
class ListTools:
    """/tools: what tools there are."""


@dataclass(frozen=True, slots=True)
class UseTool:
    """/use: call a tool of a connected server by its name."""


@dataclass(frozen=True, slots=True)
class AnalyseUsage:
    """Answer from the thread's usage data."""

    focus: Focus


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Tell what an attached file says."""


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
class SearchThreads:
    """What was said in the user's other threads."""

    words: str


@dataclass(frozen=True, slots=True)
class SearchDocs:
    """How the product works."""


@dataclass(frozen=True, slots=True)
class Introduce:
    """A greeting, thanks, or a question about the assistant itself."""

    thanks: bool


@dataclass(frozen=True, slots=True)
class Help:
    """Anything else: say what can be done."""


Intent = (
    Demonstrate
    | ListTools
    | UseTool
    | AnalyseUsage
    | ReadFile
    | AskForData
    | Calculate
    | ComparePrices
    | ShowAccount
    | SearchThreads
    | SearchDocs
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
        r"weekly|timeline|yesterday|when (?:was|were|did|do)",
    ),
    (
        Focus.USERS,
        r"users?|by whom|people|customers?|members?|persons?|"
        r"who (?:spen\w*|use[sd]?|cost\w*|pa(?:id|ys)|is (?:the )?(?:most|biggest|top|largest))",
    ),
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
# Words that are about usage even where there is no data: others, such as "who" and "file", are not.
_SPEND = re.compile(
    r"\b(?:spen[dt]\w*|costs?|costing|money|bill\w*|expens\w*|usage|analy[sz]\w*|how much|"
    r"break\s?down)\b",
    re.I,
)
_OF_DATA = frozenset({Focus.LATENCY, Focus.ANOMALIES, Focus.SAVINGS, Focus.TOKENS})
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
    r"\bhow many (?:more )?(?:runs?|messages?)\b|\b(?:quota|upgrade)\b",
    re.I,
)
_THREADS = r"(?:threads?|conversations?|chats?|messages?|history)"
_SEARCH = tuple(
    re.compile(rf"^\W*(?:please |can you |could you )?{lead}\W*(?P<words>\S.*?)[\s?.!”\"']*$", re.I)
    for lead in (
        r"/search\b",
        rf"(?:search|look|go)(?: through| in| into)? (?:all )?(?:of )?(?:my|our|the|all) "
        rf"(?:other |old |earlier |past |own )*{_THREADS}(?: for| about)?\b",
        rf"(?:find|show)(?: me)? (?:all )?(?:my|our|the|a) (?:other |old |earlier |past )*"
        rf"{_THREADS} (?:about|with|on|where i|that|mentioning|containing|of)\b",
        r"(?:where|when) did (?:i|we) (?:last )?(?:ask|talk|write|speak|say|mention|discuss|"
        r"chat)(?: about| of| something about)?\b",
        rf"what did (?:i|we|you) (?:say|write|ask|tell me|answer)(?: in my {_THREADS})? "
        r"(?:about|on)\b",
        r"(?:did|have) (?:i|we) (?:ever |already |once )?(?:ask|mention|talk|discuss)(?:ed)?"
        r"(?: about)?\b",
    )
)
_SEARCH_FOR = re.compile(r"^\W*(?:please )?search for\W*(?P<words>\S.*?)[\s?.!]*$", re.I)
_QUESTION = re.compile(
    r"^\W*(?:how|what|where|which|who|why|when|can|could|does|do|is|are|may|will|should|explain|"
    r"tell me|show me|docs?|help(?: me)? with|/docs|/help)\b|\?\s*$",
    re.I,
)
_HOW_TO = re.compile(
    r"\W*(?:how (?:do|can|to|may)|can i|where (?:do|can)|how many \w+ (?:can|may) i)\b", re.I
)
_PRODUCT = re.compile(
    r"\b(?:netra|this (?:app|application|site|page|chat|product)|docs?|documentation|/docs|manual|"
    r"plans?|tiers?|trials?)\b",
    re.I,
)
# How much of a question, by the weight of its words, a passage must hold to be an answer to it.
COVERED_MIN = 0.6
COVERED_WELL = 0.9
COVERED_OF_PRODUCT_MIN = 0.35

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

# A longer message is no search.
SEARCH_CHARS_MAX = 200

_NUMBER = r"\d[\d_,]*(?:\.\d+)?"
# Nobody buys more; it is also what the price tool takes.
TOKENS_MAX = 10**15
_SCALES = {
    "k": 10**3,
    "thousand": 10**3,
    "m": 10**6,
    "million": 10**6,
    "b": 10**9,
    "billion": 10**9,
}
_AMOUNT = re.compile(
    rf"({_NUMBER}) ?(k|thousand|m|million|b|billion)? ?"
    # "10 million input and 2 million output tokens": the word stands once for both.
    r"(?:(input|prompt|output|completion)\b|tokens?)",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is known beside the words: of the thread's files, the price list and the handbook.

    `has_document`: the question may be about a file that is no data. `narrows`: the words restrict
    an analysis, and are left out of the text. `covered`: how much of the text the best passage of
    the handbook holds, 0 to 1.
    """

    has_data: bool = False
    new_data: bool = False
    has_document: bool = False
    new_document: bool = False
    names_model: bool = False
    narrows: bool = False
    covered: float = 0.0


def decide(text: str, signs: Signs) -> Intent:
    """The intent of a message; `text` is without any data pasted into it."""
    if re.match(r"\s*/demo\b", text, re.I):
        return Demonstrate()
    if re.match(r"\s*/tools\b", text, re.I):
        return ListTools()
    if re.match(r"\s*/use\b", text, re.I):
        return UseTool()
    small_talk = _small_talk(text)
    if small_talk is not None:
        return small_talk
    expression = expression_in(text)
    if expression is not None:
        return Calculate(expression)
    # "Search for anomalies" is about the data where there is some.
    words = searched_words(text, loosely=not (signs.has_data and asks_for_usage(text)))
    if words is not None:
        return SearchThreads(words)
    if signs.has_document and not signs.new_data and asks_to_read(text):
        return ReadFile()
    if signs.names_model and (_PRICE_STRICT if signs.has_data else _PRICE).search(text):
        return ComparePrices(*token_amounts(text))
    if _is_about_product(text, signs):
        return SearchDocs()
    if signs.new_data:
        return AnalyseUsage(focus_of(text))
    if signs.new_document:
        return ReadFile()
    if _ACCOUNT.search(text) and not _HOW_TO.match(text):
        return ShowAccount()
    return _about_data(text, signs) or (SearchDocs() if _is_documented(text, signs) else Help())


def _about_data(text: str, signs: Signs) -> Intent | None:
    focus = focus_of(text)
    if signs.has_data and (signs.narrows or (signs.names_model and focus is Focus.SUMMARY)):
        return AnalyseUsage(focus if signs.narrows else Focus.MODELS)
    if not asks_for_usage(text):
        return None
    if signs.has_data:
        return AnalyseUsage(focus)
    return AskForData() if focus in _OF_DATA or _SPEND.search(text) else None


def _is_about_product(text: str, signs: Signs) -> bool:
    """Whether it cannot be about data: what does the early plan cost, not what did we spend."""
    is_narrow = signs.has_data and signs.narrows
    if is_narrow or _ACCOUNT.search(text) or not _is_documented(text, signs):
        return False
    if _PRODUCT.search(text):
        return True
    if _HOW_TO.match(text):
        return focus_of(text) not in _OF_DATA and not _SPEND.search(text)
    return signs.covered >= COVERED_WELL and not asks_for_usage(text)


def _is_documented(text: str, signs: Signs) -> bool:
    least = COVERED_OF_PRODUCT_MIN if _PRODUCT.search(text) else COVERED_MIN
    return signs.covered >= least and _QUESTION.search(text) is not None


def asks_for_usage(text: str) -> bool:
    """Whether a message has words of spend, usage or any part of a report."""
    return _USAGE.search(text) is not None or focus_of(text) is not Focus.SUMMARY


def searched_words(text: str, *, loosely: bool = True) -> str | None:
    """What to look for in the user's threads; None where a message asks for no search.

    Loosely, a message need not say where to search.
    """
    if len(text) > SEARCH_CHARS_MAX:
        return None
    line = " ".join(text.split())
    patterns = (*_SEARCH, _SEARCH_FOR) if loosely else _SEARCH
    found = next((match for pattern in patterns if (match := pattern.match(line))), None)
    return found["words"].strip(" \"'“”‘’") or None if found else None


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


def token_amounts(text: str) -> tuple[int, int]:
    """Input and output tokens that a price question names; a million of each where it does not."""
    amounts: dict[str, int] = {}
    for number, scale, kind in _AMOUNT.findall(text):
        plain = float(number.replace(",", "").replace("_", ""))
        tokens = int(min(plain * _SCALES.get(scale.lower(), 1), TOKENS_MAX))
        side = {"prompt": "input", "completion": "output"}.get(
            kind.lower(), kind.lower()
        ) or "plain"
        amounts[side] = tokens
    if "input" in amounts or "output" in amounts:
        return amounts.get("input", 0), amounts.get("output", 0)
    both = amounts.get("plain", 1_000_000)
    return both, both
