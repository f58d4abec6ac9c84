from __future__ import annotations

import ast
from pathlib import Path

import eval.apps
import eval.environments.emulator.cluster as cluster
import eval.environments.emulator.telemetry as telemetry
import eval.environments.emulator.traffic as traffic


def test_nothing_at_request_time_knows_of_faults() -> None:
    """Programs, traffic, logs and metrics follow from the cluster and the stores alone."""
    packages = (traffic, cluster, telemetry, eval.apps)
    folders = [Path(next(iter(package.__path__))) for package in packages]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(files) > 20
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [
                n
                for n in names
                if n.startswith(("eval.faults", "eval.environments.emulator.environment"))
            ], path
