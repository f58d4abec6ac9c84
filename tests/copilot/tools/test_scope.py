from __future__ import annotations

import pytest

from connectors.api.errors import SourceForbidden, SourceUnreachable
from copilot.model.errors import ForbiddenError, NotFoundError, UnavailableError
from copilot.tools.scope import validate_scope
from copilot.tools.sources import Sources
from tests.copilot.tools.worlds import Cluster, FixedClock, app, namespace, scope


def sources(cluster: Cluster | None) -> Sources:
    return Sources(FixedClock(), cluster=cluster)


async def test_names_are_spelled_as_the_cluster_does() -> None:
    cluster = Cluster([namespace(), *app("cart"), *app("store")])
    wanted = scope(services=("svc/cart", "cart", "store.shop.svc.cluster.local:80"))
    assert (await validate_scope(sources(cluster), wanted)).services == ("cart", "store")


async def test_an_unknown_namespace_names_the_nearest() -> None:
    cluster = Cluster([namespace("shop"), namespace("shop-test"), namespace("web")])
    with pytest.raises(NotFoundError, match=r'"shopp" does not exist .*did you mean shop'):
        await validate_scope(sources(cluster), scope("shopp"))
    with pytest.raises(NotFoundError, match="there are: shop, shop-test, web"):
        await validate_scope(sources(cluster), scope("zzz"))


async def test_an_unknown_service_names_the_nearest() -> None:
    cluster = Cluster([namespace(), *app("cart")])
    with pytest.raises(NotFoundError, match=r'nothing called "carts".*did you mean cart\?'):
        await validate_scope(sources(cluster), scope(services=("carts",)))


async def test_a_forbidden_namespace_says_what_to_bind() -> None:
    cluster = Cluster([namespace()], forbidden={("Pod", "shop")})
    with pytest.raises(ForbiddenError, match=r"may not list pods.*ClusterRole `view`"):
        await validate_scope(sources(cluster), scope())


async def test_rights_in_the_namespace_suffice() -> None:
    cluster = Cluster(app("cart"), broken={"Namespace": SourceForbidden("403")})
    assert await validate_scope(sources(cluster), scope()) == scope()


async def test_no_cluster_and_a_dead_one() -> None:
    with pytest.raises(UnavailableError, match="no Kubernetes cluster is configured"):
        await validate_scope(sources(None), scope())
    dead = Cluster(broken={"Namespace": SourceUnreachable("kubernetes x: connection refused")})
    with pytest.raises(
        UnavailableError, match=r"connection refused \(run `incident-copilot doctor"
    ):
        await validate_scope(sources(dead), scope())
