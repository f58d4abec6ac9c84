"""Settings that lead to the wrong place: corrected by the Services that there are."""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.addresses import addresses
from copilot.evidence.analyzers.written import uses
from copilot.evidence.case import Case
from copilot.evidence.changes import declared
from copilot.evidence.kube import containers, dig, name_of, ref_of
from copilot.evidence.repairs.common import BACK, POD, Facts, Row, escaped, peers, place
from copilot.evidence.wiring import Setting
from copilot.model.action import Risk, SetField
from copilot.model.scope import ObjectRef

_NEAR = 0.7
_ALIKE = 2
_TLS = re.compile(r"https|tls|ssl|grpcs|wss", re.I)
_TLS_PORTS = (443, 6443, 8443, 9443)
_REACHED = "It reaches what it calls."


def settings(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Correct variables and arguments that name a Service or a port that there is not."""
    changed: dict[tuple[str, str], tuple[str, str]] = {}
    for setting in case.wiring.settings.get(ref, ()):
        value, now = changed.get((setting.field, setting.container), (setting.value, setting.value))
        right = _right(case, ref.namespace, setting, now) if value == setting.value else ""
        if right:
            changed[setting.field, setting.container] = (value, right)
    for (field, container), (value, right) in changed.items():
        yield from _written(case, ref, field, container, value, right)


def _right(case: Case, namespace: str, setting: Setting, value: str) -> str:
    """Return a value with the host and the port that exist; "" where it is right, or none is near."""
    before, host, port = value, setting.address.host, setting.address.port
    service = case.snapshot.get(setting.target) if setting.target else None
    if service is None:
        if setting.target is None or not case.snapshot.knows("Service"):
            return ""
        short = setting.target.name
        names = case.snapshot.names("Service", namespace)
        near = difflib.get_close_matches(short, names, 1, _NEAR)
        if not near or short in names:
            return ""
        value = re.sub(rf"(?<![\w-]){re.escape(short)}(?![\w-])", near[0], value)
        host = host.replace(short, near[0], 1)
        service = case.snapshot.get(ObjectRef("Service", namespace, near[0]))
    ports = dig(service, "spec.ports", []) or []
    offered = _offered(case, setting, ports) if service else None
    if port and offered and all(p.get("port") != port for p in ports):
        number = offered.get("port")
        value = re.sub(rf"(?<=:){port}(?!\d)", str(number), value)
        value = re.sub(
            rf"\b([a-z][a-z0-9+.-]*)://((?:[^/@\s]*@)?{re.escape(host)})(?![\w.:-])",
            lambda m: f"{_scheme(m[1], offered)}://{m[2]}:{number}",
            value,
        )
        value = re.sub(rf"\bhttps(?=://(?:[^/@\s]*@)?{re.escape(host)}:{number}\b)",
                       lambda m: _scheme(m[0], offered), value)  # fmt: skip
    return value if host and value != before else ""


def _offered(case: Case, setting: Setting, ports: list[Json]) -> Json | None:
    """Return the port meant: the only one, that which other callers use, or the one that is for the web."""
    asked = {
        other.address.port
        for settings in case.wiring.settings.values()
        for other in settings
        if other.target == setting.target
    }
    web = [p for p in ports if str(p.get("name", "")).startswith("http")]
    used = [p for p in ports if p.get("port") in asked]
    return next((some[0] for some in (ports, used, web) if len(some) == 1), None)


def _scheme(written: str, port: Json) -> str:
    """Return the scheme for a port: one that is not for TLS is not spoken to in it."""
    named = f"{port.get('name', '')} {port.get('appProtocol', '')}"
    secret = port.get("port") in _TLS_PORTS or _TLS.search(named)
    return "http" if written == "https" and not secret else written


def _written(
    case: Case, ref: ObjectRef, field: str, container: str, value: str, right: str
) -> Iterator[Row]:
    path, spec = place(case, ref, container)
    name = field.removeprefix("env ").split(" ")[0]
    title = f"Set {name if field != 'args' else 'an argument'} of {ref.name} to {right}"
    if field == "args":
        for part in ("args", "command"):
            for index, item in enumerate(spec.get(part) or []):
                if value == item:
                    yield (
                        title,
                        SetField(ref, f"{path}/{part}/{index}", json.dumps(right)),
                        Risk.LOW,
                        BACK,
                        _REACHED,
                    )
        return
    for index, item in enumerate(spec.get("env") or []):
        if item.get("name") == name and item.get("value") == value:
            yield (
                title,
                SetField(ref, f"{path}/env/{index}/value", json.dumps(right)),
                Risk.LOW,
                BACK,
                _REACHED,
            )
    config, key = _source(ref, spec, name)
    data = dig(case.snapshot.get(config) or {}, "data", {}) or {}
    if " from " in field and data.get(key) == value:
        yield (
            f"Set {key} of ConfigMap {config.name} to {right}, and restart {ref.name}, which reads it at its start",
            SetField(config, f"/data/{escaped(key)}", json.dumps(right), f"{ref.kind}/{ref.name}"),
            Risk.LOW,
            BACK,
            _REACHED,
        )


def _source(ref: ObjectRef, container: Json, name: str) -> tuple[ObjectRef, str]:
    """Return the ConfigMap, and the key of it, that a variable comes from."""
    for item in container.get("env") or []:
        chosen = dig(item, "valueFrom.configMapKeyRef", {}) or {}
        if item.get("name") == name:
            config = ObjectRef("ConfigMap", ref.namespace, str(chosen.get("name", "")))
            return config, str(chosen.get("key", ""))
    for source in reversed(container.get("envFrom") or []):
        prefix, config_name = str(source.get("prefix", "")), dig(source, "configMapRef.name")
        if config_name and name.startswith(prefix):
            return ObjectRef("ConfigMap", ref.namespace, str(config_name)), name[len(prefix) :]
    return ObjectRef("ConfigMap", ref.namespace, ""), ""


def as_others(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Set a variable to what all others that have it agree on, where this one differs."""
    for number, container in enumerate(containers(case.snapshot.spec(ref))):
        for index, item in enumerate(container.get("env") or []):
            name, value = item.get("name"), item.get("value")
            theirs = Counter(
                str(other["value"])
                for _, peer in peers(case, ref)
                for other in peer.get("env") or []
                if other.get("name") == name and other.get("value") is not None
            )
            (usual, count), *rest = theirs.most_common(2) or [("", 0)]
            if value in (None, usual) or count < _ALIKE or rest:
                continue
            if not addresses(f"{usual}") and not re.fullmatch(r"[\w.-]+", usual):
                continue
            named = {name_of(s) for s in case.snapshot.of("Service")}
            if usual.split(":")[0] in named and str(value).split(":")[0] not in named:
                yield (
                    f"Set {name} of {ref.name} to {usual}, as the others have it",
                    SetField(
                        ref, f"{POD}/containers/{number}/env/{index}/value", json.dumps(usual)
                    ),
                    Risk.MEDIUM,
                    BACK,
                    _REACHED,
                )


def files(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Correct the file of a ConfigMap: as applied, as its format wants, or by the Services there are."""
    configs = [ref] if ref.kind == "ConfigMap" else _mounted(case, ref)
    for place_ in configs:
        config = case.snapshot.get(place_) or {}
        applied = dig(declared(config) or {}, "data", {}) or {}
        for key, text in (dig(config, "data", {}) or {}).items():
            if facts.get("key") not in (None, key):
                continue
            before = str(applied.get(key, text))
            right, how = (
                (before, "as it was applied")
                if before != text
                else _corrected(case, place_, key, str(text))
            )
            if right and right != text:
                yield (
                    f"Correct {key} of ConfigMap {place_.name}: {how}",
                    SetField(place_, f"/data/{escaped(key)}", json.dumps(right), _reader(case, ref, place_)),
                    Risk.LOW if ref.kind == "ConfigMap" else Risk.MEDIUM,
                    BACK,
                    "The program starts with it.",
                )  # fmt: skip


def _mounted(case: Case, ref: ObjectRef) -> list[ObjectRef]:
    return [ref_of(c) for c in case.snapshot.of("ConfigMap") if uses(case, ref, ref_of(c))]


def _reader(case: Case, ref: ObjectRef, config: ObjectRef) -> str:
    """Return the workload to restart: the one concerned, else the first not ready that uses it."""
    users = [ref] if ref.kind == "Deployment" else []
    users += [ref_of(w) for w in case.snapshot.workloads if uses(case, ref_of(w), config)]
    users.sort(key=lambda u: all(_ready(pod) for pod in case.snapshot.pods(u)))
    return next(
        (
            f"{u.kind}/{u.name}"
            for u in users
            if u.kind in ("Deployment", "StatefulSet", "DaemonSet")
        ),
        "",
    )


def _ready(pod: Json) -> bool:
    return any(
        c.get("type") == "Ready" and c.get("status") == "True"
        for c in dig(pod, "status.conditions", []) or []
    )


def _corrected(case: Case, config: ObjectRef, key: str, text: str) -> tuple[str, str]:
    if key.endswith(".json"):
        mended = _mended(text)
        if mended:
            return mended, "close what is left open in it"
    names = case.snapshot.names("Service", config.namespace)
    right, said = text, []
    for address in addresses(text):
        host, port = address.host, address.port
        if address.is_ip or "." in host or not port:
            continue
        new, number = host, port
        if host not in names:
            near = difflib.get_close_matches(host, names, 1, _NEAR)
            if not near:
                continue
            new = near[0]
        service = case.snapshot.get(ObjectRef("Service", config.namespace, new))
        ports = [p.get("port") for p in dig(service, "spec.ports", []) or []]
        if ports and port not in ports and len(ports) == 1:
            number = int(ports[0] or port)
        if (new, number) != (host, port):
            right = re.sub(rf"(?<![\w-]){re.escape(host)}:{port}(?!\d)", f"{new}:{number}", right)
            said.append(f"{host}:{port} -> {new}:{number}")
    return right, ", ".join(said)


def _mended(text: str) -> str:
    """Return a JSON text with its brackets closed and its stray commas gone; "" where that is not it."""
    try:
        json.loads(text)
    except ValueError:
        stray = re.sub(r",(\s*[}\]])", r"\1", text)
        body = stray.rstrip()
        for end in ("", "}", "]", "}}", "]}", "}]", '"}'):
            for start in (body, body.rstrip(",")):
                try:
                    json.loads(start + end)
                except ValueError:
                    continue
                return start + end + "\n"
    return ""
