"""What the built-in assistant takes a message for."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.agents.arithmetic import expression_in
from chat.agents.follow_ups import follow_up_in
from chat.agents.handbook import handbook
from chat.agents.intents import (
    AnalyseUsage,
    AskForData,
    Calculate,
    ComparePrices,
    Demonstrate,
    Help,
    Intent,
    Introduce,
    SearchDocs,
    SearchThreads,
    ShowAccount,
    Signs,
    decide,
    focus_of,
    token_amounts,
)
from chat.agents.prices import models_in
from chat.agents.usage import pasted
from chat.agents.usage.report import Focus


def signs_of(text: str, *, has_data: bool = False) -> Signs:
    """What the assistant knows beside the words, from the real price list and handbook."""
    covered = handbook().covers(text[:400])
    return Signs(has_data=has_data, names_model=bool(models_in(text)), covered=covered)


WITHOUT_DATA: list[tuple[str, Intent]] = [
    ("/demo", Demonstrate()),
    ("  /demo please", Demonstrate()),
    ("hello", Introduce(thanks=False)),
    ("Hi there!", Introduce(thanks=False)),
    ("help", Introduce(thanks=False)),
    ("Who are you?", Introduce(thanks=False)),
    ("are you an LLM?", Introduce(thanks=False)),
    ("what can you do?", Introduce(thanks=False)),
    ("thanks a lot!", Introduce(thanks=True)),
    ("2+2", Calculate("2+2")),
    ("What is 17.5 % of 2,340?", Calculate("17.5/100*2340")),
    ("what's 12 times 12", Calculate("12 * 12")),
    ("calculate (1200 * 0.15 + 3) / 7", Calculate("(1200 * 0.15 + 3) / 7")),
    ("2^10 =", Calculate("2**10")),
    ("square root of 2", Calculate("sqrt(2)")),
    ("what is the price of gpt-4o?", ComparePrices(1_000_000, 1_000_000)),
    ("compare gpt-4o and claude-sonnet-4-5", ComparePrices(1_000_000, 1_000_000)),
    ("how much do 3M input tokens cost with gpt-4o", ComparePrices(3_000_000, 0)),
    ("what is my plan?", ShowAccount()),
    ("How many runs do I have left?", ShowAccount()),
    ("when does my trial end", ShowAccount()),
    ("Where does my money go?", AskForData()),
    ("analyse my usage", AskForData()),
    ("which model is slowest?", AskForData()),
    ("what did we spend last month?", AskForData()),
    ("search my threads for invoices", SearchThreads("invoices")),
    ("Search all my old conversations about “cold starts”.", SearchThreads("cold starts")),
    ("find my threads about caching", SearchThreads("caching")),
    ("where did I ask about latency?", SearchThreads("latency")),
    ("did I ever mention Berlin?", SearchThreads("Berlin")),
    ("what did I say about prices", SearchThreads("prices")),
    ("search for budget", SearchThreads("budget")),
    ("/search budget 2026", SearchThreads("budget 2026")),
    ("how long is a trial?", SearchDocs()),
    ("how much does the early plan cost?", SearchDocs()),
    ("how many files can I attach?", SearchDocs()),
    ("how do I stop an answer?", SearchDocs()),
    ("how do I deploy?", SearchDocs()),
    ("how do I connect a model?", SearchDocs()),
    ("how do I add a tool?", SearchDocs()),
    ("what does close code 4410 mean?", SearchDocs()),
    ("which environment variables are there?", SearchDocs()),
    ("what happens when the worker crashes?", SearchDocs()),
    ("how do I delete my account?", SearchDocs()),
    ("what is the capital of France?", Help()),
    ("who is the president of the USA?", Help()),
    ("tell me a joke", Help()),
    ("what is python?", Help()),
    ("explain quantum computing", Help()),
    ("help me write an email to my boss", Help()),
    ("write me a poem about the sea", Help()),
    ("2026-11-22", Help()),
    ("", Help()),
]


@pytest.mark.parametrize(("text", "intent"), WITHOUT_DATA)
def test_a_message_without_data_is_understood(text: str, intent: Intent) -> None:
    assert decide(text, signs_of(text)) == intent


FOLLOW_UPS = [
    ("Where does the money go?", Focus.SUMMARY),
    ("and in total?", Focus.SUMMARY),
    ("and by day?", Focus.DAYS),
    ("which day was the most expensive?", Focus.DAYS),
    ("which model is slowest?", Focus.LATENCY),
    ("show p95 latency per model", Focus.LATENCY),
    ("break it down by model", Focus.MODELS),
    ("how much did gpt-4o cost?", Focus.MODELS),
    ("who spends most?", Focus.USERS),
    ("cost per team", Focus.PROJECTS),
    ("any anomalies?", Focus.ANOMALIES),
    ("is there a spike?", Focus.ANOMALIES),
    ("how can I save money?", Focus.SAVINGS),
    ("what would caching save?", Focus.SAVINGS),
    ("how many tokens did we use?", Focus.TOKENS),
    ("which rows were skipped?", Focus.ROWS),
    ("what about latency?", Focus.LATENCY),
    ("and by user?", Focus.USERS),
    ("search for anomalies", Focus.ANOMALIES),
    (
        "Analyse spend by model and day, latency percentiles, anomalies and possible savings",
        Focus.SUMMARY,
    ),
]


@pytest.mark.parametrize(("text", "focus"), FOLLOW_UPS)
def test_a_follow_up_is_about_a_part_of_the_data(text: str, focus: Focus) -> None:
    assert decide(text, signs_of(text, has_data=True)) == AnalyseUsage(focus)


@pytest.mark.parametrize("text", ["", "here you go", "see attached", "what is this?"])
def test_new_data_is_analysed_whatever_is_said(text: str) -> None:
    assert decide(text, Signs(has_data=True, new_data=True)) == AnalyseUsage(Focus.SUMMARY)


@pytest.mark.parametrize(
    ("text", "kind"), [("thanks", Introduce), ("1+1", Calculate), ("my plan?", ShowAccount)]
)
def test_data_in_the_thread_does_not_capture_other_questions(text: str, kind: type) -> None:
    assert isinstance(decide(text, Signs(has_data=True)), kind)


def test_a_price_list_is_asked_for_by_name_when_there_is_data() -> None:
    asked = decide("price of gpt-4o per million", Signs(has_data=True, names_model=True))

    assert isinstance(asked, ComparePrices)


@settings(deadline=None)
@given(
    st.text(max_size=200),
    st.builds(
        Signs,
        has_data=st.booleans(),
        new_data=st.booleans(),
        names_model=st.booleans(),
        narrows=st.booleans(),
        covered=st.floats(0, 1),
    ),
)
def test_every_message_has_an_intent(text: str, signs: Signs) -> None:
    assert decide(text, signs)
    assert focus_of(text)


@pytest.mark.parametrize(
    "text", ["42", "-", "in 2026", "call me at 5", "3 apples + 2", "gpt-4o", "(", "%"]
)
def test_words_and_lone_numbers_are_no_arithmetic(text: str) -> None:
    assert expression_in(text) is None


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("price of gpt-4o", (1_000_000, 1_000_000)),
        ("for 2k tokens", (2000, 2000)),
        ("for 3M input tokens and 200k output tokens", (3_000_000, 200_000)),
        ("10 million input and 2 million output tokens", (10_000_000, 2_000_000)),
        ("1,500 prompt tokens", (1500, 0)),
        ("2.5 million completion tokens", (0, 2_500_000)),
    ],
)
def test_token_amounts_are_read(text: str, amounts: tuple[int, int]) -> None:
    assert token_amounts(text) == amounts


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("gpt-4o vs Claude Sonnet 4.5?", ["gpt-4o", "claude-sonnet-4-5"]),
        ("and gemini 2.5 pro", ["gemini-2.5-pro"]),
        ("GPT 4o mini", ["gpt-4o-mini"]),
        ("Claude 3.5 Sonnet", ["claude-3-5-sonnet"]),
        ("openai/gpt-4o", ["gpt-4o"]),
        ("how much is claude?", []),
        ("o3 or haiku 4.5", ["o3", "claude-haiku-4-5"]),
        ("nothing of the kind", []),
    ],
)  # fmt: skip
def test_models_are_found_in_a_sentence(text: str, names: list[str]) -> None:
    assert [listed.name for listed in models_in(text)] == names


HOSTILE = ["1" * 9_999 + "x", "1 " * 4_999 + "x", "1" + " " * 9_998 + "x", "\n" * 9_999 + "x",
           "gpt-x" * 2_000, "gpt-x " * 1_600, "a,b\n" * 2_500, "{" * 9_999, "```\n" * 2_500,
           "what is " * 1_250, "my " * 3_333, "(" * 9_999, "2**" * 3_333]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("length", [300, 10_000])
def test_no_message_holds_the_event_loop(text: str, length: int) -> None:
    before = time.thread_time()
    words = pasted.split(text[:length]).words
    decide(words, signs_of(words, has_data=True))
    follow_up_in(words, None)

    assert time.thread_time() - before < 0.2
