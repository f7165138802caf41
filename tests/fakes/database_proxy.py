"""A proxy on 127.0.0.1 between processes and their PostgreSQL, which can be away for a while."""

import asyncio

from psycopg.conninfo import conninfo_to_dict

from tests.fakes.relay import Link, Relay, Streams, pass_on

POSTGRES_PORT = 5432


class DatabaseProxy(Relay):
    """Carries bytes as they come; while `is_away`, whoever connects is sent away."""

    def __init__(self, database_url: str) -> None:
        super().__init__(dial=self._dial, up=_up, down=_down)
        self.is_away = False
        self._parts = conninfo_to_dict(database_url)

    @property
    def url(self) -> str:
        """The same database, through this proxy."""
        user = self._parts["user"]
        return f"postgresql://{user}@127.0.0.1:{self.port}/{self._parts['dbname']}"

    def leave(self) -> None:
        """Be away from now on: as when the server is stopped, every session ends."""
        self.is_away = True
        self.cut_all()

    def come_back(self) -> None:
        self.is_away = False

    async def _dial(self) -> Streams:
        if self.is_away:
            raise ConnectionRefusedError
        host, port = str(self._parts["host"]), int(self._parts.get("port") or POSTGRES_PORT)
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)


async def _up(link: Link) -> None:
    await pass_on(link.from_client, link.to_server)


async def _down(link: Link) -> None:
    await pass_on(link.from_server, link.to_client)
