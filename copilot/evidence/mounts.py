"""Files that ConfigMaps and Secrets put into a container."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.evidence.kube import containers, dig
from copilot.model.scope import ObjectRef


@dataclass(frozen=True, slots=True)
class Mount:
    """A ConfigMap or Secret at a path: the folder, or with `sub` the one file, that it appears as.

    `renamed` are the paths in the folder by key, where only chosen keys are put there.
    """

    container: str
    holder: ObjectRef
    folder: str
    sub: str
    renamed: tuple[tuple[str, str], ...] = ()

    def files(self, holder: Json | None) -> Iterator[tuple[str, str]]:
        """Yield the key and the path of each file, as far as the holder's keys are known."""
        chosen = dict(self.renamed)
        for key in dig(holder or {}, "data", {}) or {}:
            path = chosen.get(key, str(key))
            if (chosen and key not in chosen) or (self.sub and path != self.sub):
                continue
            yield str(key), self.folder if self.sub else f"{self.folder}/{path}"

    def covers(self, path: str) -> bool:
        """Whether a path, often relative to an unknown directory, lies here."""
        if path.startswith(self.folder + "/") or path == self.folder:
            return True
        if path.startswith("/"):
            return False
        relative = path.removeprefix("./")
        if self.sub:
            return self.folder.endswith(relative)
        parent = relative.rsplit("/", 1)[0] if "/" in relative else ""
        return bool(parent) and self.folder.endswith("/" + parent)


def mounts(namespace: str, spec: Json, container: str = "") -> Iterator[Mount]:
    """Yield the mounts of ConfigMaps and Secrets of one, or of every, container of a pod spec."""
    volumes = {v.get("name"): v for v in spec.get("volumes") or []}
    for item in containers(spec, init=True) + containers(spec):
        for mount in item.get("volumeMounts") or [] if container in ("", item.get("name")) else ():
            volume = volumes.get(mount.get("name"), {})
            folder = str(mount.get("mountPath", "")).rstrip("/")
            for source in _sources(volume):
                name = dig(source, "configMap.name")
                secret = dig(source, "secret.secretName") or dig(source, "secret.name")
                held = dig(source, "configMap") or dig(source, "secret") or {}
                ref = ObjectRef("ConfigMap" if name else "Secret", namespace, str(name or secret))
                renamed = tuple(
                    (str(i.get("key")), str(i.get("path"))) for i in held.get("items") or []
                )
                if name or secret:
                    yield Mount(
                        str(item.get("name")), ref, folder, str(mount.get("subPath") or ""), renamed
                    )


def _sources(volume: Json) -> list[Json]:
    return [volume, *(dig(volume, "projected.sources", []) or [])]
