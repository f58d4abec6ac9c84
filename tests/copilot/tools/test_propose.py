from __future__ import annotations

from typing import Any, get_args

import pytest

from connectors.api.errors import SourceUnreachable
from copilot.model.action import Action, ReplaceObject, Restart, Scale, SetImage, Several
from copilot.model.errors import CorrectYourCall
from copilot.model.scope import ObjectRef
from copilot.tools.catalog import ALL_TOOLS
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox
from tests.copilot.tools.worlds import Cluster, FixedClock, app, scope, toolbox

CART = ObjectRef("Deployment", "shop", "cart")


async def propose(box: Toolbox, **arguments: Any) -> tuple[Action, ...]:
    return (await box.call("propose_mitigation", arguments)).proposals


async def test_a_proposal_is_a_typed_action_and_nothing_is_written() -> None:
    cluster = Cluster(app("cart"))
    box = toolbox(cluster)
    found = await propose(box, action="scale", object="deploy/cart", parameters={"replicas": 3})
    assert found == (Scale(CART, 3),)
    image = {"container": "main", "image": "a:2"}
    assert await propose(
        box, action="set-image", object="Deployment/shop/cart", parameters=image
    ) == (SetImage(CART, "main", "a:2"),)
    assert await propose(box, action="restart", object="deployments/cart") == (Restart(CART),)
    assert set(cluster.calls) == {"list Deployment"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"action": "scal", "object": "deploy/cart"}, r'no action "scal".*Did you mean: scale'),
        ({"action": "scale", "object": "cart"}, "write KIND/NAME"),
        ({"action": "scale", "object": "deploy/cat", "parameters": {"replicas": 1}}, "mean: cart"),
        ({"action": "scale", "object": "deploy/other/cart"}, "outside this investigation"),
        ({"action": "scale", "object": "deploy/cart"}, r"scale takes replicas: replicas"),
        (
            {"action": "scale", "object": "deploy/cart", "parameters": {"replica": 1}},
            r'no parameter "replica".*Did you mean: replicas',
        ),
        (
            {"action": "scale", "object": "deploy/cart", "parameters": {"replicas": "many"}},
            "valid integer",
        ),
    ],
)
async def test_a_wrong_proposal_is_told_what_is_right(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(CorrectYourCall, match=text):
        await propose(toolbox(Cluster(app("cart"))), **arguments)


def test_every_action_is_named_in_the_schema() -> None:
    definition = next(one for one in ALL_TOOLS if one.name == "propose_mitigation")
    text = definition.parameters["properties"]["action"]["description"]
    for kind in set(get_args(Action)) - {ReplaceObject, Several}:
        assert f"{kind.__dataclass_fields__['type'].default}(" in text


async def test_a_proposal_is_taken_when_the_cluster_is_down() -> None:
    cluster = Cluster(app("cart"), broken={"Deployment": SourceUnreachable("down")})
    found = await propose(toolbox(cluster), action="restart", object="deploy/cart")
    assert found == (Restart(CART),)


async def test_a_submission_is_checked_and_returned_as_data() -> None:
    box = Toolbox(
        Sources(FixedClock(), cluster=Cluster(app("cart"))), scope(), definitions=ALL_TOOLS
    )
    seen = (await box.call("list_resources", {})).evidence[0].id
    cause = {
        "cause": "service.target_port_mismatch",
        "object": "Service/shop/cart",
        "summary": "password=hunter2",
        "confidence": 0.9,
        "evidence": [seen],
    }
    answer = {"verdict": "incident", "summary": "The port is wrong.", "root_causes": [cause]}
    result = await box.call("submit", answer)
    assert result.data is not None
    assert result.data["verdict"] == "incident"
    assert result.data["root_causes"][0]["object"] == "Service/shop/cart"
    assert "hunter2" not in str(result.data)
    for change, text in (
        ({"cause": "service.target_port"}, "not a cause of the taxonomy"),
        ({"object": "Service/shop/carts"}, "Did you mean: cart"),
        ({"evidence": ["ev-nope"]}, "was never seen: ev-nope"),
        ({"evidence": []}, "names no evidence"),
        ({"confidence": 7}, "from 0 to 1"),
    ):
        with pytest.raises(CorrectYourCall, match=text):
            await box.call("submit", {**answer, "root_causes": [{**cause, **change}]})
    for wrong, text in (
        ({**answer, "root_causes": []}, "needs a root cause"),
        ({**answer, "verdict": "healthy"}, "must be empty"),
        ({**answer, "summary": " "}, "summary is empty"),
    ):
        with pytest.raises(CorrectYourCall, match=text):
            await box.call("submit", wrong)
