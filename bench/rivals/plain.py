"""The consumer that anybody writes first."""

from typing import Any, Final

from channels.generic.websocket import AsyncWebsocketConsumer

GROUP: Final = "bench.plain"
# Its layer is beside Netra's own, which the rest of the web process goes on using.
ALIAS: Final = "rival"


class PlainConsumer(AsyncWebsocketConsumer):
    channel_layer_alias = ALIAS

    async def connect(self) -> None:
        await self.accept()
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.send(text_data='{"type":"ready"}')

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data)

    async def event(self, message: dict[str, Any]) -> None:
        await self.send(text_data=message["text"])
