"""The text of a PDF, read by a process beside the worker that is ended when it takes too long."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

PROGRAM: Final = Path(__file__).with_name("pdf_process.py")
# The process ends itself after 15 s of work; the rest is for a machine that is busy.
TIMEOUT_S: Final = 25.0
# Each takes a core, and up to 768 MiB.
AT_ONCE: Final = asyncio.BoundedSemaphore(2)


class PdfText(Struct, frozen=True, kw_only=True):
    """How many pages there are, and the text of those that were read."""

    pages: int
    texts: tuple[str, ...] = ()
    outline: tuple[str, ...] = ()
    is_locked: bool = False


class PdfUnreadable(Exception):
    """It is damaged, or takes more time or memory than it may."""


async def read_pdf(data: bytes, *, first: int, chars_max: int) -> PdfText:
    """The text from that page on, at most so long; raises PdfUnreadable."""
    async with AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(PROGRAM), str(first), str(chars_max)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={},
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                told, _ = await process.communicate(data)
        except TimeoutError:
            raise PdfUnreadable from None
        finally:
            if process.returncode is None:
                # Also when the run was stopped: nobody waits for it any more.
                process.kill()
                await process.wait()
    try:
        return msgspec.json.decode(told, type=PdfText)
    except msgspec.DecodeError:
        raise PdfUnreadable from None
