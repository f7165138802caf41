"""The script of /demo: every kind of event, in about ten seconds at the usual pace."""

FIRST_THOUGHT = (
    "This is a scripted demonstration: first I think, as now, then I run a tool that reports its "
    "progress, then I stream an answer."
)
SECOND_THOUGHT = "The tool is done, so I'll stream text, a list, a table and a code block."

TEXT = """\
## This was a demonstration

Nothing here was computed by a language model. I'm Netra's built-in assistant, and this is a \
**script** that shows every kind of event you meet in a run:

1. **`agent_started`**: a worker took the run up.
2. **`agent_thinking`**: the line of thought above the answer.
3. **`tool_executing`**, **`tool_progress`** and **`tool_completed`**: the card with its steps.
4. **Text**, streamed piece by piece, with *emphasis*, lists, tables and code.
5. **`agent_completed`**: the run has ended, and all of it is stored.

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
