"""exec_shell against a real cluster: the same output as kubectl's, line by line."""

from __future__ import annotations

import os

import pytest

from benchmarks.shell_agreement import main

pytestmark = pytest.mark.cluster


async def test_every_line_prints_what_kubectl_prints(capsys: pytest.CaptureFixture[str]) -> None:
    code = await main(os.environ.get("CLUSTER_TEST_IMAGE", "python:3.11-slim"))
    assert code == 0, capsys.readouterr().out
