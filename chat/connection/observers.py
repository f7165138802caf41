"""Who wants to hear of each change, told in order and outside every lock of the teller."""

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar, cast

from chat.connection.cancellation import is_cancelled

logger = logging.getLogger(__name__)

News = TypeVar("News")
Observer = Callable[[News], Awaitable[None] | None]

# News not taken yet. A stuck observer must not eat the process: at two moves a frame this is
# thousands of frames behind, and the oldest news goes.
BACKLOG_LIMIT: Final = 10_000


class Observers(Generic[News]):
    """Calls its observers with each news in the order of `queue`, one teller at a time.

    A teller that finds another one at work leaves its news to that one, so a slow observer
    delays the others' news and nobody's move, and an observer may cause further news.
    """

    __slots__ = ("_listeners", "_lock", "_pending", "_telling")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[_Listener[News], ...] = ()
        self._pending: list[tuple[News, tuple[_Listener[News], ...]]] = []
        self._telling = False

    def add(self, observer: Observer[News]) -> None:
        """Tell `observer` all later news; RuntimeError for an async one when no loop runs."""
        listener = _AsyncListener(observer) if _is_async(observer) else _Listener(observer)
        with self._lock:
            if all(known.observer != observer for known in self._listeners):
                self._listeners += (listener,)

    def remove(self, observer: Observer[News]) -> bool:
        """Stop telling `observer`; what was handed to its loop still reaches an async one."""
        with self._lock:
            kept = tuple(known for known in self._listeners if known.observer != observer)
            removed = len(kept) < len(self._listeners)
            self._listeners = kept
        return removed

    def queue(self, news: News) -> bool:
        """Take news in; True when the caller has to `tell` once it holds no lock."""
        with self._lock:
            if not self._listeners:
                return False
            if len(self._pending) >= BACKLOG_LIMIT:
                del self._pending[0]
            self._pending.append((news, self._listeners))
            must_tell, self._telling = not self._telling, True
        return must_tell

    def tell(self) -> None:
        """Tell all that is queued, to those who listened when it was queued and still do."""
        try:
            while (entry := self._next()) is not None:
                news, listeners = entry
                for listener in listeners:
                    if listener in self._listeners:
                        listener.tell(news)
        except BaseException:
            # An observer ended its thread (KeyboardInterrupt): whoever tells next goes on with
            # the rest.
            with self._lock:
                self._telling = False
            raise

    def _next(self) -> tuple[News, tuple["_Listener[News]", ...]] | None:
        with self._lock:
            if self._pending:
                return self._pending.pop(0)
            self._telling = False
            return None


class _Listener(Generic[News]):
    """An observer that is called at once, on the teller's thread."""

    __slots__ = ("observer",)

    def __init__(self, observer: Observer[News]) -> None:
        self.observer = observer

    def tell(self, news: News) -> None:
        try:
            self.observer(news)
        except (Exception, asyncio.CancelledError):
            # The outermost loop over foreign code: one observer's error is not the others', nor
            # is what it asked of a future that had been cancelled.
            logger.exception("an observer raised")


class _AsyncListener(_Listener[News]):
    """An observer that is awaited on the loop it was added on, one news after the other."""

    __slots__ = ("_backlog", "_loop", "_task")

    def __init__(self, observer: Observer[News]) -> None:
        super().__init__(observer)
        self._loop = asyncio.get_running_loop()
        self._backlog: deque[News] = deque(maxlen=BACKLOG_LIMIT)
        self._task: asyncio.Task[None] | None = None

    def tell(self, news: News) -> None:
        self._backlog.append(news)
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            logger.warning("the loop of an observer is closed")

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        observe = cast(Callable[[News], Awaitable[None]], self.observer)
        while self._backlog:
            try:
                await observe(self._backlog.popleft())
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and is_cancelled():
                    raise
                logger.exception("an observer raised")


def _is_async(observer: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(observer) or inspect.iscoroutinefunction(
        getattr(observer, "__call__", None)  # noqa: B004 - asks whether __call__ is async
    )
