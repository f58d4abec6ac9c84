"""Against a real cluster: KUBECONFIG names an administrator's kubeconfig."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from connectors.api.errors import SourceMissing, SourceRejected
from connectors.kubernetes.reader import KubernetesReader, open_reader
from connectors.kubernetes.writer import KubernetesWriter, open_writer

pytestmark = pytest.mark.cluster


@pytest.fixture
async def reader() -> AsyncIterator[KubernetesReader]:
    opened = await open_reader()
    yield opened
    await opened.close()


@pytest.fixture
async def writer() -> AsyncIterator[KubernetesWriter]:
    opened = await open_writer()
    yield opened
    await opened.close()


@pytest.fixture
async def namespace(writer: KubernetesWriter) -> AsyncIterator[str]:
    name = f"conn-{secrets.token_hex(3)}"
    await writer.create("Namespace", "", {"metadata": {"name": name}})
    yield name
    await writer.delete("Namespace", "", name)


async def test_doctor_and_discovery(reader: KubernetesReader, namespace: str) -> None:
    rows = await reader.check([namespace])
    assert [row.name for row in rows if not row.ok] == []
    assert "Kubernetes v1." in rows[0].detail
    assert namespace in await reader.namespaces()
    usual = ("Pod", "Deployment", "CronJob", "Ingress", "NetworkPolicy", "EndpointSlice")
    for kind in usual:
        await reader.list(kind, namespace)
    assert {item.kind for item in await reader.kinds()} >= set(usual)


async def test_writes_dry_runs_and_conflicts(
    reader: KubernetesReader, writer: KubernetesWriter, namespace: str
) -> None:
    body = {"metadata": {"name": "c"}, "data": {"a": "1"}}
    await writer.create("ConfigMap", namespace, body, dry_run=True)
    with pytest.raises(SourceMissing):
        await reader.get("ConfigMap", namespace, "c")
    made = await writer.create("ConfigMap", namespace, body)
    with pytest.raises(SourceRejected, match="409 conflict"):
        await writer.create("ConfigMap", namespace, body)
    dry = await writer.patch("ConfigMap", namespace, "c", {"data": {"a": "2"}}, dry_run=True)
    assert dry["data"] == {"a": "2"}
    assert (await reader.get("ConfigMap", namespace, "c"))["data"] == {"a": "1"}
    steps = [{"op": "replace", "path": "/data/a", "value": "3"}]
    assert (await writer.patch("ConfigMap", namespace, "c", steps))["data"] == {"a": "3"}
    with pytest.raises(SourceRejected, match="409 conflict"):
        await writer.replace("ConfigMap", namespace, "c", made)
    await writer.delete("ConfigMap", namespace, "c")
    with pytest.raises(SourceMissing):
        await writer.delete("ConfigMap", namespace, "c")


async def test_an_invalid_object_is_explained(writer: KubernetesWriter, namespace: str) -> None:
    body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 99999}]}}
    with pytest.raises(SourceRejected, match=r"422 invalid: .*must be between 1 and 65535"):
        await writer.create("Service", namespace, body)


async def test_secret_values_stay_on_the_server(
    reader: KubernetesReader, writer: KubernetesWriter, namespace: str
) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}}
    seen = [await writer.create("Secret", namespace, body)]
    seen += await reader.list("Secret", namespace)
    seen.append(await reader.get("Secret", namespace, "s"))
    assert all("data" not in item and "aHVudGVyMg" not in str(item) for item in seen)
    assert any(item["metadata"]["name"] == "s" for item in seen[1:-1])
