"""exec_shell as an agent sees it."""

from __future__ import annotations

import pytest

from connectors.kubernetes.binary import Output
from copilot.model.action import (
    Action,
    Manual,
    PatchServicePort,
    RemoveNodeSelector,
    Restart,
    RollBack,
    Scale,
    SetImage,
)
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.scope import ObjectRef
from copilot.tools.context import Limits
from tests.copilot.tools.shell.fake import ShellCluster, cluster
from tests.copilot.tools.worlds import Cluster, told, toolbox

WEB = ObjectRef("Deployment", "shop", "web")
SERVICE = ObjectRef("Service", "shop", "web")

WRITES: list[tuple[str, list[Action]]] = [
    ("kubectl scale deploy web --replicas=3", [Scale(WEB, 3)]),
    ("kubectl scale --replicas 3 deployment/web -n shop", [Scale(WEB, 3)]),
    ("kubectl -n shop set image deployment/web main=a:2", [SetImage(WEB, "main", "a:2")]),
    ("kubectl rollout undo deploy/web", [RollBack(WEB)]),
    ("kubectl rollout undo deploy/web --to-revision=4", [RollBack(WEB, 4)]),
    ("kubectl rollout restart deployment web", [Restart(WEB)]),
    (
        'kubectl patch svc web -p \'{"spec":{"ports":[{"port":80,"targetPort":8080}]}}\'',
        [PatchServicePort(SERVICE, 80, 8080)],
    ),
    ('kubectl patch deploy web --patch \'{"spec":{"replicas":2}}\'', [Scale(WEB, 2)]),
    (
        'kubectl patch deploy web -p \'{"spec":{"template":{"spec":{"nodeSelector":{"k":null}}}}}\'',
        [RemoveNodeSelector(WEB, "k")],
    ),
    (
        "kubectl delete pod web-1",
        [
            Manual(
                ObjectRef("Pod", "shop", "web-1"),
                "Review and run by hand: kubectl delete pod web-1",
            )
        ],
    ),
    (
        "kubectl set env deploy/web A=b",
        [Manual(WEB, "Review and run by hand: kubectl set env deploy/web A=b")],
    ),
    (
        "kubectl cordon one",
        [Manual(ObjectRef("Node", "", "one"), "Review and run by hand: kubectl cordon one")],
    ),
]


@pytest.mark.parametrize(("line", "actions"), WRITES)
async def test_a_write_becomes_a_proposal_and_nothing_is_sent(
    line: str, actions: list[Action]
) -> None:
    reader = cluster()
    result = await toolbox(reader).call("exec_shell", {"command": line})
    assert list(result.proposals) == actions
    assert "Nothing was changed" in result.text
    assert actions[0].type in result.text
    assert reader.asked == []
    assert reader.calls == []


async def test_a_read_is_evidence_and_redacted() -> None:
    reader = cluster()
    reader.output = Output("Name: web\nDB_PASSWORD: hunter2\n", "a note\n", 0)
    box = toolbox(reader)
    text = await told(box, "exec_shell", command="kubectl describe deploy web")
    assert "Name: web" in text
    assert "a note" in text
    assert "hunter2" not in text
    assert reader.asked[0][:2] == ("kubectl", "describe")
    assert [piece.query for piece in box.evidence.values()] == ["kubectl describe deploy web"]


async def test_tables_are_filtered_like_in_a_shell() -> None:
    text = await told(
        toolbox(cluster()),
        "exec_shell",
        command="kubectl get pods --no-headers | awk '{print $1}' | sort -r | head -1",
    )
    assert text.splitlines()[0] == "checkout-1-aaaaa"


async def test_a_refusal_says_why_and_what_instead() -> None:
    box = toolbox(cluster())
    with pytest.raises(CorrectYourCall, match=r"redirection.*errors and the whole output"):
        await told(box, "exec_shell", command="kubectl get pods 2>&1")
    with pytest.raises(CorrectYourCall, match="runs a program in a container"):
        await told(box, "exec_shell", command="kubectl exec web -- ls")
    with pytest.raises(CorrectYourCall, match=r"--kubeconfig: the connection is"):
        await told(box, "exec_shell", command="kubectl get pods --kubeconfig=/tmp/x")
    with pytest.raises(CorrectYourCall, match=r"outside this investigation; it may read: shop"):
        await told(box, "exec_shell", command="kubectl get pods -n kube-system")


async def test_a_cluster_that_prints_no_tables_is_said() -> None:
    with pytest.raises(NotAvailable, match="use list_resources instead"):
        await told(toolbox(Cluster()), "exec_shell", command="kubectl get pods")


async def test_pods_of_other_namespaces_are_left_out_of_a_nodes_description() -> None:
    reader = cluster()
    reader.output = Output(
        "Name: one\nNon-terminated Pods: (2 in total)\n  Namespace  Name\n  ---------  ----\n"
        "  shop       cart-1\n  other      hidden-1\nEvents: <none>\n",
        "",
        0,
    )
    text = await told(toolbox(reader), "exec_shell", command="kubectl describe node one")
    assert "cart-1" in text
    assert "hidden-1" not in text
    assert "1 pods of other namespaces are left out" in text


async def test_a_filter_that_would_run_for_ever_is_ended() -> None:
    reader = cluster()
    reader.output = Output("a" * 60 + "!\n", "", 0)
    from copilot.tools.shell import child
    from copilot.tools.shell.words import Refused

    with pytest.raises(Refused, match=r"took longer than 0\.3 s"):
        await child.run("grep", ("-E", "(a+)+$"), reader.output.stdout, seconds=0.3)
    with pytest.raises(Refused, match=r"took longer|needs too much"):
        await child.run("jq", ("[range(1e12)]|length",), "1", seconds=0.5)


async def test_a_filter_in_a_process_of_its_own_sees_no_environment() -> None:
    from copilot.tools.shell import child

    assert await child.run("jq", ("-r", ".a[]"), '{"a": ["x", "ü"]}') == "x\nü\n"
    assert await child.run("grep", ("-E", "(b)+"), "abb\nc\n") == "abb\n"


async def test_output_is_held_to_the_budget() -> None:
    reader = ShellCluster()
    reader.output = Output("line\n" * 100_000, "", 0)
    box = toolbox(reader, Limits(tokens=300))
    text = await told(box, "exec_shell", command="kubectl logs web-1")
    assert len(text) <= 1200
    assert "show_evidence" in text
