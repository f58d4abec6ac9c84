from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from connectors.api.errors import SourceForbidden, SourceMissing, SourceUnreachable
from connectors.kubernetes.reader import open_reader
from connectors.kubernetes.settings import KubernetesSettings
from tests.connectors.kubernetes.loopback import LoopbackApi, kubeconfig


@pytest.fixture(autouse=True)
def bare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


async def test_no_cluster_at_all() -> None:
    with pytest.raises(SourceUnreachable, match="no Kubernetes cluster is configured"):
        await open_reader()


async def test_a_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceUnreachable, match="does not exist: correct its path"):
        await open_reader(KubernetesSettings(kubeconfig=tmp_path / "nope"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nope"))
    with pytest.raises(SourceUnreachable, match=r"\$KUBECONFIG names .*nope, which does not exist"):
        await open_reader()


@pytest.mark.parametrize("text", ["", "hello", "a: [b", "contexts: [{x: 1}]", "\x00"])
async def test_a_broken_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(SourceUnreachable, match="is not usable"):
        await open_reader(KubernetesSettings(kubeconfig=path))


async def test_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(SourceMissing, match='no context "prod"; it has: here, there'):
        await open_reader(KubernetesSettings(kubeconfig=path, context="prod"))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'nope'}:{path}")
    reader = await open_reader(KubernetesSettings(context="there"))
    assert reader.context == "there"
    await reader.close()


async def test_no_current_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    document = json.loads(path.read_text())
    del document["current-context"]
    path.write_text(json.dumps(document))
    with pytest.raises(SourceMissing, match="no current context: name one of here, there"):
        await open_reader(KubernetesSettings(kubeconfig=path))
    reader = await open_reader(KubernetesSettings(kubeconfig=path, context="here"))
    await reader.close()


def plugin(script: Path) -> dict[str, object]:
    return {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": sys.executable,
        "args": [str(script)],
        "interactiveMode": "Never",
    }


async def test_an_exec_plugin_is_run_again_when_its_token_expires(
    api: LoopbackApi, tmp_path: Path
) -> None:
    script = tmp_path / "login.py"
    script.write_text(
        "import json, pathlib\n"
        f"count = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "number = int(count.read_text()) + 1 if count.exists() else 1\n"
        "count.write_text(str(number))\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1beta1',"
        " 'kind': 'ExecCredential', 'status': {'token': f'token-{number}'}}))\n"
    )
    path = kubeconfig(tmp_path, f"http://127.0.0.1:{api.port}", exec=plugin(script))
    reader = await open_reader(KubernetesSettings(kubeconfig=path))
    await reader.list("Pod", "shop")
    assert api.requests[-1].headers["Authorization"] == "Bearer token-1"
    api.mischief["/api/v1/namespaces/shop/pods"] = "401"
    with pytest.raises(SourceForbidden):
        await reader.list("Pod", "shop")
    await reader.close()
    assert [request.headers["Authorization"] for request in api.requests[-2:]] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_a_failing_exec_plugin_is_an_error_not_an_anonymous_login(tmp_path: Path) -> None:
    script = tmp_path / "login.py"
    script.write_text("import sys; sys.exit(3)\n")
    path = kubeconfig(tmp_path, "http://127.0.0.1:1", exec=plugin(script))
    with pytest.raises(SourceForbidden, match=r'the login of context "here" .* returned 3'):
        await open_reader(KubernetesSettings(kubeconfig=path))
