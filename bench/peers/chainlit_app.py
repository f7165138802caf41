"""What Chainlit's documentation streams, at the bench's pace; run by Chainlit's own Python."""

import asyncio

import chainlit  # type: ignore[import-not-found]  # in an environment of its own

# As model_server.py has them.
TOKENS = 50
TOKENS_PER_S = 25


@chainlit.on_message  # type: ignore[untyped-decorator]  # as above
async def answer(_message: object) -> None:
    said = chainlit.Message(content="")
    started = asyncio.get_running_loop().time()
    for number in range(TOKENS):
        # Against the start, so that a late wake-up is made good.
        due = started + number / TOKENS_PER_S
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        await said.stream_token(f"{' ' if number else ''}token{number:03}")
    await said.update()
