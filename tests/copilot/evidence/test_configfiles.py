"""A program that ends over a file which a ConfigMap put into its container."""

from typing import Any

import pytest

from copilot.model.diagnosis import Verdict
from tests.copilot.evidence.test_reasoning import look, top
from tests.copilot.evidence.worlds import World, three_services


def with_file(key: str, text: str, *, sub: bool = False) -> World:
    world = three_services()
    world.add("ConfigMap", "store-settings", data={key: text})
    folder = f"/etc/store/{key}" if sub else "/etc/store"
    mount: dict[str, Any] = {"name": "settings", "mountPath": folder}
    if sub:
        mount["subPath"] = key
    pod = next(p for p in world.objects["Pod"] if p["metadata"]["name"].startswith("store-"))
    owner = world.get("Deployment", "store")
    for spec in (pod["spec"], owner["spec"]["template"]["spec"]):
        spec["volumes"] = [{"name": "settings", "configMap": {"name": "store-settings"}}]
        spec["containers"][0]["volumeMounts"] = [mount]
    return world


@pytest.mark.parametrize(
    ("key", "text", "sub", "line"),
    [
        ("rates.json", '{"EUR": 1.08,}', False, "cannot read configuration /etc/store/rates.json: Expecting property name"),
        ("app.toml", "port = = 1", True, "FATAL invalid settings in /etc/store/app.toml, line 1"),
        ("app.yaml", "a: [1", False, "yaml.parser.ParserError: while parsing, in \"/etc/store/app.yaml\", line 1"),
        ("nginx.conf", "listen 80", False, 'nginx: [emerg] unexpected end of file, expecting ";" in /etc/store/nginx.conf:1'),
    ],
)  # fmt: skip
async def test_the_config_map_is_named(key: str, text: str, sub: bool, line: str) -> None:
    world = with_file(key, text, sub=sub)
    world.crash("store", 1)
    world.log("store", (61, "starting"), (60, line), previous=True)
    diagnosis = await look(world)
    assert top(diagnosis) == ("ConfigMap/store-settings", "config.value_wrong")


async def test_a_missing_file_is_another_cause() -> None:
    world = with_file("rates.json", "{}")
    world.crash("store", 1)
    line = "open /etc/store/other.json: no such file or directory"
    world.log("store", (61, "starting"), (60, line), previous=True)
    assert top(await look(world))[1] == "config.configmap_missing"


async def test_a_file_that_nobody_complains_of_is_none() -> None:
    world = with_file("rates.json", "{,}")
    assert (await look(world)).verdict is Verdict.HEALTHY
    world.crash("store", 1)
    world.log("store", (61, "reading /etc/store/rates.json"), (60, "panic: nil map"), previous=True)
    assert top(await look(world))[1] != "config.value_wrong"
