"""PodSecurity: the standards that a namespace's labels enforce, in the words of the real check."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import forbidden
from eval.environments.emulator.cluster.objects import labels_of

ENFORCE = "pod-security.kubernetes.io/enforce"
_CAPABILITIES = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)


def check(pod: Json, namespace: Json) -> None:
    """Refuse a pod that violates the namespace's enforced level. Raises `ApiError` 403."""
    labels = labels_of(namespace)
    level = labels.get(ENFORCE, "privileged")
    if level not in ("baseline", "restricted"):
        return
    found = violations(pod, level)
    if found:
        version = labels.get(f"{ENFORCE}-version", "latest")
        text = f'violates PodSecurity "{level}:{version}": {", ".join(found)}'
        raise forbidden("", "pods", pod["metadata"]["name"], text)


def violations(pod: Json, level: str) -> list[str]:
    """Return what in a pod violates a level, in order."""
    spec = pod["spec"]
    found = [*_baseline(spec)]
    if level == "restricted":
        found = [item for item in found if not item.startswith(("non-default", "hostPath"))]
        found += _restricted(spec)
    return found


def _baseline(spec: Json) -> list[str]:
    found = []
    namespaces = [
        f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)
    ]
    if namespaces:
        found.append(f"host namespaces ({', '.join(namespaces)})")
    paths = [volume["name"] for volume in spec.get("volumes") or () if "hostPath" in volume]
    if paths:
        found.append(f"hostPath volumes ({_named('volume', paths)})")
    ports = {
        item["name"]: [str(p["hostPort"]) for p in item.get("ports") or () if p.get("hostPort")]
        for item in _containers(spec)
    }
    using = [name for name, numbers in ports.items() if numbers]
    if using and not spec.get("hostNetwork"):
        numbers = [number for name in using for number in ports[name]]
        verb = "uses" if len(using) == 1 else "use"
        word = "hostPort" if len(numbers) == 1 else "hostPorts"
        found.append(f"hostPort ({_named('container', using)} {verb} {word} {', '.join(numbers)})")
    privileged = _which(spec, lambda item: bool(_context(item).get("privileged")))
    if privileged:
        found.append(
            f"privileged ({_named('container', privileged)} must not set"
            " securityContext.privileged=true)"
        )
    extra: dict[str, list[str]] = {}
    for item in _containers(spec):
        added = [name for name in _capabilities(item, "add") if name not in _CAPABILITIES]
        if added:
            extra[item["name"]] = added
    if extra:
        names = ", ".join(f'"{name}"' for name in sorted({n for ns in extra.values() for n in ns}))
        found.append(
            f"non-default capabilities ({_named('container', list(extra))} must not include"
            f" {names} in securityContext.capabilities.add)"
        )
    return found


def _restricted(spec: Json) -> list[str]:
    found = []
    escalating = _which(
        spec, lambda item: _context(item).get("allowPrivilegeEscalation") is not False
    )
    if escalating:
        found.append(
            f"allowPrivilegeEscalation != false ({_named('container', escalating)} must set"
            " securityContext.allowPrivilegeEscalation=false)"
        )
    keeping = _which(spec, lambda item: "ALL" not in _capabilities(item, "drop"))
    if keeping:
        found.append(
            f"unrestricted capabilities ({_named('container', keeping)} must set"
            ' securityContext.capabilities.drop=["ALL"])'
        )
    for volume in spec.get("volumes") or ():
        kinds = [kind for kind in volume if kind != "name" and kind not in _VOLUMES]
        if kinds:
            found.append(
                f'restricted volume types (volume "{volume["name"]}" uses restricted volume type'
                f' "{kinds[0]}")'
            )
            break
    own = spec.get("securityContext") or {}
    if own.get("runAsNonRoot") is not True:
        roots = _which(spec, lambda item: _context(item).get("runAsNonRoot") is not True)
        if roots:
            found.append(
                f"runAsNonRoot != true (pod or {_named('container', roots)} must set"
                " securityContext.runAsNonRoot=true)"
            )
    zero = _which(spec, lambda item: _context(item).get("runAsUser") == 0)
    if own.get("runAsUser") == 0:
        found.append("runAsUser=0 (pod must not set runAsUser=0)")
    elif zero:
        found.append(f"runAsUser=0 ({_named('container', zero)} must not set runAsUser=0)")
    if (own.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        loose = _which(
            spec,
            lambda item: (
                (_context(item).get("seccompProfile") or {}).get("type")
                not in ("RuntimeDefault", "Localhost")
            ),
        )
        if loose:
            found.append(
                f"seccompProfile (pod or {_named('container', loose)} must set"
                ' securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
            )
    return found


def _containers(spec: Json) -> list[Json]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _context(container: Json) -> Json:
    return container.get("securityContext") or {}


def _capabilities(container: Json, field: str) -> list[str]:
    return list((_context(container).get("capabilities") or {}).get(field) or ())


def _which(spec: Json, test: Callable[[Json], bool]) -> list[str]:
    return [str(item["name"]) for item in _containers(spec) if test(item)]


def _named(word: str, names: list[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"{word} {quoted}" if len(names) == 1 else f"{word}s {quoted}"
