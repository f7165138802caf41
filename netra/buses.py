"""What the URLs of the bus mean: one shard each, at its own address or known to sentinels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from netra import env

SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SENTINEL_PORT: Final = 26379
# Without timeouts a stopped bus hangs every send without end.
TIMEOUTS: Final = MappingProxyType({"socket_timeout": 1, "socket_connect_timeout": 1})
# Of those that a URL with sentinels may have; without sentinels redis-py reads them all.
TLS_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
SENTINEL_OPTIONS: Final = MappingProxyType(
    {"sentinel_username": "username", "sentinel_password": "password"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One Valkey or Redis: at `url`, or what `sentinels` call `service` at the moment."""

    name: str
    url: str = field(default="", repr=False)
    service: str = ""
    sentinels: tuple[tuple[str, int], ...] = ()
    # For connections to the server, and to the sentinels, where these are asked.
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def layer_host(self) -> dict[str, Any]:
        """This shard in the `hosts` of a channel layer."""
        if not self.sentinels:
            return {"address": self.url, **TIMEOUTS}
        return {
            "master_name": self.service,
            "sentinels": list(self.sentinels),
            "sentinel_kwargs": {**self.sentinel_options, **TIMEOUTS},
            **self.options,
            **TIMEOUTS,
        }

    @property
    def cache(self) -> dict[str, Any]:
        """This shard as a cache of Django's."""
        options: dict[str, Any] = {
            # Rate limits may be lost with the bus; sign-in may not.
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_TIMEOUT": TIMEOUTS["socket_timeout"],
            "SOCKET_CONNECT_TIMEOUT": TIMEOUTS["socket_connect_timeout"],
        }
        if self.sentinels:
            options |= {
                "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
                "SENTINELS": list(self.sentinels),
                "SENTINEL_KWARGS": {**self.sentinel_options, **TIMEOUTS},
                "CONNECTION_POOL_KWARGS": dict(self.options),
            }
        return {
            "BACKEND": "django_redis.cache.RedisCache",
            # Of a service the host is its name.
            "LOCATION": f"redis://{self.service}" if self.sentinels else self.url,
            "OPTIONS": options,
        }


def shards_of(urls: tuple[str, ...]) -> tuple[Shard, ...]:
    """A shard for each URL; raises EnvError for one that says too little, or is there twice."""
    shards = tuple(_shard(url) for url in urls)
    if len({shard.name for shard in shards}) < len(shards):
        raise env.EnvError("REDIS_URL", "names the same shard twice")
    return shards


def _shard(url: str) -> Shard:
    parts = urlsplit(url)
    if "+" in parts.scheme:
        return _behind_sentinels(url)
    if "," in parts.netloc:
        raise env.EnvError("REDIS_URL", "separates URLs, not hosts, by commas: a scheme for each")
    address = parts.netloc.rpartition("@")[2]
    return Shard(name=f"{address}{parts.path}", url=url)


def _behind_sentinels(url: str) -> Shard:
    parts = urlsplit(url)
    service, _, number = parts.path.strip("/").partition("/")
    hosts = parts.netloc.rpartition("@")[2]
    if not service or not all(hosts.split(",")) or not (number or "0").isdigit():
        raise env.EnvError("REDIS_URL", "needs hosts and a service: redis+sentinel://a,b/service/0")
    query = dict(parse_qsl(parts.query))
    if unknown := query.keys() - {*TLS_OPTIONS, *SENTINEL_OPTIONS}:
        raise env.EnvError("REDIS_URL", f"has options that are not known: {', '.join(unknown)}")
    tls: dict[str, Any] = {name: query[name] for name in TLS_OPTIONS if name in query}
    if parts.scheme.startswith("rediss"):
        tls["ssl"] = True
    who = {"username": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    asking = {theirs: query.get(ours, "") for ours, theirs in SENTINEL_OPTIONS.items()}
    return Shard(
        name=f"{service} of {hosts}",
        service=service,
        sentinels=tuple(_sentinel(host) for host in hosts.split(",")),
        options={"db": int(number or 0)} | _given(who) | tls,
        sentinel_options=_given(asking) | tls,
    )


def _given(options: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def _sentinel(host: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{host}")
        named, port = parts.hostname, parts.port
    except ValueError:
        named, port = None, None
    if not named:
        raise env.EnvError("REDIS_URL", "has a sentinel without a host or with a wrong port")
    return named, port or SENTINEL_PORT
