"""The script of /demo: every kind of event, in about ten seconds at the usual pace."""

from collections.abc import Callable, Sequence

from chat.agents.step import Call, Step
from chat.agents.tools.demonstrate import Demonstration, demonstrate
from chat.agents.tools.search_docs import DocsQuestion, search_docs
from chat.agents.tools.send_report import Report, send_report
from chat.agents.turn import Turn

Scene = Callable[[Turn, bool], Step]


def demo_step(turn: Turn, *, is_quick: bool) -> Step:
    """The next scene: one for each answer of the model, and a tool call after all but the last."""
    return SCENES[min(len(turn.returns), len(SCENES) - 1)](turn, is_quick)


def _work(turn: Turn, is_quick: bool) -> Step:
    return Step(
        thought="This is a scripted demonstration. First I think, as now; then I say what comes "
        "and run a tool that reports its progress.",
        text="This is a **scripted demonstration** of every kind of event; nothing in it was "
        "computed by a language model. A tool at work reports how far it has come:\n\n",
        call=_demonstrate(Demonstration(pause_ms=0) if is_quick else Demonstration()),
    )


def _failure(turn: Turn, is_quick: bool) -> Step:
    show = Demonstration(steps=1, pause_ms=0 if is_quick else 400, fail=True)
    return Step(
        thought="That one ended well. The next is told to fail, which ends the call, not the run.",
        text="It ended well. This one fails, which ends the call and not the run:\n\n",
        call=_demonstrate(show),
    )


def _citation(turn: Turn, is_quick: bool) -> Step:
    question = DocsQuestion(query="events of a thread")
    return Step(
        thought="Now I look something up whose source can be cited.",
        text="Here I look up Netra's own documentation; what I find comes with its sources:\n\n",
        call=Call(tool_name=search_docs.__name__, arguments=question),
    )


def _approval(turn: Turn, is_quick: bool) -> Step:
    report = Report(to="you@example.com", text="This was a demonstration.")
    return Step(
        thought="The last tool needs an approval: the run waits for its user.",
        text="This tool needs your approval. Approve it, edit what it is given, or deny it; in "
        "this demonstration silence counts as denial after a few seconds:\n\n",
        call=Call(tool_name=send_report.__name__, arguments=report),
    )


def _ending(turn: Turn, is_quick: bool) -> Step:
    approved = turn.returns[-1].outcome == "success"
    decision = (
        "You **approved** the report, so its tool ran, once."
        if approved
        else "The report was **not approved**, so its tool never ran, and the run went on."
    )
    return Step(
        thought="Everything was shown, so I stream the rest: a list, a table and a code block.",
        text=f"{decision}\n\n{REST}",
    )


def _demonstrate(show: Demonstration) -> Call:
    return Call(tool_name=demonstrate.__name__, arguments=show)


SCENES: Sequence[Scene] = (_work, _failure, _citation, _approval, _ending)

REST = """\
## What you saw

1. **`agent_started`**: a worker took the run up.
2. **`agent_thinking`**: the lines of thought above the answer.
3. **`tool_executing`**, **`tool_progress`**, **`tool_completed`**: cards with their steps, ended \
well, in an error, and by your decision.
4. **`citation_added`**: what was looked up, with heading and page.
5. **`approval_required`** and **`approval_resolved`**: a run that waits for you.
6. **Text**, streamed piece by piece between and after the tools.
7. **`agent_completed`**: the end, and that all of it is stored.

| Event | Carries |
| :-- | :-- |
| `agent_thinking` | a sentence |
| `tool_progress` | how far a tool has come |
| `message_completed` | length and SHA-256 of the text |

```python
def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
```

> Reload this page in the middle of a run: the text so far is there, and the stream goes on.

Now try it with data of your own: attach a usage export and ask where the money goes.
"""
