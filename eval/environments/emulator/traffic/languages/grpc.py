"""gRPC statuses in the words of each language's library."""

from __future__ import annotations

import re

_CODES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
    "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange",
    "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
_GO = re.compile(r"rpc error: code = (\w+) desc = (.*)", re.DOTALL)
_JAVA = re.compile(r"Status\{code=([A-Z_]+), description=(.*?), cause=.*\}", re.DOTALL)
_DOTNET = re.compile(r'Status\(StatusCode="(\w+)", Detail="(.*)"\)', re.DOTALL)
_SHOUTED = re.compile(r"(?:\d+ )?([A-Z_]{2,}): (.*)", re.DOTALL)
_BY_SHOUT = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).upper(): code for code in _CODES}
_BY_SHOUT["CANCELLED"] = "Canceled"


def parsed(text: str) -> tuple[str, str]:
    """Return (code, description) of a status in any language's form; Unknown for other text."""
    found = _GO.search(text) or _DOTNET.search(text)
    if found:
        return found[1], found[2]
    found = _JAVA.search(text)
    if found and found[1] in _BY_SHOUT:
        return _BY_SHOUT[found[1]], "" if found[2] == "null" else found[2]
    found = _SHOUTED.match(text)
    if found and found[1] in _BY_SHOUT:
        return _BY_SHOUT[found[1]], found[2]
    return "Unknown", text


def wire(text: str) -> str:
    """A server's status as it travels: the form of Go."""
    code, description = parsed(text)
    return f"rpc error: code = {code} desc = {description}"


def shouted(text: str) -> str:
    """`UNAVAILABLE: text`, as in Java."""
    code, description = parsed(text)
    return f"{_name(code)}: {description}"


def numbered(text: str) -> str:
    """`14 UNAVAILABLE: text`, as in Node."""
    code, description = parsed(text)
    number = _CODES.index(code) if code in _CODES else 2
    return f"{number} {_name(code)}: {description}"


def quoted(text: str) -> str:
    """`Status(StatusCode="Unavailable", Detail="text")`, as in .NET."""
    code, description = parsed(text)
    return f'Status(StatusCode="{code}", Detail="{description}")'


def described(text: str) -> str:
    """`status = StatusCode.UNAVAILABLE` and `details = "text"` on lines of their own, as in Python."""
    code, description = parsed(text)
    return f'\tstatus = StatusCode.{_name(code)}\n\tdetails = "{description}"'


def _name(code: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).upper()
