"""`manage.py prune`: deletes what nobody needs any more; never what was said."""

from collections.abc import Callable
from typing import Any, Final

from django.core.management.base import BaseCommand

from accounts import old_sessions
from billing import services as billing
from chat import dead_letters, erasure, nodes, uploads
from chat.delivery import trace

# Each deletes some and says how many.
PRUNED: Final[dict[str, Callable[[], int]]] = {
    "sessions that are over": old_sessions.prune_sessions,
    "notes of sessions that are gone": old_sessions.prune_records,
    "steps of deliveries": trace.prune,
    "dead letters that were decided": dead_letters.prune,
    "news of the payment provider": billing.prune_events,
    "counters of minutes and closed holds": billing.prune_usage,
    "uploads that no message took": uploads.drop_unsent_files,
    "threads of deleted accounts": erasure.erase_deleted,
    "threads whose time in the bin is over": erasure.empty_bin,
    "web processes that are gone": nodes.forget_dead,
}
# What is left after so many goes is for the next time: something may be adding as fast.
GOES_MAX: Final = 10_000


class Command(BaseCommand):
    help = (
        "Delete what has outlived its use: expired sessions, delivery traces, decided dead letters "
        "and the like. Workers do most of it by themselves, a little at a time. Logs of threads "
        "are kept, whatever plan their users have."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        for what, prune in PRUNED.items():
            count = 0
            for _ in range(GOES_MAX):
                gone = prune()
                count += gone
                if not gone:
                    break
            self.stdout.write(f"{count:>8}  {what}")
