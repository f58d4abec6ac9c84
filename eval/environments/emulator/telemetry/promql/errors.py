"""What a query can fail with, in Prometheus' own terms."""

from __future__ import annotations


class PromQLError(Exception):
    """A query that has no answer. `type` and `status` are the API's errorType and HTTP status."""

    type = "internal"
    status = 500


class BadQuery(PromQLError):
    """The query or a parameter cannot be understood."""

    type = "bad_data"
    status = 400


class ExecutionFailed(PromQLError):
    """The query is well-formed and fails on the data, or uses what is not emulated."""

    type = "execution"
    status = 422
