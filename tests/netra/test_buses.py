"""URLs of the bus: what each means to the doorbells, to the cache and to its clients."""

from typing import Final

import pytest

from chat.delivery.shards import client_of
from netra import env
from netra.buses import SCHEMES, TIMEOUTS, Shard, shards_of
from netra.env import EnvError, masked

SENTINELS: Final = (
    "rediss+sentinel://web:p%40ss@one,two:26380/main/2"
    "?sentinel_password=w%2Ftcher-secret&ssl_ca_certs=/etc/ca.pem"
)


def read(text: str) -> tuple[Shard, ...]:
    with env.override(REDIS_URL=text):
        return shards_of(env.urls("REDIS_URL", "", schemes=SCHEMES))


def test_several_urls_are_several_shards() -> None:
    found = read("redis://a:6379/0, unix:///run/b,c.sock ,rediss://:p%2C1@d:6380/1")
    assert [shard.name for shard in found] == ["a:6379/0", "/run/b,c.sock", "d:6380/1"]
    assert found[1].layer_host == {"address": "unix:///run/b,c.sock", **TIMEOUTS}
    assert found[2].cache["LOCATION"] == "rediss://:p%2C1@d:6380/1"
    with client_of(found[2]) as client:
        options = client.connection_pool.connection_kwargs
        assert (options["password"], options["port"], options["db"]) == ("p,1", 6380, 1)
    assert "p%2C1" not in repr(found)


def test_sentinels_are_asked_for_the_server() -> None:
    [shard] = read(SENTINELS)
    tls = {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"}
    asking = {"password": "w/tcher-secret", **tls}
    assert shard.name == "main of one,two:26380"
    assert shard.sentinels == (("one", 26379), ("two", 26380))
    assert shard.options == {"db": 2, "username": "web", "password": "p@ss", **tls}
    assert shard.layer_host["sentinel_kwargs"] == asking | TIMEOUTS
    assert shard.cache["LOCATION"] == "redis://main"
    assert shard.cache["OPTIONS"]["CONNECTION_POOL_KWARGS"] == shard.options
    assert "secret" not in repr(shard)
    assert masked("asked with w/tcher-secret") == "asked with ***"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("redis://a,redis://a", "twice"),
        ("redis://a,b:6379/0", "a scheme for each"),
        ("redis+cluster://a", "must be a URL"),
        ("redis://a,http://b", "must be a URL"),
        ("redis+sentinel://a,b", "needs hosts and a service"),
        ("redis+sentinel://a,/main", "needs hosts and a service"),
        ("redis+sentinel://a/main/two", "needs hosts and a service"),
        ("redis+sentinel://a:x/main", "must be a URL"),
        ("redis+sentinel://a:x,b/main", "wrong port"),
        ("redis+sentinel://a/main?sentinel_pasword=secret", "not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, problem: str) -> None:
    with pytest.raises(EnvError, match=problem) as refused:
        read(text)
    assert refused.value.name == "REDIS_URL"
    assert "secret" not in str(refused.value)
