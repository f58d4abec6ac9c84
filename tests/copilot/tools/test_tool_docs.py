from __future__ import annotations

from pathlib import Path

import pytest

from copilot.tools.catalog import ALL_TOOLS, READ_ONLY, TOOLS
from copilot.tools.docs import EXAMPLES, document
from copilot.tools.registry import Definition

_PAGE = Path(__file__).parents[3] / "docs" / "tools.md"


def test_the_page_is_generated() -> None:
    assert _PAGE.read_text(encoding="utf-8") == document(), "run python -m copilot.tools.docs"


@pytest.mark.parametrize("tool", ALL_TOOLS, ids=lambda tool: tool.name)
def test_every_tool_has_schema_docstring_and_a_valid_example(tool: Definition) -> None:
    text = document()
    assert f"## {tool.name}\n\n{tool.description}" in text
    for name, schema in tool.parameters["properties"].items():
        assert f"| `{name}` |" in text
        assert schema["description"]
    example = EXAMPLES[tool.name]
    assert example.items() <= tool.validate(example).items()


def test_the_catalogs_fit_each_other() -> None:
    names = [tool.name for tool in ALL_TOOLS]
    assert len(set(names)) == len(names)
    assert set(TOOLS) < set(ALL_TOOLS)
    assert {tool.name for tool in ALL_TOOLS} - {tool.name for tool in READ_ONLY} == {
        "propose_mitigation",
        "submit",
    }
