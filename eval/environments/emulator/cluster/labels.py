"""What the API server accepts as labels and annotations, and its words for what it does not."""

from __future__ import annotations

import re

from connectors.api.values import Json

Causes = list[tuple[str, str, str]]

_NAME = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_NAME_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    " '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LONGEST_NAME, _LONGEST_PREFIX, _LONGEST_NOTES = 63, 253, 256 * 1024


def is_subdomain(name: str) -> bool:
    """Whether a name is a lowercase RFC 1123 subdomain."""
    return _SUBDOMAIN.match(name) is not None


def check_metadata(meta: Json, path: str, causes: Causes) -> None:
    """Add what is wrong with the labels and annotations of an object or a template."""
    for key, value in (meta.get("labels") or {}).items():
        _key(str(key), f"{path}.labels", causes)
        text = str(value)
        if len(text) > _LONGEST_NAME:
            _invalid(text, "must be no more than 63 characters", f"{path}.labels", causes)
        if not _VALUE.match(text):
            _invalid(text, _VALUE_WORDS, f"{path}.labels", causes)
    notes = meta.get("annotations") or {}
    for key in notes:
        _key(str(key).lower(), f"{path}.annotations", causes, shown=str(key))
    if sum(len(str(key)) + len(str(value)) for key, value in notes.items()) > _LONGEST_NOTES:
        text = f"Too long: must have at most {_LONGEST_NOTES} bytes"
        causes.append(("FieldValueTooLong", f"{path}.annotations", text))


def _key(key: str, path: str, causes: Causes, shown: str = "") -> None:
    prefix, slash, name = key.rpartition("/")
    shown = shown or key
    if key.count("/") > 1:
        words = f"a qualified name {_NAME_WORDS} with an optional DNS subdomain prefix and '/'"
        _invalid(shown, f"{words} (e.g. 'example.com/MyName')", path, causes)
        return
    if slash and not prefix:
        _invalid(shown, "prefix part must be non-empty", path, causes)
    elif slash and (len(prefix) > _LONGEST_PREFIX or not is_subdomain(prefix)):
        _invalid(shown, f"prefix part {SUBDOMAIN_WORDS}", path, causes)
    if not name:
        _invalid(shown, "name part must be non-empty", path, causes)
    elif len(name) > _LONGEST_NAME:
        _invalid(shown, "name part must be no more than 63 characters", path, causes)
    if not _NAME.match(name):
        _invalid(shown, f"name part {_NAME_WORDS}", path, causes)


def _invalid(value: str, words: str, path: str, causes: Causes) -> None:
    causes.append(("FieldValueInvalid", path, f'Invalid value: "{value}": {words}'))
