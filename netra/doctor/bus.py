"""Valkey or Redis: there, carrying what is published, and keeping what it must."""

import time
from typing import Any, Final

import redis
from django.conf import settings

from chat.delivery.shards import client_of
from netra.buses import Shard
from netra.doctor.findings import Finding, Findings, fine, problem, warning

VERSION_MIN: Final = (6, 2)
WITHIN_S: Final = 2.0
CHANNEL: Final = "netra:doctor"
# A pub/sub subscriber that is this far behind is cut off: a second of a busy process.
SUBSCRIBER_BYTES_MIN: Final = 32 * 1024 * 1024


def check_bus() -> Findings:
    for shard in settings.BUS:
        yield from _check(shard)


def whose(shard: Shard) -> str:
    """What a finding about a shard is called; where there is but one, it needs no name."""
    return "bus" if len(settings.BUS) == 1 else f"bus {shard.name}"


def _check(shard: Shard) -> Findings:
    name = whose(shard)
    try:
        with client_of(shard, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S) as client:
            info: dict[str, Any] = client.info()
            yield _version(name, info)
            yield _carries(client)
            yield _memory(client, info)
            yield _subscribers(client)
    except redis.ResponseError as error:
        yield problem(name, str(error), "Let the user of REDIS_URL run INFO, CONFIG and PUBLISH.")
    except (redis.RedisError, OSError) as error:
        yield problem(name, str(error), "Start Valkey or Redis, or correct REDIS_URL.")


def _version(name: str, info: dict[str, Any]) -> Finding:
    told = str(info.get("valkey_version") or info["redis_version"])
    found = f"{'Valkey' if 'valkey_version' in info else 'Redis'} {told}"
    if info.get("cluster_enabled"):
        return problem(
            name,
            f"{found} is part of a cluster, whose nodes all carry what one is told",
            "Name single servers, or services of sentinels, several of them in REDIS_URL.",
        )
    if tuple(int(part) for part in told.split(".")[:2]) < VERSION_MIN:
        return problem(name, found, "Upgrade it: Redis 6.2 is the oldest, Valkey the newest.")
    return fine(name, f"{found} answers")


def _carries(client: "redis.Redis") -> Finding:
    with client.pubsub(ignore_subscribe_messages=True) as listener:  # type: ignore[no-untyped-call]  # so in redis
        listener.subscribe(CHANNEL)
        listener.get_message(timeout=WITHIN_S)  # the subscription itself
        client.publish(CHANNEL, b"here")
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            if listener.get_message(timeout=0.1) is not None:
                return fine("publish", "what is published arrives")
    return problem(
        "publish",
        "what was published did not arrive",
        "Let REDIS_URL name the primary itself; behind a proxy, one that passes PUBLISH on.",
    )


def _memory(client: "redis.Redis", info: dict[str, Any]) -> Finding:
    policy = str(info.get("maxmemory_policy", ""))
    limit = int(info.get("maxmemory", 0))
    if limit == 0:
        return warning("memory", "no limit", "Set maxmemory, with maxmemory-policy volatile-lru.")
    if policy == "noeviction":
        return warning(
            "memory",
            "noeviction: once it is full, doorbells and rate limits are refused",
            "Set maxmemory-policy volatile-lru; everything kept there has an end or can be lost.",
        )
    return fine("memory", f"{limit // 2**20} MiB, {policy}")


def _subscribers(client: "redis.Redis") -> Finding:
    told = str(client.config_get("client-output-buffer-limit").get("client-output-buffer-limit"))
    words = told.split()
    hard = int(words[words.index("pubsub") + 1]) if "pubsub" in words else 0
    if 0 < hard < SUBSCRIBER_BYTES_MIN:
        return warning(
            "subscribers",
            f"a process that is {hard // 2**20} MiB behind is cut off",
            "client-output-buffer-limit pubsub 64mb 32mb 60",
        )
    return fine("subscribers", "room enough for one that is behind")
