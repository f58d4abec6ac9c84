"""Secrets made up at run time, of many kinds, and the places where they turn up.

Nothing here looks like a secret in the source: values are drawn by a seeded generator.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator

_WORD = string.ascii_letters + string.digits
Maker = Callable[[random.Random], tuple[str, str]]
"""Returns (the text in which it stands, the secret part that must not leave)."""


def _some(chance: random.Random, count: int, letters: str = _WORD) -> str:
    return "".join(chance.choice(letters) for _ in range(count))


def _mixed(chance: random.Random, count: int) -> str:
    """Return letters and digits, of both at least one."""
    return f"{_some(chance, count - 2)}x7"


def _token(*parts: str, count: int, letters: str = _WORD) -> Maker:
    """Return a maker of tokens that begin with a mark of their issuer."""
    prefix = "".join(parts)

    def make(chance: random.Random) -> tuple[str, str]:
        secret = prefix + _some(chance, count, letters)
        return secret, secret

    return make


def _named(template: str, count: int = 20) -> Maker:
    def make(chance: random.Random) -> tuple[str, str]:
        secret = _mixed(chance, count)
        return template.replace("SECRET", secret), secret

    return make


def _jwt(chance: random.Random) -> tuple[str, str]:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = part({"sub": _some(chance, 12), "iat": chance.randrange(10**9)})
    return f"{part({'alg': 'HS256'})}.{body}.{_some(chance, 43)}", body


def _pem(kind: str) -> Maker:
    def make(chance: random.Random) -> tuple[str, str]:
        lines = "\n".join(_some(chance, 64, _WORD + "+/") for _ in range(4))
        mark = f"{kind} PRIVATE KEY".strip()
        dashes = "-" * 5
        return f"{dashes}BEGIN {mark}{dashes}\n{lines}\n{dashes}END {mark}{dashes}", lines[:64]

    return make


def _card(chance: random.Random) -> tuple[str, str]:
    digits = [4, *(chance.randrange(10) for _ in range(14))]
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    number = "".join(map(str, [*digits, -total % 10]))
    shown = (
        " ".join(number[i : i + 4] for i in range(0, 16, 4)) if chance.random() < 0.5 else number
    )
    return f"card {shown} declined", shown


def _email(chance: random.Random) -> tuple[str, str]:
    name = f"{_some(chance, 6, string.ascii_lowercase)}.{_some(chance, 5, string.ascii_lowercase)}"
    return f"{name}@example.com", f"{name}@"


def _basic(chance: random.Random) -> tuple[str, str]:
    secret = base64.b64encode(f"user:{_mixed(chance, 14)}".encode()).decode()
    return f"Authorization: Basic {secret}", secret.rstrip("=")


def _docker(chance: random.Random) -> tuple[str, str]:
    secret = base64.b64encode(f"robot:{_mixed(chance, 16)}".encode()).decode()
    return json.dumps({"auths": {"registry": {"auth": secret}}}), secret.rstrip("=")


def _crypt(chance: random.Random) -> tuple[str, str]:
    secret = f"$6${_some(chance, 8)}${_some(chance, 86, _WORD + './')}"
    return f"root:{secret}:19000:0", secret[12:]


def _signature(chance: random.Random) -> tuple[str, str]:
    secret = _some(chance, 64, "0123456789abcdef")
    return f"https://b.s3.amazonaws.com/x?X-Amz-Signature={secret}", secret


_HEX, _UPPER = "0123456789abcdef", string.ascii_uppercase + string.digits
KINDS: dict[str, Maker] = {
    "password": _named("password=SECRET"),
    "password in JSON": _named('{"user": "app", "password": "SECRET"}'),
    "password variable": _named("DB_PASSWORD=SECRET"),
    "password option": _named("run --db-password SECRET --verbose"),
    "connection string": _named("Server=db;Database=shop;User Id=app;Password=SECRET;Encrypt=true"),
    "libpq string": _named("host=db user=app password=SECRET dbname=shop"),
    "database URL": _named("postgres://app:SECRET@db:5432/shop"),
    "MongoDB URL": _named("mongodb+srv://app:SECRET@cluster/shop"),
    "Redis URL": _named("redis://:SECRET@cache:6379/0"),
    "SQL identified by": _named("CREATE USER 'app'@'%' IDENTIFIED BY 'SECRET'"),
    "SQL password": _named("ALTER ROLE app WITH PASSWORD 'SECRET'"),
    "bearer": _named("Authorization: Bearer SECRET", 32),
    "basic": _basic,
    "cookie": _named("Cookie: session=SECRET; lang=en", 24),
    "API key header": _named("X-Api-Key: SECRET", 32),
    "client secret": _named("client_secret: SECRET", 32),
    "JWT": _jwt,
    "AWS key id": _token("AK", "IA", count=16, letters=_UPPER),
    "AWS secret": _named("aws_secret_access_key = SECRET", 40),
    "AWS signature": _signature,
    "Azure storage": _named("AccountName=x;AccountKey=SECRET==;EndpointSuffix=y", 44),
    "Azure SAS": _named("https://x.blob.core.windows.net/c?sv=2022&sig=SECRET", 40),
    "Google key": _token("AI", "za", count=35),
    "Google OAuth": _token("ya", "29.", count=60),
    "GitHub": _token("gh", "p_", count=36),
    "GitHub fine-grained": _token("github", "_pat_", count=60),
    "GitLab": _token("gl", "pat-", count=20),
    "Slack": _token("xo", "xb-", count=40, letters=_WORD),
    "Slack webhook": _named("https://hooks.slack.com/services/T00000000/B00000000/SECRET", 24),
    "Discord webhook": _named("https://discord.com/api/webhooks/1234567890/SECRET", 60),
    "Telegram": _named("https://api.telegram.org/bot123456789:AASECRET/sendMessage", 33),
    "Stripe": _token("sk", "_live_", count=24),
    "OpenAI": _token("sk", "-proj-", count=48),
    "SendGrid": _named("SG.aaaaaaaaaaaaaaaaaaaaaa.SECRET", 43),
    "npm": _token("np", "m_", count=36),
    "PyPI": _token("py", "pi-", count=80),
    "DigitalOcean": _token("do", "p_v1_", count=64, letters=_HEX),
    "Hugging Face": _token("h", "f_", count=34, letters=string.ascii_letters),
    "Vault": _token("hv", "s.", count=90),
    "Grafana": _token("gl", "sa_", count=41),
    "Databricks": _token("da", "pi", count=32, letters=_HEX),
    "Shopify": _token("shp", "at_", count=32, letters=_HEX),
    "New Relic": _token("NR", "AK-", count=27, letters=_UPPER),
    "Atlassian": _token("AT", "ATT3xFfGF0", count=60),
    "Linear": _token("lin", "_api_", count=40),
    "age": _token("AGE-SECRET", "-KEY-1", count=58, letters=_UPPER),
    "RSA key": _pem("RSA"),
    "OpenSSH key": _pem("OPENSSH"),
    "PKCS 8 key": _pem(""),
    "docker login": _docker,
    "password hash": _crypt,
    "card": _card,
    "e-mail": _email,
}

_PLACES: tuple[tuple[str, str], ...] = (
    ("log", "2026-03-01T02:45:00Z ERROR c.s.Orders - upstream said {} (attempt 3)"),
    ("event", "Warning  Failed  2m  kubelet  Error: cannot start: {} was refused"),
    ("annotation", "    example.com/note: {}"),
    ("runbook", "Run it with {} and wait for the answer."),
    ("chat", "hi, I tried {} but it still fails, any idea?"),
)


def corpus(each: int = 4, seed: int = 1) -> Iterator[tuple[str, str, str, str]]:
    """Yield (kind, place, text, secret) for every kind, in several places."""
    chance = random.Random(seed)
    for kind, make in KINDS.items():
        for number in range(each):
            text, secret = make(chance)
            place, frame = _PLACES[(number + len(kind)) % len(_PLACES)]
            yield kind, place, frame.format(text), secret
