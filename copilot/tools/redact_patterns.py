"""What secrets look like. Each pattern is linear in the length of a line."""

from __future__ import annotations

import re

PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    # A cut-off key has no end: then everything that still looks like base64 belongs to it.
    r"(?:(?:(?!-----(?:BEGIN|END)).)*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:\\n|\s|[A-Za-z0-9+/=])*)",
    re.DOTALL,
)

JWT = re.compile(r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?")

# Tokens that name their issuer, by a literal that each of them contains.
TOKENS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (hint, re.compile(pattern))
    for hint, pattern in (
        ("AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
        ("ASIA", r"\bASIA[0-9A-Z]{16}\b"),
        ("gh", r"\bgh[pousr]_[A-Za-z0-9]{30,}\b"),
        ("github_pat_", r"\bgithub_pat_\w{30,}\b"),
        ("glpat-", r"\bglpat-[\w-]{18,}"),
        ("xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("xapp-", r"\bxapp-[A-Za-z0-9-]{10,}"),
        ("hooks.slack.com/", r"(?<=hooks\.slack\.com/)(?:services|workflows)/[A-Za-z0-9/_+-]{20,}"),
        ("AIza", r"\bAIza[\w-]{35}"),
        ("ya29.", r"\bya29\.[\w-]{20,}"),
        ("_live_", r"\b[rs]k_live_[A-Za-z0-9]{16,}\b"),
        ("_test_", r"\b[rs]k_test_[A-Za-z0-9]{16,}\b"),
        ("whsec_", r"\bwhsec_[A-Za-z0-9+/=]{16,}"),
        ("sk-", r"\bsk-[\w-]{20,}"),
        ("SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
        ("npm_", r"\bnpm_[A-Za-z0-9]{30,}\b"),
        ("pypi-", r"\bpypi-[\w-]{40,}"),
        ("_v1_", r"\bdo[opr]_v1_[a-f0-9]{40,}\b"),
        ("hf_", r"\bhf_[A-Za-z0-9]{30,}\b"),
        ("hv", r"\bhv[sbr]\.[\w-]{20,}"),
        ("AGE-SECRET-KEY-", r"\bAGE-SECRET-KEY-1[0-9A-Z]{40,}"),
        ("AccountKey=", r"(?<=AccountKey=)[A-Za-z0-9+/=]{20,}"),
        ("sig=", r"(?<=[?&]sig=)[\w%.~+-]{20,}"),
        ("X-Amz-Signature=", r"(?<=X-Amz-Signature=)[a-f0-9]{32,}"),
        ("glsa_", r"\bglsa_[A-Za-z0-9_]{30,}"),
        ("glc_", r"\bglc_[A-Za-z0-9+/=_]{30,}"),
        ("dapi", r"\bdapi[a-f0-9]{32}\b"),
        ("shp", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b"),
        ("NRAK-", r"\bNRAK-[A-Z0-9]{20,}"),
        ("ATATT3", r"\bATATT3[\w=-]{40,}"),
        ("lin_api_", r"\blin_api_[A-Za-z0-9]{30,}"),
        ("/api/webhooks/", r"(?<=/api/webhooks/)\d+/[\w-]{30,}"),
        ("/bot", r"(?<=/bot)\d{6,}:[\w-]{30,}"),
        ("$", r"\$(?:1|2[abxy]|5|6|7|y|apr1|argon2(?:id|i|d))\$[^\s:\"']{20,}"),
    )
)

URL_PASSWORD = re.compile(r"(://[^\s:/@\"'<>\[]{0,256}:)([^\s/\"'<>]{1,512})(?=@)")
URL_TOKEN = re.compile(r"(://)([A-Za-z0-9_-]{20,256})(?=@)")

HEADER_HINTS = ("bearer", "basic ", "cookie", "auth")
NAME_HINTS = ("pass", "pwd", "secret", "token", "key", "credential")

_NAME = (
    r"pass(?:word|wd|phrase)|pwd|(?<=[_.-])pass|\bpass(?==)"
    r"|secret|token|credentials?"
    r"|(?:api|access|account|auth|client|encryption|master|private|secret|shared|signing)"
    r"[_.-]?(?:access[_.-]?)?key(?:[_.-]?id)?"
)
SENSITIVE_NAME = re.compile(rf"(?:{_NAME}|connection_?string|auth)$", re.IGNORECASE)

# The value: in quotes (plain, or escaped inside other quotes), else up to a separator.
_VALUE = r"""\\?"(?:[^"\\]|\\[^"])+|\\?'[^'\\]+|[^\s"',;&)}\]]+"""

ASSIGNMENT = re.compile(
    rf"(?<!redacted:)(?P<name>{_NAME})\\?[\"']?[ \t]*(?P<sign>=>|:=|=|:)[ \t]*(?!\[redacted:)(?P<value>{_VALUE})",
    re.IGNORECASE,
)
# A quick look on the lower-cased line before the exact patterns are tried.
MAY_ASSIGN = re.compile(
    r"(?:p(?:ass(?:word|wd|phrase)?|wd)|secret|token|credentials?|[a-z][_.-]?key(?:[_.-]?id)?)"
    r"(?:\\?[\"']?[ \t]*[:=]|[ \t])"
)
FLAG = re.compile(
    rf"(?<![\w-])--(?:[a-z]+-){{0,8}}(?P<name>{_NAME})[ \t]+(?!-|\[redacted:)(?P<value>{_VALUE})",
    re.IGNORECASE,
)
HEADER = re.compile(
    r"(\b(?:bearer|basic)\s+|\bcookie[\"']?:\s*|\bauth[\"']?:\s*[\"'])"
    r"(?!\[redacted:)([^\s\"',;]{12,}(?:;\s*[^\s\"',=]+=[^\s\"',]+)*)",
    re.IGNORECASE,
)

# Passwords in SQL, which no sign separates from their name.
SQL = re.compile(
    r"(\b(?:identified\s+(?:with\s+\S+\s+)?by|password)\s+)(\\?['\"](?!\[redacted:)[^'\"\\]{1,256})(?=\\?['\"])",
    re.IGNORECASE,
)

# A variable in YAML or JSON over two lines: its name, then its value.
PAIR = re.compile(
    r"(?P<head>^[ \t-]*\"?name\"?:[ \t]*\"?(?P<name>[\w.-]+)\"?,?[ \t]*\n[ \t]*\"?value\"?:[ \t]*)"
    r"(?P<value>\"(?:[^\"\\\n]|\\.)*\"|[^\s\"][^\n]*)",
    re.MULTILINE,
)
# The same on one line: {"name":"X","value":"Y"}, map[name:X value:Y].
INLINE = re.compile(
    r"(?P<head>\bname\\?\"?:[ ]?\\?\"?(?P<name>[\w.-]+)\\?\"?[, ]+\\?\"?value\\?\"?:[ ]?)"
    r"(?P<value>\\?\"(?:[^\"\\]|\\[^\"])*|[^\s\"\]\},]+)"
)
# A program's own objects, printed: "token=Token{41f3 …}".
PRINTED = re.compile(r"[A-Z][A-Za-z]*\{")

# What follows "token:" or "password:" in ordinary sentences and settings.
_PROSE = (
    "a an and are at authentication auth been being but by can cannot changed check could "
    "created deleted denied did do does empty error expired failed failure false for "
    "found from got grant had has have if in incorrect invalid is it length malformed may "
    "missing mismatch must n/a nil no none not null of on or provided rejected required "
    "revoked set should str string such the this to true type undefined unexpected "
    "unknown unset update updated used user valid value was were when which will with "
    "without wrong yes you your"
)
PROSE = frozenset(_PROSE.split())

NO_VALUE = frozenset(("true", "false", "null", "none", "nil", "undefined", "yes", "no"))

EMAIL = re.compile(
    r"(?<![\w.+%/-])[\w.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}"
    r"(?!local\b|internal\b|svc\b|localdomain\b|cluster\b)[A-Za-z]{2,24}\b(?![.-]?\w)"
)

DIGITS = re.compile(r"\d{4}[ -]?\d{4}")
CARD = re.compile(
    r"(?<![\w.-])(?:"
    r"(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|64[4-9]\d|65\d\d|35[2-8]\d)"
    r"([ -]?)\d{4}\1\d{4}\1\d{4}"
    r"|3[47]\d\d([ -]?)\d{6}\2\d{5}"
    r"|3(?:0[0-5]|[68]\d)\d([ -]?)\d{6}\3\d{4}"
    r")(?![\w-])"
)
