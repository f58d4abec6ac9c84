"""A Corefile: CoreDNS's configuration, as far as it decides who is told what."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ZONE_PORT = 53


@dataclass(frozen=True, slots=True)
class Template:
    """A `template` plugin: names that match get an answer code without anyone being asked."""

    zone: str
    pattern: re.Pattern[str] | None
    code: str


@dataclass(slots=True)
class Server:
    """One server block: the zones it answers for and the plugins it has."""

    zones: tuple[str, ...]
    port: int = ZONE_PORT
    kubernetes: tuple[str, ...] = ()
    forward: tuple[str, ...] = ()
    hosts: dict[str, str] = field(default_factory=dict)
    rewrites: list[tuple[str, str, str]] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)


class CorefileError(ValueError):
    """CoreDNS would not start with this Corefile."""


def parse(text: str) -> list[Server]:
    """Read a Corefile. Raises `CorefileError`, in CoreDNS's words, for what it would refuse."""
    servers: list[Server] = []
    blocks: list[list[str]] = []
    current: Server | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        if not line:
            continue
        opens = line.endswith("{")
        words = line.removesuffix("{").split()
        if line == "}":
            if blocks:
                _plugin_block(current, blocks.pop())
            elif current is not None:
                servers.append(current)
                current = None
            else:
                raise CorefileError(f"Corefile:{number} - Error during parsing: Unexpected '}}'")
        elif current is None:
            if not opens:
                raise CorefileError(
                    f"Corefile:{number} - Error during parsing: Unexpected token '{words[0]}',"
                    " expecting '{'"
                )
            current = _server(words)
        elif blocks:
            blocks[-1].append(line.removesuffix("{").strip())
        elif opens:
            _known(words[0], number)
            blocks.append([" ".join(words)])
        else:
            _known(words[0], number)
            _plugin(current, words)
    if current is not None or blocks:
        raise CorefileError("Corefile - Error during parsing: Unexpected EOF")
    return servers


def answers_for(servers: list[Server], name: str) -> Server | None:
    """Return the server block with the longest zone that holds the name (with its last dot)."""
    best: tuple[int, Server] | None = None
    for server in servers:
        if server.port != ZONE_PORT:
            continue
        for zone in server.zones:
            if in_zone(name, zone) and (best is None or len(zone) > best[0]):
                best = (len(zone), server)
    return None if best is None else best[1]


def in_zone(name: str, zone: str) -> bool:
    """Whether a name lies in a zone; both end with a dot."""
    return zone == "." or name == zone or name.endswith(f".{zone}")


_PLUGINS = frozenset(
    [
        "acl",
        "any",
        "auto",
        "autopath",
        "bind",
        "bufsize",
        "cache",
        "cancel",
        "chaos",
        "debug",
        "dnssec",
        "dns64",
        "dnstap",
        "errors",
        "erratic",
        "etcd",
        "file",
        "forward",
        "grpc",
        "header",
        "health",
        "hosts",
        "import",
        "k8s_external",
        "kubernetes",
        "loadbalance",
        "log",
        "loop",
        "metadata",
        "metrics",
        "minimal",
        "nsid",
        "pprof",
        "prometheus",
        "ready",
        "reload",
        "rewrite",
        "root",
        "secondary",
        "sign",
        "template",
        "timeouts",
        "tls",
        "trace",
        "transfer",
        "tsig",
        "view",
        "whoami",
    ]
)


def _known(plugin: str, number: int) -> None:
    if plugin not in _PLUGINS:
        raise CorefileError(
            f"Corefile:{number} - Error during parsing: Unknown directive '{plugin}'"
        )


def _server(words: list[str]) -> Server:
    zones, port = [], ZONE_PORT
    for word in words:
        name, _, number = word.replace("dns://", "").rstrip(",").partition(":")
        zones.append(_dotted(name or "."))
        if number.isdigit():
            port = int(number)
    return Server(tuple(zones), port)


def _plugin(server: Server, words: list[str]) -> None:
    name, *rest = words
    if name == "kubernetes":
        server.kubernetes = tuple(_dotted(word) for word in rest) or server.zones
    elif name == "forward":
        server.forward = tuple(rest[1:])
    elif name == "rewrite" and "name" in rest:
        rest = [word for word in rest if word not in ("stop", "continue")]
        rest = rest[1:]
        kind = rest[0] if rest and rest[0] in ("exact", "suffix", "prefix", "regex") else "exact"
        pair = [word for word in rest if word != kind or (kind == "exact" and word != "exact")]
        if len(pair) >= 2:
            server.rewrites.append((kind, pair[0], pair[1]))
    elif name == "template":
        server.templates.append(_template(words, []))


def _plugin_block(server: Server | None, lines: list[str]) -> None:
    assert server is not None
    words = lines[0].split()
    if words[0] == "hosts":
        for line in lines[1:]:
            address, *names = line.split()
            server.hosts.update({_dotted(name): address for name in names if name != "fallthrough"})
    elif words[0] == "template":
        server.templates.append(_template(words, lines[1:]))
    else:
        _plugin(server, words)


def _template(words: list[str], body: list[str]) -> Template:
    pattern, code, zone = None, "NOERROR", "."
    if len(words) > 3:
        zone = _dotted(words[3])
    for line in body:
        key, _, value = line.partition(" ")
        if key == "match":
            try:
                pattern = re.compile(value.strip().strip('"'))
            except re.error as error:
                raise CorefileError(f"plugin/template: could not parse regex: {error}") from error
        elif key == "rcode":
            code = value.strip()
    return Template(zone, pattern, code)


def _dotted(name: str) -> str:
    return name if name.endswith(".") else f"{name}."
