from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.recording.bundle import Bundle, BundleError, load, save, validate
from eval.recording.schema import LINES, MANIFEST, ManifestPart, SeriesLine, document

_DOCS = Path(__file__).parents[3] / "docs"
_POD = {"kind": "Pod", "version": "v1", "plural": "pods", "namespaced": True, "recorded": True}
_MANIFEST: dict[str, Any] = {
    "format": "incident-copilot-bundle",
    "version": 1,
    "recorded_at": "2026-03-02T08:45:00Z",
    "window": {
        "baseline_start": "2026-03-02T07:45:00Z",
        "start": "2026-03-02T08:30:00Z",
        "end": "2026-03-02T08:45:00Z",
    },
    "namespaces": ["shop"],
    "redacted": True,
    "cluster": {"kinds": [_POD]},
}


def _pod(name: str, **others: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", **others},
    }


def _write(path: Path, manifest: Any = _MANIFEST, **files: list[Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest))
        for name, lines in files.items():
            text = "\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines)
            archive.writestr(f"{name}.jsonl", text)
    return path


def test_a_good_bundle_has_no_problems(tmp_path: Path) -> None:
    path = _write(tmp_path / "b.zip", objects=[_pod("a"), "", _pod("b")])
    assert validate(path) == []
    assert [obj["metadata"]["name"] for obj in load(path).objects] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "lines", "line", "words"),
    [
        ("objects", [_pod("a"), "{"], 2, "Invalid JSON"),
        ("objects", [_pod("a"), _pod("b"), _pod("a")], 3, "line 1 already"),
        ("objects", [_pod("a", namespace="other")], 1, "not in the manifest's namespaces"),
        ("objects", [{**_pod("a"), "kind": "Widget"}], 1, "no recorded Widget"),
        ("objects", [{"kind": "Pod"}], 1, "apiVersion"),
        ("metrics", [{"labels": {}, "samples": []}], 1, "no __name__"),
        ("metrics", [{"labels": {"__name__": "up"}, "samples": [[2, 1], [1, 1]]}], 1, "order"),
        ("metrics", [{"labels": {"__name__": "up"}, "samples": [[2, "much"]]}], 1, "samples.0.1"),
        ("pod_logs", [{"namespace": "shop"}], 1, "pod: Field required"),
        ("traces", [{"id": "xyz", "spans": []}], 1, "id"),
        ("alerts", ["", {"name": "A", "state": "loud"}], 2, "state"),
    ],
)
def test_a_problem_names_its_file_and_line(
    tmp_path: Path, name: str, lines: list[Any], line: int, words: str
) -> None:
    path = _write(tmp_path / "b.zip", **{name: lines})
    found = validate(path)
    assert (found[0].file, found[0].line) == (f"{name}.jsonl", line)
    assert any(words in problem.text for problem in found)
    with pytest.raises(BundleError, match=rf"{name}\.jsonl:{line}: "):
        load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version"),
        ({"format": "other"}, "format"),
        ({"recorded_at": "2026-03-02T08:45:00"}, "timezone"),
        ({"window": {**_MANIFEST["window"], "end": "2026-03-02T08:00:00Z"}}, "in order"),
    ],
)
def test_a_bad_manifest_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    found = validate(_write(tmp_path / "b.zip", {**_MANIFEST, **change}))
    assert found[0].file == MANIFEST
    assert words in str(found[0])


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    with pytest.raises(BundleError, match="not a bundle"):
        load(tmp_path / "x")
    with pytest.raises(BundleError, match="No such file"):
        validate(tmp_path / "y")
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("readme", "")
    assert "this is no bundle" in str(validate(tmp_path / "z")[0])


def test_the_published_schema_is_the_one_in_the_code() -> None:
    published = json.loads((_DOCS / "bundle.schema.json").read_text())
    assert published == document()
    jsonschema.Draft202012Validator.check_schema(published)


def test_the_examples_of_the_documentation_fit_the_schema(tmp_path: Path) -> None:
    defs = document()["$defs"]
    blocks = (_DOCS / "bundle.md").read_text().split("```json\n")[1:]
    manifest, lines = (block.split("```")[0] for block in blocks)
    series, log, truth = map(json.loads, lines.splitlines())
    for name, example in (
        (MANIFEST, json.loads(manifest)),
        ("metrics.jsonl", series),
        ("pod_logs.jsonl", log),
        ("truth.json", truth),
    ):
        jsonschema.validate(example, {**defs[name], "$defs": defs})
    ManifestPart.model_validate_json(manifest)


_VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["NaN", "+Inf", "stale"])
)


@given(st.dictionaries(st.integers(0, 2**41), _VALUES, max_size=5))
def test_samples_survive_the_file(tmp_path_factory: Any, samples: dict[int, Any]) -> None:
    path = tmp_path_factory.mktemp("b") / "b.zip"
    line = SeriesLine(labels={"__name__": "up"}, samples=sorted(samples.items()))
    save(path, Bundle(ManifestPart.model_validate(_MANIFEST), series=(line,)))
    assert load(path).series == (line,)
    assert set(zipfile.ZipFile(path).namelist()) == {MANIFEST, *LINES}
