"""The answers of the query API as our values."""

from __future__ import annotations

from typing import Any

from connectors.api.errors import SourceRejected
from connectors.api.values import Series
from connectors.prometheus.failures import malformed


def to_series(result: Any, expression: str, url: str, *, ranged: bool) -> list[Series]:
    """Read the `result` of a query; a scalar becomes a series without labels.

    Raises `SourceRejected` for results that are no series of numbers, `ConnectorError` for a
    body that is not Prometheus'.
    """
    if not isinstance(result, list):
        raise malformed(url, "the result is no list")
    if len(result) == 2 and not isinstance(result[0], dict):
        return [Series({}, (_scalar(result, expression, url),))]
    try:
        return [_series(row, expression, ranged=ranged) for row in result]
    except (KeyError, TypeError, ValueError) as error:
        raise malformed(url, "a series of another shape") from error


def _scalar(result: list[Any], expression: str, url: str) -> tuple[float, float]:
    try:
        at = float(result[0])
    except (TypeError, ValueError) as error:
        raise malformed(url, "a scalar of another shape") from error
    try:
        return at, float(result[1])
    except (TypeError, ValueError) as error:
        raise SourceRejected(f"the query gives text, not numbers: {expression}") from error


def _series(row: dict[str, Any], expression: str, *, ranged: bool) -> Series:
    labels = {str(name): str(value) for name, value in row["metric"].items()}
    if "histogram" in row or "histograms" in row:
        raise SourceRejected(
            "the query gives native histograms: reduce them to numbers, for example with "
            f"histogram_quantile or histogram_sum: {expression}"
        )
    if not ranged and "values" in row:
        raise SourceRejected(
            "the query gives a range of samples where one value is asked for: apply a function "
            f"such as rate or last_over_time: {expression}"
        )
    points = row["values"] if ranged else [row["value"]]
    return Series(labels, tuple((float(at), float(value)) for at, value in points))


def to_names(data: Any, url: str) -> list[str]:
    """Read a list of names."""
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise malformed(url, "no list of names")
    return sorted(data)


def text_at(data: Any, *path: str) -> str:
    """Return the text or number at a path of nested objects, "" without one."""
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return str(data) if isinstance(data, str | int | float) else ""
