"""How counts become what Prometheus calls families of metrics."""

from collections.abc import Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from netra.tally import Labelled, Spans


def gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_, value=value)


def gauges(name: str, help_: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def counter(name: str, help_: str, value: float) -> Metric:
    return CounterMetricFamily(name, help_, value=value)


def counters(name: str, help_: str, label: str, counted: Labelled) -> Metric:
    family = CounterMetricFamily(name, help_, labels=[label])
    for of, value in counted.read().items():
        family.add_metric([of], value)
    return family


def histogram(name: str, help_: str, spans: Spans) -> Metric:
    buckets, total_s = spans.read()
    return HistogramMetricFamily(name, help_, buckets=buckets, sum_value=total_s)
