"""All families of metrics as the text that Prometheus reads."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from netra.metrics.deployment import Facts, deployment_families
from netra.metrics.process import process_families

# Memory, processor time and open files, as every exporter names them.
_PROCESS: Final = ProcessCollector(registry=None)


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def written(own: Iterator[Metric], facts: Facts | None) -> bytes:
    """What every process tells, what one of this kind tells, and what the database knows."""
    families = [
        *_PROCESS.collect(),
        *process_families(),
        *own,
        *deployment_families(facts or Facts()),
    ]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return generate_latest(registry)
