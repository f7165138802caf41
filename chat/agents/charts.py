"""Charts as data: what a tool's result carries under `charts` is drawn by the page."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LABELS_MAX = 60
SERIES_MAX = 6
CHARTS_MAX = 6


class Series(BaseModel):
    """One line or set of bars; None where there is no value for a label."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    name: str
    values: list[float | None]


class Chart(BaseModel):
    """Series over common labels; `unit` says what the values are in, such as USD or ms."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["bar", "line"]
    title: str
    unit: str
    labels: list[str] = Field(max_length=LABELS_MAX)
    series: list[Series] = Field(min_length=1, max_length=SERIES_MAX)

    @model_validator(mode="after")
    def _has_a_value_for_each_label(self) -> Self:
        if any(len(series.values) != len(self.labels) for series in self.series):
            raise ValueError("a series has a value for each label")
        return self


def chart(
    kind: Literal["bar", "line"],
    title: str,
    *,
    unit: str,
    rows: Sequence[tuple[str, Sequence[float | None]]],
    names: Sequence[str],
) -> Chart:
    """A chart of labelled rows, each with one value for each name of a series."""
    return Chart(
        kind=kind,
        title=title,
        unit=unit,
        labels=[label for label, _ in rows],
        series=[
            Series(name=name, values=[values[index] for _, values in rows])
            for index, name in enumerate(names)
        ],
    )
