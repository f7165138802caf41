"""A thread is a tree: which questions and answers lie on a branch, and where it ends."""

from typing import Final, NamedTuple

from django.db.models import QuerySet

from chat.models import Run
from chat.runs.lifecycle import UNFINISHED
from netra import replica

# Of a longer branch only the newest turns are looked at; a snapshot and a prompt want far fewer.
TURNS_MAX: Final = 2000
# As many as may wait in a thread, with those between them that were taken off.
WAITING_TURNS_MAX: Final = 200
_UPWARDS: Final = """
WITH RECURSIVE path (run, question, after, depth) AS (
    SELECT run.id, run.question_id, question.after_id, 1
    FROM chat_run AS run JOIN chat_message AS question ON question.id = run.question_id
    WHERE run.id = %(run)s
UNION ALL
    SELECT run.id, run.question_id, question.after_id, path.depth + 1
    FROM path JOIN chat_run AS run ON run.id = path.after
    JOIN chat_message AS question ON question.id = run.question_id
    WHERE path.depth < %(limit)s
)
SELECT run, question FROM path ORDER BY depth
"""
_DOWNWARDS: Final = """
WITH RECURSIVE below (run) AS (
    SELECT unnest(%(runs)s::bigint[])
UNION ALL
    SELECT run.id FROM below JOIN chat_message AS question ON question.after_id = below.run
    JOIN chat_run AS run ON run.question_id = question.id
)
SELECT max(run) FROM below
WHERE NOT EXISTS (SELECT FROM chat_message AS next WHERE next.after_id = below.run)
"""


class Turn(NamedTuple):
    """A question and one of its answers, by their database keys."""

    run: int
    question: int


def path_to(run: int, *, limit: int = TURNS_MAX) -> list[Turn]:
    """The turns of the branch that ends in this run, the newest first."""
    with replica.connection().cursor() as cursor:
        cursor.execute(_UPWARDS, {"run": run, "limit": limit})
        return [Turn(*row) for row in cursor.fetchall()]


def newest_end(runs: list[int]) -> int:
    """Where that branch through any of these runs, one at least, ends which was added to last."""
    with replica.connection().cursor() as cursor:
        cursor.execute(_DOWNWARDS, {"runs": runs})
        end: int = cursor.fetchone()[0]
        return end


def unfinished_below(*, thread: int, question: int) -> QuerySet[Run]:
    """The runs of a thread that have not ended and answer this question, or one further down."""
    runs = Run.objects.filter(thread_id=thread, state__in=sorted(UNFINISHED))
    below = [
        run
        for run in runs.values_list("pk", flat=True)
        if any(turn.question == question for turn in path_to(run))
    ]
    return Run.objects.filter(pk__in=below)
