from __future__ import annotations

import pytest

from connectors.api.errors import SourceMissing
from connectors.kubernetes.reader import KubernetesReader
from tests.connectors.kubernetes.loopback import LoopbackApi


@pytest.mark.parametrize("aggregated", [False, True])
async def test_kinds_are_found_on_old_and_new_servers(
    api: LoopbackApi, reader: KubernetesReader, aggregated: bool
) -> None:
    api.aggregated = aggregated
    assert (await reader.resource("Pod")).path("shop", "p") == "/api/v1/namespaces/shop/pods/p"
    assert (await reader.resource("Deployment")).short == "deployments.apps"
    # served in an older version only, beside a newer version of its group
    assert (await reader.resource("CronJob")).api_version == "batch/v1beta1"
    assert (await reader.resource("Basket")).group == "shop.example.com"
    assert (await reader.resource("Node")).path("ignored", "n") == "/api/v1/nodes/n"
    assert {item.kind for item in await reader.kinds()} >= {"Pod", "Job", "Basket", "Namespace"}


async def test_a_well_known_kind_costs_its_own_group_only(
    api: LoopbackApi, reader: KubernetesReader
) -> None:
    await reader.resource("Deployment")
    await reader.resource("Deployment")
    assert sorted(request.path for request in api.requests) == ["/api", "/apis", "/apis/apps/v1"]


async def test_a_new_server_is_asked_twice_for_everything(
    api: LoopbackApi, reader: KubernetesReader
) -> None:
    api.aggregated = True
    await reader.kinds()
    assert sorted(request.path for request in api.requests) == ["/api", "/apis"]


async def test_an_ambiguous_kind_means_the_usual_one_unless_its_group_is_named(
    reader: KubernetesReader,
) -> None:
    assert (await reader.resource("Event")).group == ""
    assert (await reader.resource("Event.shop.example.com")).version == "v2"


async def test_an_unknown_kind_names_the_nearest(reader: KubernetesReader) -> None:
    with pytest.raises(SourceMissing, match=r"does not serve the kind Deploymnt; near: Deployment"):
        await reader.resource("Deploymnt")


async def test_a_broken_aggregated_api_hides_only_itself(
    api: LoopbackApi, reader: KubernetesReader
) -> None:
    api.mischief["/apis/shop.example.com/v2"] = "503"
    assert (await reader.resource("Widget")).group == "apps"
    with pytest.raises(SourceMissing, match=r"did not answer: shop\.example\.com"):
        await reader.resource("Basket")
