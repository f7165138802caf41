"""What Chainlit's documentation has for OpenAI's protocol; run by Chainlit's own Python.

The client reads OPENAI_BASE_URL and OPENAI_API_KEY by itself.
"""

import chainlit  # type: ignore[import-not-found]  # in an environment of its own
import openai

_client = openai.AsyncOpenAI()


@chainlit.on_message  # type: ignore[untyped-decorator]  # as above
async def answer(message: chainlit.Message) -> None:
    said = chainlit.Message(content="")
    stream = await _client.chat.completions.create(
        model="bench", messages=[{"role": "user", "content": message.content}], stream=True
    )
    async for part in stream:
        if part.choices and (token := part.choices[0].delta.content):
            await said.stream_token(token)
    await said.update()
