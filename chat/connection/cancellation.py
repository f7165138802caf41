"""Whose a cancellation is: foreign code raises CancelledError too, when what it waits for ends."""

import asyncio


def is_cancelled() -> bool:
    """Whether somebody has cancelled the running task itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
