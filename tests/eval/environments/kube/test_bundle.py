"""What is put into the containers: the standard library only, the same each time, and no telling word."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from eval.environments.kube import bundle as bundling
from eval.environments.kube.bundle import NotShareable, bundle

_TELLING = re.compile(
    r"fault|inject|chaos|emulat|benchmark|experiment|incident|aiops", re.IGNORECASE
)


def _sources() -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(bundle())) as archive:
        return {n: archive.read(n).decode() for n in archive.namelist() if n.endswith(".py")}


def test_the_bundle_runs_in_a_bare_interpreter(tmp_path: Path) -> None:
    (tmp_path / "program.zip").write_bytes(bundle())
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'program.zip')!r}); import service.main"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_sources_make_the_same_bundle() -> None:
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first


def test_nothing_in_the_containers_speaks_of_an_evaluation() -> None:
    telling = {
        name: found.group()
        for name, text in _sources().items()
        if (found := _TELLING.search(text.replace("segmentation fault", "").replace("default", "")))
    }
    assert telling == {}


def test_a_module_outside_the_standard_library_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "eval" / "environments" / "kube" / "program"
    place.mkdir(parents=True)
    (place / "main.py").write_text("import numpy\n")
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    bundle.cache_clear()
    with pytest.raises(NotShareable, match="numpy"):
        bundle()
    monkeypatch.undo()
    bundle.cache_clear()
