"""Images on their way to a model: named in the history, shown in the request and nowhere kept."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any, Final

import structlog
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic_ai import RunContext
from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from chat.agents.tools.registry import Attachment, ToolContext
from chat.files.kinds import FileKind

logger = structlog.get_logger(__name__)

# Address of an attached image within the history: nothing is ever fetched from it.
SCHEME: Final = "netra:"
# The newest of a conversation; each costs a model some 1 600 tokens.
PICTURES_MAX: Final = 8
# Models look at no more than this of a side, and scale down what is larger.
SIDE_MAX: Final = 1568
# In the request it is a third longer, and providers take 5 MB.
PNG_BYTES_MAX: Final = 3_500_000
PIXELS_MAX: Final = 50_000_000
JPEG_QUALITY: Final = 85
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
# One at a time: a large one takes some hundred MiB while it is scaled.
PAINTERS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="painter")


def mention(file_id: str, media_type: str) -> ImageUrl:
    """An attached image as the history of a thread names it."""
    return ImageUrl(url=f"{SCHEME}{file_id}", media_type=media_type)


class PicturedModel(WrapperModel):
    """Another model, which is shown the images that a conversation mentions, if it takes any."""

    def __init__(self, wrapped: Model, *, takes_images: bool) -> None:
        super().__init__(wrapped)
        self._takes_images = takes_images

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        context = run_context.deps if run_context is not None else None
        shown: dict[str, UserContent] = {}
        if self._takes_images and isinstance(context, ToolContext):
            shown = await _shown(messages, context)
        pictured = [_pictured(message, shown) for message in messages]
        async with super().request_stream(
            pictured, model_settings, model_request_parameters, run_context
        ) as response:
            yield response


async def _shown(messages: Sequence[ModelMessage], context: ToolContext) -> dict[str, UserContent]:
    """What takes the place of each mention: of the newest ones the image, as far as it is there."""
    newest: dict[str, UserContent] = {}
    images = {file.file_id: file for file in context.attachments if file.kind is FileKind.IMAGE}
    for url in reversed(_mentioned(messages)):
        file = images.get(url.removeprefix(SCHEME))
        if file is None or url in newest or len(newest) == PICTURES_MAX:
            continue
        newest[url] = await _picture(file, context)
    return newest


def _mentioned(messages: Sequence[ModelMessage]) -> list[str]:
    return [
        item.url
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart) and not isinstance(part.content, str)
        for item in part.content
        if isinstance(item, ImageUrl)
    ]


async def _picture(file: Attachment, context: ToolContext) -> UserContent:
    """The image, scaled once a run."""
    if file.file_id not in context.pictures:
        scale = asyncio.get_running_loop().run_in_executor(PAINTERS, scaled, await file.read())
        context.pictures[file.file_id] = await scale
    found = context.pictures[file.file_id]
    if found is None:
        return f"[{file.name} cannot be shown: the image is damaged]"
    content, media_type = found
    return BinaryContent(data=content, media_type=media_type)


def _pictured(message: ModelMessage, shown: dict[str, UserContent]) -> ModelMessage:
    if not isinstance(message, ModelRequest):
        return message
    parts = [
        replace(part, content=_content(part.content, shown))
        if isinstance(part, UserPromptPart) and not isinstance(part.content, str)
        else part
        for part in message.parts
    ]
    return replace(message, parts=parts)


def _content(
    content: Sequence[UserContent], shown: dict[str, UserContent]
) -> str | Sequence[UserContent]:
    """With images in the place of mentions; as text alone where there are none."""
    items = [
        shown.get(item.url) if isinstance(item, ImageUrl) else item
        for item in content
    ]  # fmt: skip
    kept = [item for item in items if item is not None]
    texts = [item for item in kept if isinstance(item, str)]
    # Servers that know no images often know no lists of content either.
    return "\n".join(texts) if len(texts) == len(kept) else kept


def scaled(data: bytes) -> tuple[bytes, str] | None:
    """An image as models take it, upright and without what a camera noted; None if damaged."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > PIXELS_MAX:
                return None
            # Of a JPEG only as many pixels are decoded as are wanted.
            image.draft("RGB", (SIDE_MAX, SIDE_MAX))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((SIDE_MAX, SIDE_MAX))
            return _encoded(upright, is_drawn=image.format in ("PNG", "GIF"))
    except (
        *(UnidentifiedImageError, OSError, EOFError, ValueError, SyntaxError, struct.error),
        *(Image.DecompressionBombError, Image.DecompressionBombWarning),
    ):
        logger.info("an image cannot be decoded", bytes=len(data))
        return None


def _encoded(image: Image.Image, *, is_drawn: bool) -> tuple[bytes, str]:
    """PNG where edges or transparency matter and it is small, else JPEG."""
    kept = BytesIO()
    if is_drawn or image.has_transparency_data:
        image.convert("RGBA" if image.has_transparency_data else "RGB").save(kept, "PNG")
        if len(kept.getvalue()) <= PNG_BYTES_MAX:
            return kept.getvalue(), "image/png"
        kept = BytesIO()
    image.convert("RGB").save(kept, "JPEG", quality=JPEG_QUALITY)
    return kept.getvalue(), "image/jpeg"
