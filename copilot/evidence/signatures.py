"""What log lines of any program say when something is wrong: general signatures.

A signature names a condition, not a product; the few product words are those of wide-spread
databases and runtimes, whose error texts are public.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from copilot.evidence.addresses import LOCAL, Address, addresses


@dataclass(frozen=True, slots=True)
class Signature:
    """A condition that a line shows. `dependency` conditions are about another service."""

    kind: str
    pattern: re.Pattern[str]
    dependency: bool = False


def _compile(kind: str, text: str, dependency: bool = False) -> Signature:
    return Signature(kind, re.compile(text, re.I), dependency)


SIGNATURES = (
    _compile("exhausted", r"cannot assign requested address|EADDRNOTAVAIL|too many open files|\bE[MN]FILE\b|nf_conntrack: table full|shared memory segment|/dev/shm\b.{0,60}no space|pthread_create failed|can't start new thread|unable to create (new )?(native )?thread|resource temporarily unavailable"),
    _compile("store_full", r"OOM command not allowed|used memory > 'maxmemory'|out of memory storing object", True),
    _compile("version", r"UPGRADE PROBLEM|(files|data|database) (are|is) incompatible with|Invalid featureCompatibilityVersion|(data directory|database) was initialized by .{0,60}version|downgrade is not (supported|allowed)|unsupported (on-disk|data) (format|version)"),
    _compile("clock", r"token used before issued|clock skew|clock(s)? (is|are) (out of sync|not synchroni)|time (has )?jumped|clock (went|moved) backwards?"),
    _compile("poison", r"(fail\w*|unable|cannot|could not|error)\W+(to )?(parse|pars|deserializ|decod|unmarshal)\w*\W.{0,80}\b(message|record|offset|topic|queue)\b|(poison|malformed|corrupt)(ed)? (message|record)|(Record)?DeserializationException|error (processing|consuming) (message|record)"),
    _compile("db_limit", r"too many (clients already|connections)|remaining connection slots|max_connections|ORA-00020|connection limit exceeded|too many client connections", True),
    _compile("cert_expired", r"certificate (has )?expired|x509: certificate has expired|CERTIFICATE_EXPIRED|certificate is not yet valid", True),
    _compile("user_missing", r"UserNotFound|could not find user|no such user|role \"[^\"]+\" does not exist|user \"?[\w@.-]+\"? does not exist|unknown user", True),
    _compile("not_authorized", r"not authorized on \S+ to execute|permission denied for (table|relation|schema|database|sequence)|command denied to user|NOPERM|not allowed to (access|use)|not authorized to access|TOPIC_AUTHORIZATION_FAILED|insufficient privilege", True),
    _compile("auth_failed", r"authentication failed|auth(entication)? error|access denied for user|WRONGPASS|NOAUTH|invalid (password|credentials|username)|login failed|SASL authentication step|ACCESS_REFUSED|bad auth", True),
    _compile("tls", r"TLS handshake|SSL handshake|SSLHandshake|tls: (first record|bad certificate|unknown|failed)|wrong version number|SSL routines|certificate verify failed|x509:|server (does not support|requires) SSL|no pg_hba\.conf entry .*no encryption|SSL is required", True),
    _compile("rbac", r"is forbidden: user \"|User \"system:serviceaccount:[^\"]+\" cannot"),
    _compile("dns", r"no such host|name or service not known|temporary failure in name resolution|nodename nor servname|getaddrinfo|could not resolve host|\bENOTFOUND\b|EAI_AGAIN|NXDOMAIN|UnknownHostException|unable to resolve|name does not resolve|server misbehaving|host not found in upstream|could not translate host name|Name resolution failed", True),
    _compile("refused", r"connection refused|ECONNREFUSED|ConnectionRefusedError|actively refused|failed to connect|could not connect to server|can't connect to|unable to connect|connect: no route to host|no route to host|EHOSTUNREACH|network is unreachable", True),
    _compile("unavailable", r"no (reachable servers|suitable servers|available servers|address available|addresses available|healthy upstream|live upstreams|endpoints available)|code = Unavailable|StatusCode\.UNAVAILABLE|14 UNAVAILABLE|there is no address available|server selection (error|timed out)|ServerSelectionTimeout", True),
    _compile("pool", r"pool (exhausted|timeout|is full|limit reached)|pop timeout|connection pool (exhausted|timed? ?out)|timeout waiting for (idle object|connection)|QueuePool limit", True),
    _compile("lock", r"lock (wait )?time-?out|deadlock (detected|found)|canceling statement due to lock|LockNotAvailable|waiting for (\w+ )?lock", True),
    _compile("timeout", r"context deadline exceeded|DeadlineExceeded|DEADLINE_EXCEEDED|i/o timeout|(connection|read|connect|request|operation|dial|socket) timed out|timed out|ETIMEDOUT|ReadTimeout|ConnectTimeout|upstream request timeout|Timeout(Error|Exception)|timeout (exceeded|awaiting|while)", True),
    _compile("reset", r"connection reset|ECONNRESET|broken pipe|socket hang up|EOF occurred|unexpected EOF|RemoteDisconnected|server closed the connection|upstream prematurely closed", True),
    _compile("upstream_error", r"\b(HTTP(/\d\.\d)?|status(code)?|response( code)?|returned|got|error)\W{0,4}(code\W{0,3})?(500|502|503|504)\b|Bad Gateway|Service Unavailable|Internal Server Error", True),
    _compile("bind", r"address already in use|EADDRINUSE|port is already (allocated|in use)|failed to bind|cannot bind"),
    _compile("disk_full", r"no space left on device|ENOSPC|disk (is )?full|disk quota exceeded"),
    _compile("io_error", r"input/output error|\bEIO\b|read-only file system"),
    _compile("oom", r"out of memory|OutOfMemoryError|heap out of memory|cannot allocate memory|MemoryError|std::bad_alloc|oom-?kill"),
    _compile("no_program", r"executable file not found|command not found|exec format error|can't open file|Cannot find module|ModuleNotFoundError|No module named|Unable to access jarfile|Could not find or load main class|unrecognized (arguments|option)|unknown (flag|command|option|shorthand flag)|invalid option|flag provided but not defined|exec: \"?[^\" ]+\"?: (no such file|permission denied)"),
    _compile("missing_file", r"(open|read|stat|load|find|file|access)\w*[: ]+[\"']?[\w./-]*[\w-]+\.\w+[\"']?:? .{0,40}(no such file|not found|does not exist)|(cannot|could not|can't|unable to|failed to) (open|read|find|load)\W+[\w./-]*/[\w-]+\.\w+|FileNotFoundError|ENOENT.{0,60}\.\w+|\(No such file or directory\)"),
    _compile("missing_config", r"(missing|required|undefined|unset|not set|must be set|is empty|no value)\W+(\w+\W+){0,4}(env(ironment)?( variable)?|config(uration)?|setting|variable|parameter|key)\b|(env(ironment)?( variable)?|config(uration)?|setting|variable)\W+(\W*\w+\W+){0,4}(is )?(missing|required|not set|undefined|unset|must be set|not found|empty)|KeyError: '[A-Z][A-Z0-9_]+'|No such (config|setting)|FileNotFoundError|failed to (read|load|parse|open) (the )?config|invalid (config|configuration)|MissingRequiredEnv"),
    _compile("permission", r"permission denied|EACCES|operation not permitted"),
    _compile("crash", r"^panic:|\bpanic\b|Traceback \(most recent call last\)|segmentation fault|SIGSEGV|fatal error|Unhandled(PromiseRejection| exception)|core dumped|\bFATAL\b|\bFTL\b|\bPNC\b"),
)  # fmt: skip
"""Signatures in order of specificity: the first that matches names the line."""

TELEMETRY = Signature("telemetry", re.compile(
    r"\b(spans?|traces|otlp|opentelemetry|otel|zipkin|jaeger|telemetry|statsd)\b.{0,120}"
    r"(export|upload|send|sent|flush|collector|agent|report|push)"
    r"|(export|upload|send|flush|collector|report|push)\w*.{0,80}\b(spans?|traces|otlp|zipkin|jaeger|telemetry)\b",
    re.I,
))  # fmt: skip
"""A program that cannot deliver its telemetry: a nuisance, its service does not suffer."""

DEPENDENCY_KINDS = frozenset(s.kind for s in SIGNATURES if s.dependency)

_HOST = (
    re.compile(r"Host:\s*([\w.-]+)\s+Port:\s*(\d+)"),
    re.compile(r"lookup ([\w.-]+?)\.?(?: on |:|$)"),
    re.compile(
        r"(?:getaddrinfo(?! ENOTFOUND| EAI_AGAIN)|resolve host|ENOTFOUND|EAI_AGAIN|host not found in upstream|host name)[: ]+[\"'(]*([a-z][\w.-]+)(?:[\"':,]|\s|$)(?:.*?port=(\d+))?",
        re.I,
    ),
    re.compile(r"HTTPConnectionPool\(host='([\w.-]+)', port=(\d+)\)"),
    re.compile(
        r"(?:failed to connect|connect to|connecting to|connection to) (?:server at )?\"?([a-z][\w.-]*?)\"?(?:-client)?(?:,| port (\d+)|\s|$|\")",
        re.I,
    ),
    re.compile(r"(?:UnknownHostException:|upstream) \"?([a-z][\w.-]+)", re.I),
)
_NOISE = re.compile(r"\b(level\"?[=:]\s*\"?(info|debug|trace)|INFO|DEBUG|TRACE|INF|DBG)\b")
_ERROR = re.compile(
    r"\b(ERROR|ERR|FATAL|CRITICAL|SEVERE|Exception)\b|level\"?[=:]\s*\"?(error|fatal)|^E\d{4} ",
    re.I,
)
_WORDS = frozenset(
    {
        "the",
        "server",
        "to",
        "database",
        "db",
        "a",
        "on",
        "any",
        "host",
        "upstream",
        "all",
        "it",
        "service",
        "call",
        "request",
        "response",
        "for",
        "client",
        "name",
        "this",
        "of",
        "with",
        "by",
        "from",
        "in",
        "is",
    }
)
_SHORT_LEVEL = re.compile(r"\"s\":\s*\"(I|D\d)\"")


# What differs between lines of one kind and decides nothing: times, addresses, ids, long numbers.
_VARYING = re.compile(
    r"\d\d:\d\d:\d\d[.,\d]*|\d{1,3}(?:\.\d{1,3}){3}|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\d{4,}"
)


def classify(line: str) -> Signature | None:
    """Return the condition that a line shows, None for an ordinary line.

    Lines that their program marks as informational count only for conditions of a dependency.
    """
    return _classify(_VARYING.sub("0000", line))


@lru_cache(maxsize=16_384)
def _classify(line: str) -> Signature | None:
    for signature in SIGNATURES:
        if signature.pattern.search(line):
            informational = _NOISE.search(line) or _SHORT_LEVEL.search(line)
            if informational and not signature.dependency:
                return None
            if signature.dependency and TELEMETRY.pattern.search(line):
                return TELEMETRY
            return signature
    return None


def is_error(line: str) -> bool:
    """Whether the program itself marks the line as an error."""
    return _ERROR.search(line[:200]) is not None


@lru_cache(maxsize=16_384)
def blamed(line: str) -> Address | None:
    """Return the dependency that a line names, a name before a bare IP; None if it names none."""
    for pattern in _HOST:
        match = pattern.search(line)
        if match:
            host = match.group(1).lower()
            port = match.group(2) if pattern.groups > 1 else None
            if host not in _WORDS and host not in LOCAL and (any(c.isalpha() for c in host)):
                return Address(host, int(port) if port else _port_of(line, host))
    found = addresses(line)
    named = [a for a in found if not a.is_ip and ("." not in a.host or ".svc" in a.host)]
    return next(iter(named or [a for a in found if a.is_ip] or found), None)


def _port_of(line: str, host: str) -> int | None:
    return next((a.port for a in addresses(line) if a.host == host), None)


_LISTEN = re.compile(
    r"(?:listen(?:ing|s|er)?|serving|started|running|bound|ready|accepting connections|server (?:is )?(?:up|start))"
    r"[^\n]{0,60}?(?:\bport(?:\(s\))?\W{0,4}|0\.0\.0\.0:|\[::\]:|localhost:|127\.0\.0\.1:|\*:|(?<![\w.]):)(\d{2,5})\b",
    re.I,
)


def listening_port(line: str) -> int | None:
    """Return the port that a start-up line says the program listens on."""
    match = _LISTEN.search(line)
    if not match or classify(line):
        return None
    port = int(match.group(1))
    return port if 0 < port < 65536 else None
