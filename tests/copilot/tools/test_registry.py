from __future__ import annotations

from typing import Annotated, Literal

import pytest

from copilot.model.errors import CorrectYourCall
from copilot.model.evidence import Source
from copilot.tools.catalog import TOOLS
from copilot.tools.context import Context, Draft
from copilot.tools.registry import Definition, tool


@tool
async def look(
    context: Context,
    where: Annotated[str, "The place"],
    times: Annotated[int, "How often"] = 1,
    how: Annotated[Literal["", "closely"], "In which way"] = "",
) -> Draft:
    """Look somewhere.

    More words.
    """
    return Draft(Source.SHELL, "look", where * times)


def test_signature_and_docstring_are_the_schema() -> None:
    assert look.name == "look"
    assert look.description == "Look somewhere.\n\nMore words."
    assert look.parameters == {
        "type": "object",
        "properties": {
            "where": {"type": "string", "description": "The place"},
            "times": {"type": "integer", "description": "How often", "default": 1},
            "how": {
                "type": "string",
                "enum": ["", "closely"],
                "description": "In which way",
                "default": "",
            },
        },
        "required": ["where"],
        "additionalProperties": False,
    }


def test_arguments_are_completed_and_converted() -> None:
    complete = look.validate({"where": "here", "times": "3", "how": None})
    assert complete == {"where": "here", "times": 3, "how": ""}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, r"look\(where, times=1, how=''\): where: Field required"),
        ({"where": "x", "times": "many"}, "times: Input should be a valid integer"),
        ({"where": "x", "how": "far"}, "how: Input should be '' or 'closely'"),
        ({"wher": "x"}, 'has no argument "wher". Did you mean: where\\?'),
        ({"where": "x", "context": 1}, 'has no argument "context"'),
    ],
)
def test_wrong_arguments_teach(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(CorrectYourCall, match=text):
        look.validate(arguments)


def test_a_tool_must_be_documented() -> None:
    async def silent(context: Context) -> Draft:
        raise AssertionError

    async def rootless(where: str) -> Draft:
        """Text."""
        raise AssertionError

    async def bare(context: Context, where: str) -> Draft:
        """Text."""
        raise AssertionError

    with pytest.raises(TypeError, match="needs a docstring"):
        tool(silent)
    with pytest.raises(TypeError, match="must be a Context"):
        tool(rootless)
    with pytest.raises(TypeError, match="needs a description"):
        _ = tool(bare).parameters


@pytest.mark.parametrize("definition", TOOLS, ids=lambda item: item.name)
def test_every_tool_documents_itself(definition: Definition) -> None:
    assert len(definition.description.splitlines()[0]) <= 110
    assert len(definition.parameters["properties"]) <= 6
    for item in definition.parameters["properties"].values():
        assert item["description"]
        assert "$ref" not in item
    assert len(definition.parameters["required"]) <= 2
