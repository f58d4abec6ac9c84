from __future__ import annotations

import sys
from typing import Any

import pytest

from copilot.config.settings import ToolsetSection
from copilot.model.errors import ConfigError, CorrectYourCall, UnavailableError
from copilot.tools.context import Limits
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox
from copilot.tools.toolsets import opened
from tests.copilot.tools.worlds import FixedClock, scope

_HERE = "tests.copilot.tools.plain_functions"


def section(**values: Any) -> ToolsetSection:
    return ToolsetSection.model_validate({"allow": ["*"], **values})


def box(definitions: Any, **limits: Any) -> Toolbox:
    return Toolbox(Sources(FixedClock()), scope(), Limits(**limits), definitions)


async def test_python_functions_are_tools_with_budget_and_redaction() -> None:
    paths = [f"{_HERE}:on_call", f"{_HERE}:pages", f"{_HERE}:secret"]
    async with opened({"team": section(functions=paths, allow=["on_*", "pages"])}) as tools:
        assert [tool.name for tool in tools] == ["team__on_call", "team__pages"]
        schema = tools[0].parameters
        assert schema["required"] == ["team"]
        assert schema["properties"]["team"]["description"] == "Name of the team"
        mine = box(tools, tokens=300)
        result = await mine.call("team__on_call", {"team": "shop", "week": "3"})
        assert '"week": 3' in result.text
        assert "hunter2" not in result.text
        assert "jane.doe" not in result.text
        assert result.evidence[0].query == 'team__on_call({"team": "shop", "week": 3})'
        assert len((await mine.call("team__pages", {"count": 5000})).text) < 3000
        with pytest.raises(CorrectYourCall, match=r"valid integer"):
            await mine.call("team__pages", {"count": "many"})


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("x", {"functions": ["no.such:thing"]}, "cannot be imported"),
        ("x", {"functions": [f"{_HERE}:nothing"]}, "cannot be imported"),
        ("x", {"functions": [f"{_HERE}:undocumented"]}, "has no docstring"),
        ("x y", {"functions": [f"{_HERE}:pages"]}, "is not a name"),
    ],
)
async def test_wrong_sections_are_one_clear_line(
    name: str, values: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        async with opened({name: section(**values)}):
            pass


def test_a_section_is_one_of_three_kinds() -> None:
    with pytest.raises(ValueError, match="one of command, url and functions"):
        section(command=["x"], url="http://x")
    with pytest.raises(ValueError, match="one of command, url and functions"):
        section()


async def test_a_third_partys_mcp_server_is_a_toolset() -> None:
    pytest.importorskip("mcp")
    pytest.importorskip("mcp_server_time")
    command = [sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC"]
    async with opened({"clock": section(command=command, allow=["convert_*"])}) as tools:
        assert [tool.name for tool in tools] == ["clock__convert_time"]
        mine = box(tools)
        arguments = {
            "source_timezone": "UTC",
            "time": "12:00",
            "target_timezone": "Asia/Tokyo",
        }
        result = await mine.call("clock__convert_time", arguments)
        assert "21:00" in result.text
        assert result.evidence[0].id in result.text
        with pytest.raises(CorrectYourCall, match=r"needs .*target_timezone"):
            await mine.call("clock__convert_time", {"time": "12:00"})
        with pytest.raises(CorrectYourCall, match="Did you mean: time"):
            await mine.call("clock__convert_time", {"tim": "12:00"})
        with pytest.raises(CorrectYourCall, match=r"clock__convert_time: "):
            await mine.call("clock__convert_time", {**arguments, "target_timezone": "Nowhere/X"})


async def test_a_server_that_does_not_start_is_said() -> None:
    pytest.importorskip("mcp")
    with pytest.raises(UnavailableError, match=r"toolsets\.gone: the MCP server /no/such"):
        async with opened({"gone": section(command=["/no/such/program"])}):
            pass
