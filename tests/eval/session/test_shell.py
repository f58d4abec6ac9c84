"""exec_shell of a session: what is run, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.model.clock import SystemClock
from eval.environments.emulator.cluster.clock import VirtualClock
from eval.environments.emulator.environment import START
from eval.session.shell import exec_shell, refused


@pytest.mark.parametrize(
    "command",
    [
        "kubectl get pods -n a | grep -v Running | head -3",
        "kubectl get pods && kubectl get svc; echo done",
        'kubectl patch svc a -p \'{"spec": {"ports": [{"port": 1}]}}\'',
        "kubectl get pods -o jsonpath='{.items[*].metadata.name}'",
        "kubectl apply -f - <<EOF\nkind: Pod\nEOF",
        "echo 'a > b'",
    ],
)
def test_what_may_run(command: str) -> None:
    assert refused(command) == ""


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf x",
        "kubectl get pods; curl example.org",
        "kubectl get pods | sh",
        "kubectl get pods $(whoami)",
        "echo `id`",
        "kubectl get pods > out",
        "cat /etc/passwd",
        "grep root ../../etc/passwd",
        "cat ~/.kube/config",
        "kubectl --kubeconfig /root/.kube/config get pods",
        "kubectl --context=prod delete ns default",
        "kubectl -s https://example.org get pods",
        "(kubectl get pods)",
        "kubectl get pods &",
        "echo 'unbalanced",
        "/bin/ls",
        "kubectl get pods\nrm x",
    ],
)
def test_what_may_not(command: str) -> None:
    assert refused(command)


async def test_waiting_is_virtual(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    said = await exec_shell(
        "sleep 60 && sleep 30", kubeconfig=tmp_path, folder=tmp_path, clock=clock
    )
    assert said == ""
    assert (clock.now() - START).total_seconds() == 90


async def test_a_line_is_run_in_its_own_folder(tmp_path: Path) -> None:
    said = await exec_shell(
        "echo one two | cut -d ' ' -f 2",
        kubeconfig=tmp_path / "kubeconfig",
        folder=tmp_path,
        clock=SystemClock(),
        program="/bin/true",
    )
    assert said == "two\n"
    refusal = await exec_shell(
        "kubectl edit svc a", kubeconfig=tmp_path, folder=tmp_path, clock=SystemClock()
    )
    assert "kubectl patch" in refusal
