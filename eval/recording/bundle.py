"""Reads, checks and writes bundles: zip files of JSON lines."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from copilot.model.errors import UsageError
from eval.recording.schema import (
    MANIFEST,
    TRUTH,
    AlertLine,
    ManifestPart,
    ObjectLine,
    PodLogLine,
    SeriesLine,
    StreamLine,
    TraceLine,
    TruthPart,
)

Part = TypeVar("Part", bound=BaseModel)

_MOST_BYTES = 2 * 2**30
_MOST_PROBLEMS = 50
# Zip's own epoch: the same content then gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BundleError(UsageError):
    """A bundle that cannot be used; the text names the file and the line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a bundle. `line` counts from 1; 0 where it concerns the whole file."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A recorded incident. `objects` are plain JSON; the others are checked lines."""

    manifest: ManifestPart
    objects: tuple[dict[str, Any], ...] = ()
    pod_logs: tuple[PodLogLine, ...] = ()
    series: tuple[SeriesLine, ...] = ()
    streams: tuple[StreamLine, ...] = ()
    traces: tuple[TraceLine, ...] = ()
    alerts: tuple[AlertLine, ...] = ()
    truth: TruthPart | None = None


@dataclass(slots=True)
class _Reader:
    archive: zipfile.ZipFile
    problems: list[Problem] = field(default_factory=list)

    def document(self, name: str, model: type[Part]) -> Part | None:
        try:
            return model.model_validate_json(self.archive.read(name))
        except ValidationError as error:
            self.problems += [Problem(name, 0, text) for text in _texts(error)]
        except (UnicodeDecodeError, ValueError) as error:
            self.problems.append(Problem(name, 0, str(error)))
        return None

    def lines(self, name: str, model: type[Part]) -> Iterator[tuple[int, Part, bytes]]:
        if name not in self.archive.namelist():
            return
        with self.archive.open(name) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    yield number, model.model_validate_json(line), line
                except ValidationError as error:
                    self.problems += [Problem(name, number, text) for text in _texts(error)]
                if len(self.problems) >= _MOST_PROBLEMS:
                    return

    def of(self, name: str, model: type[Part]) -> tuple[Part, ...]:
        return tuple(part for _, part, _ in self.lines(name, model))


def validate(path: Path) -> list[Problem]:
    """Return what is wrong in a bundle, nothing when it is good. Raises `BundleError` for no zip."""
    with _opened(path) as archive:
        _, problems = _read(archive)
    return problems


def load(path: Path) -> Bundle:
    """Read a bundle. Raises `BundleError` with the first problem."""
    with _opened(path) as archive:
        bundle, problems = _read(archive)
    if problems or bundle is None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BundleError(
            f"{path.name}: {problems[0]}{more}", hint=f"incident-copilot eval validate {path}"
        )
    return bundle


def save(path: Path, bundle: Bundle) -> None:
    """Write a bundle; the same content gives the same bytes. Raises `BundleError`."""
    files: dict[str, Iterable[Mapping[str, Any] | BaseModel]] = {
        "objects.jsonl": bundle.objects,
        "pod_logs.jsonl": bundle.pod_logs,
        "metrics.jsonl": bundle.series,
        "log_store.jsonl": bundle.streams,
        "traces.jsonl": bundle.traces,
        "alerts.jsonl": bundle.alerts,
    }
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            _put(archive, MANIFEST, [_text(bundle.manifest, indent=2)])
            for name, rows in files.items():
                _put(archive, name, map(_text, rows))
            if bundle.truth is not None:
                _put(archive, TRUTH, [_text(bundle.truth, indent=2)])
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}", hint="choose another --out") from error


def read_truth(path: Path) -> TruthPart:
    """Read a truth.json that lies on its own. Raises `BundleError`."""
    try:
        return TruthPart.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise BundleError(f"{path}: {_texts(error)[0]}", hint="see docs/bundle.md") from error


def _read(archive: zipfile.ZipFile) -> tuple[Bundle | None, list[Problem]]:
    reader = _Reader(archive)
    if MANIFEST not in archive.namelist():
        return None, [Problem(MANIFEST, 0, "there is none: this is no bundle")]
    manifest = reader.document(MANIFEST, ManifestPart)
    if manifest is None:
        return None, reader.problems
    if not manifest.window.baseline_start <= manifest.window.start <= manifest.window.end:
        reader.problems.append(Problem(MANIFEST, 0, "window: baseline_start, start, end in order"))
    objects = tuple(_objects(reader, manifest))
    series = tuple(_series(reader))
    truth = reader.document(TRUTH, TruthPart) if TRUTH in archive.namelist() else None
    bundle = Bundle(
        manifest,
        objects,
        reader.of("pod_logs.jsonl", PodLogLine),
        series,
        reader.of("log_store.jsonl", StreamLine),
        reader.of("traces.jsonl", TraceLine),
        reader.of("alerts.jsonl", AlertLine),
        truth,
    )
    return bundle, reader.problems


def _objects(reader: _Reader, manifest: ManifestPart) -> Iterator[dict[str, Any]]:
    """Yield the objects; each must be of a recorded kind, lie in the scope, and come once."""
    known = {
        (f"{kind.group}/{kind.version}" if kind.group else kind.version, kind.kind)
        for kind in manifest.cluster.kinds
        if kind.recorded
    }
    seen: dict[tuple[str, str, str, str], int] = {}
    spaces = set(manifest.namespaces)
    for number, part, line in reader.lines("objects.jsonl", ObjectLine):
        space, name = part.metadata.namespace, part.metadata.name
        key = (part.apiVersion.rpartition("/")[0], part.kind, space, name)
        where = f"{part.kind} {space}/{name}".replace(" /", " ")
        problem = ""
        if (part.apiVersion, part.kind) not in known:
            problem = f"{where}: the manifest's cluster.kinds has no recorded {part.kind} in {part.apiVersion}"
        elif space and spaces and space not in spaces:
            problem = f"{where}: its namespace is not in the manifest's namespaces"
        elif key in seen:
            problem = f"{where}: it stands in line {seen[key]} already"
        seen.setdefault(key, number)
        if problem:
            reader.problems.append(Problem("objects.jsonl", number, problem))
            continue
        yield json.loads(line)


def _series(reader: _Reader) -> Iterator[SeriesLine]:
    for number, part, _ in reader.lines("metrics.jsonl", SeriesLine):
        times = [at for at, _ in part.samples]
        problem = ""
        if not part.labels.get("__name__"):
            problem = "labels: no __name__"
        elif any(b <= a for a, b in pairwise(times)):
            problem = "samples: not in the order of time"
        if problem:
            reader.problems.append(Problem("metrics.jsonl", number, problem))
            continue
        yield part


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from error
    except zipfile.BadZipFile as error:
        raise BundleError(
            f"{path}: not a bundle ({error})", hint="make one with: incident-copilot eval record"
        ) from error
    if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
        archive.close()
        raise BundleError(f"{path}: more than {_MOST_BYTES // 2**30} GiB unpacked")
    return archive


def _put(archive: zipfile.ZipFile, name: str, lines: Iterable[str]) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    with archive.open(entry, "w") as file:
        for line in lines:
            file.write(line.encode() + b"\n")


def _text(row: Mapping[str, Any] | BaseModel, indent: int | None = None) -> str:
    data = row.model_dump(mode="json") if isinstance(row, BaseModel) else row
    marks = None if indent else (",", ":")
    return json.dumps(data, ensure_ascii=False, indent=indent, separators=marks)


def _texts(error: ValidationError) -> list[str]:
    found = []
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(map(str, item["loc"]))
        found.append(f"{place}: {item['msg']}" if place else str(item["msg"]))
    return found
