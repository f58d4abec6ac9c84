from __future__ import annotations

import re
from pathlib import Path

from eval.apps.loader import load_app
from eval.apps.manifests import manifests
from eval.apps.model import App

_DOCS = Path(__file__).parents[3] / "docs" / "evaluation.md"


def documented_app(folder: Path) -> App:
    """The app that the documentation shows, from a file outside the program's folders."""
    text = re.search(r"## Add an app.*?```yaml\n(.*?)```", _DOCS.read_text("utf-8"), re.DOTALL)
    assert text
    path = folder / "bookshop.yaml"
    path.write_text(text[1], "utf-8")
    return load_app(path)


def test_the_documented_app_loads_from_any_folder(tmp_path: Path) -> None:
    app = documented_app(tmp_path)
    exposure = app.exposure()
    assert exposure["web"] == 1.0
    assert 0.1 < exposure["database"] < 0.3
    assert exposure["cache"] == exposure["mailer"] == 0.0


def test_the_documented_app_becomes_every_kind_of_object(tmp_path: Path) -> None:
    kinds = {item["kind"] for item in manifests(documented_app(tmp_path))}
    assert kinds == {
        "Namespace", "ConfigMap", "Secret", "PersistentVolume", "Service", "Deployment", "StatefulSet",
        "HorizontalPodAutoscaler", "PodDisruptionBudget", "CronJob", "Ingress",
    }  # fmt: skip
