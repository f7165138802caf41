"""Every frame of all connections so far, looked at once more."""

from collections import Counter

from conformance.checks import check, expect
from conformance.shapes import lacks
from conformance.subject import Subject


@check("Each frame and each event has the fields that are told of it, of the types that are told.")
async def shapes(subject: Subject) -> None:
    await subject.conversation()
    found = Counter(lack for frame in subject.frames for lack in lacks(frame))
    expect(not found, "; ".join(f"{lack} ({times} times)" for lack, times in found.most_common(5)))
