"""The one redactor: masks secrets in everything that leaves for a model, a chat or a store.

A placeholder looks like `[redacted:password:1a2b]`. Its last part is derived from the secret, so
the same secret reads the same everywhere and a changed one can be told from an unchanged one.
Redacting twice changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from copilot.tools import redact_patterns as patterns
from copilot.tools.redact_keys import mask_torn_keys

_ROUNDS = 8
_PLACEHOLDER = re.compile(r"\[redacted:[a-z-]+:[0-9a-f]{4}\]")


def redact(text: str) -> str:
    """Return `text` with tokens, keys, passwords, card numbers and e-mail addresses masked."""
    if "value" in text and "name" in text:
        text = patterns.PAIR.sub(_pair, text)
    text = redact_keys(text)
    if "-----BEGIN" in text:
        text = patterns.PRIVATE_KEY.sub(lambda match: placeholder("private-key", match[0]), text)
    return "\n".join(map(_settled, text.split("\n")))


def redact_keys(text: str) -> str:
    """Mask the lines of private keys that are torn: the only secrets that need more than their own line.

    Whoever takes lines out of a text, or sorts them, calls this before. The number of lines stays.
    """
    return mask_torn_keys(text, lambda body: placeholder("private-key", body))


def redact_object(value: Any, name: str = "") -> Any:
    """Return a Kubernetes object, or a part of one, with every text redacted by what names it."""
    if isinstance(value, str):
        return redact_value(name, value) if name else redact(value)
    if isinstance(value, list):
        return [redact_object(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    own = value.get("name")
    variable = isinstance(own, str) and isinstance(value.get("value"), str)
    return {
        key: redact_object(item, str(own) if variable and key == "value" else _telling(key))
        for key, item in value.items()
    }


def _telling(key: str) -> str:
    # "key" in a reference names a key of a Secret, and no secret.
    return "" if key in ("key", "name") else key


def allow(expressions: Iterable[str]) -> None:
    """Show values that one of these regular expressions matches whole, from now on.

    They are a team's own: of test accounts, sample tokens. Raises `re.error` for a wrong one.
    """
    global _allowed
    _allowed = tuple(re.compile(expression) for expression in expressions)


_allowed: tuple[re.Pattern[str], ...] = ()
_kept: dict[str, set[str]] | None = None


@contextmanager
def restorable() -> Iterator[Callable[[str], str]]:
    """Give what puts the secrets back that are masked in here; they are forgotten at the end.

    Only for the user's own view: a terminal on the user's machine, with the user's own rights. Nothing that it
    returns may be stored or sent. A placeholder that means two secrets stays.
    """
    global _kept
    before, _kept = _kept, {}
    mine = _kept

    def restore(text: str) -> str:
        def back(match: re.Match[str]) -> str:
            found = mine.get(match[0], set())
            return next(iter(found)) if len(found) == 1 else match[0]

        return _PLACEHOLDER.sub(back, text)

    try:
        yield restore
    finally:
        mine.clear()
        _kept = before


def placeholder(kind: str, secret: str) -> str:
    """Return the stable placeholder of `secret`, or the secret itself when a team allows it."""
    if any(pattern.fullmatch(secret) for pattern in _allowed):
        return secret
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    made = f"[redacted:{kind}:{digest[:4]}]"
    if _kept is not None and "[redacted:" not in secret:
        _kept.setdefault(made, set()).add(secret)
    return made


def sensitive_name(name: str) -> bool:
    """Say whether a variable or key of this name usually holds a secret ("DB_PASSWORD")."""
    return patterns.SENSITIVE_NAME.search(name) is not None


def redact_value(name: str, value: str) -> str:
    """Return the `value` of a variable or key as it may be shown: masked if its name tells."""
    if value and sensitive_name(name) and not value.startswith("[redacted:"):
        return placeholder(_kind(name), value)
    return redact(value)


def _settled(line: str) -> str:
    """Redact a line until nothing more is found: one secret may have hidden the start of another."""
    for _ in range(_ROUNDS):
        redacted = _line(line)
        if redacted == line:
            break
        line = redacted
    return line


def _line(line: str) -> str:
    """Redact one line; each pattern runs only where a cheap look finds its hint."""
    for hint, pattern in patterns.TOKENS:
        if hint in line:
            line = pattern.sub(lambda match: placeholder("token", match[0]), line)
    if "eyJ" in line:
        line = patterns.JWT.sub(lambda match: placeholder("jwt", match[0]), line)
    if "://" in line:
        line = patterns.URL_PASSWORD.sub(_group(2, "password"), line)
        line = patterns.URL_TOKEN.sub(_group(2, "token"), line)
    lowered = line.lower()
    if any(hint in lowered for hint in patterns.HEADER_HINTS):
        line = patterns.HEADER.sub(_group(2, "token"), line)
    if any(hint in lowered for hint in patterns.NAME_HINTS):
        if patterns.MAY_ASSIGN.search(lowered):
            if "--" in line:
                line = patterns.FLAG.sub(_assigned, line)
            line = patterns.ASSIGNMENT.sub(_assigned, line)
        if "name" in lowered and "value" in lowered:
            line = patterns.INLINE.sub(_pair, line)
    if ("'" in line or '"' in line) and ("identified" in lowered or "password" in lowered):
        line = patterns.SQL.sub(_quoted, line)
    if "@" in line:
        line = patterns.EMAIL.sub(lambda match: placeholder("email", match[0]), line)
    return patterns.CARD.sub(_card, line) if patterns.DIGITS.search(line) else line


def _group(number: int, kind: str) -> Callable[[re.Match[str]], str]:
    def masked(match: re.Match[str]) -> str:
        start, end = match.start(number) - match.start(), match.end(number) - match.start()
        secret = match[number]
        return (
            match[0]
            if _masked(secret)
            else match[0][:start] + placeholder(kind, secret) + match[0][end:]
        )

    return masked


def _assigned(match: re.Match[str]) -> str:
    """Mask the value of `name = value`, unless the value is a word of ordinary prose."""
    name, value = match["name"], match["value"]
    bare = value.strip("\"'\\,;")
    if not bare or _masked(bare) or bare.startswith(("${", "$(", "{{", "<", "*")):
        return match[0]
    if patterns.PRINTED.match(bare):
        return match[0]
    word = bare.lower().strip("(.!?)")
    if word in (patterns.PROSE if match.groupdict().get("sign") == ":" else patterns.NO_VALUE):
        return match[0]
    if not _is_password(name) and bare.isdigit() and len(bare) < 7:
        return match[0]
    if name.lower() == "pwd" and bare.startswith("/"):
        return match[0]
    start = match.start("value") - match.start() + value.index(bare)
    return match[0][:start] + placeholder(_kind(name), bare) + match[0][start + len(bare) :]


def _pair(match: re.Match[str]) -> str:
    """Mask the value of a variable whose name tells."""
    value = match["value"]
    bare = value.strip("\"'\\")
    if not bare or _masked(value) or not sensitive_name(match["name"]):
        return match[0]
    return match["head"] + value.replace(bare, placeholder(_kind(match["name"]), bare), 1)


def _quoted(match: re.Match[str]) -> str:
    start = match[2].lstrip("\\")[0]
    secret = match[2].lstrip("\\")[1:]
    return match[1] + match[2].partition(start)[0] + start + placeholder("password", secret)


def _masked(secret: str) -> bool:
    return "[redacted:" in secret


def _is_password(name: str) -> bool:
    lowered = name.lower()
    return "pass" in lowered or "pwd" in lowered


def _kind(name: str) -> str:
    if _is_password(name):
        return "password"
    return "key" if "key" in name.lower() else "token" if "token" in name.lower() else "secret"


def _card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match[0] if character.isdigit()]
    odd, even = digits[-1::-2], digits[-2::-2]
    total = sum(odd) + sum(sum(divmod(2 * digit, 10)) for digit in even)
    return placeholder("card", match[0]) if total % 10 == 0 else match[0]
