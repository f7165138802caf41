"""The typed result of a usage analysis; money is exact, in the currency named."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chat.agents.charts import Chart

CostBasis = Literal["export", "list prices", "export and list prices", "none"]


class Focus(StrEnum):
    """Which part of a report a question is about."""

    SUMMARY = "summary"
    MODELS = "models"
    DAYS = "days"
    USERS = "users"
    PROJECTS = "projects"
    LATENCY = "latency"
    TOKENS = "tokens"
    ANOMALIES = "anomalies"
    SAVINGS = "savings"
    ROWS = "rows"


class Part(BaseModel):
    """A frozen piece of a report."""

    model_config = ConfigDict(frozen=True)


class Source(Part):
    """Which data was analysed."""

    id: str
    name: str
    format: str
    bytes: int


class ColumnNote(Part):
    """What a column was taken for; `assumed` units are not stated by the file."""

    field: str
    header: str
    unit: str
    assumed: bool


class SkipReason(Part):
    reason: str
    rows: int
    first_line: int


class Selection(Part):
    """The rows that a report is about; an empty list of names means all of them.

    `only` are the words that were asked with.
    """

    only: list[str]
    models: list[str]
    users: list[str]
    projects: list[str]
    since: date | None
    until: date | None


class Rows(Part):
    """Rows of the data: read = used + skipped + left_out, the last by the selection."""

    read: int
    used: int
    skipped: int
    left_out: int
    reasons: list[SkipReason]


class Totals(Part):
    """Sums over a group; `cost` is None where nothing of the group has a cost."""

    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    total_tokens: int
    cost: Decimal | None


class Latency(Part):
    """Nearest-rank percentiles in milliseconds: each is a value that was observed."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


class Group(Part):
    """One model, user or project, with its share of the spend in per cent."""

    name: str
    totals: Totals
    share: float | None
    latency: Latency | None


class Day(Part):
    day: date
    requests: int
    total_tokens: int
    cost: Decimal | None


class Spike(Part):
    """A day far above the usual one."""

    day: date
    cost: Decimal
    usual: Decimal
    threshold: Decimal
    top_model: str
    top_model_cost: Decimal


class Outlier(Part):
    """A single request far above its model's others."""

    line: int
    model: str
    value: Decimal
    fence: Decimal


class Anomalies(Part):
    """What stands out, each list with the rule that it was found by."""

    spikes: list[Spike]
    spike_rule: str
    slow: list[Outlier]
    slow_count: int
    costly: list[Outlier]
    costly_count: int
    outlier_rule: str


class Switch(Part):
    """The same tokens on the next smaller model of the family, per million token prices."""

    model: str
    to: str
    input_tokens: int
    output_tokens: int
    input_price: Decimal
    output_price: Decimal
    now: Decimal
    then: Decimal
    saves: Decimal


class Caching(Part):
    """`share` per cent of the uncached input tokens read from the prompt cache."""

    model: str
    uncached_tokens: int
    share: int
    input_price: Decimal
    cached_price: Decimal
    saves: Decimal


class Batching(Part):
    """`share` per cent of the tokens through the batch interface."""

    model: str
    share: int
    at_list: Decimal
    at_batch: Decimal
    saves: Decimal


class Savings(Part):
    """What other ways of running the same tokens would cost at list prices.

    `off_list` names models whose stated cost is far below their list price: somebody has a discount
    there, so savings on list prices would be overstated.
    """

    switches: list[Switch]
    caching: list[Caching]
    batching: list[Batching]
    off_list: list[str]
    priced_at: date


class UsageReport(Part):
    """All of it; lists are cut at the stated lengths, sums are not."""

    source: Source
    focus: Focus
    selection: Selection | None
    columns: list[ColumnNote]
    rows: Rows
    currency: str
    cost_basis: CostBasis
    unpriced_models: list[str]
    first: datetime | None
    last: datetime | None
    undated_rows: int
    total: Totals
    models: list[Group]
    models_count: int
    days: list[Day]
    days_count: int
    users: list[Group]
    users_count: int
    projects: list[Group]
    projects_count: int
    latency: Latency | None
    anomalies: Anomalies
    savings: Savings | None
    notes: list[str]
    charts: list[Chart] = []
