"""The final answer in the form that the model must give it, and how it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from copilot.agent.claims import citations
from copilot.model.causes import CAUSES
from copilot.tools.redact import redact

SUBMIT = "submit_diagnosis"
"""The name of the tool that the model gives its final answer with."""


def _ids(value: object) -> object:
    """Take "[ev-1]", "ev-1, ev-2" and the like for the ids in it."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        return [i for item in value for i in citations(str(item)) or (str(item),)]
    return value


def _probability(value: object) -> object:
    """Take 85 and "85%" for 0.85."""
    if isinstance(value, str) and value.strip().endswith("%"):
        value = float(value.strip()[:-1])
    return value / 100 if isinstance(value, int | float) and 1 < value <= 100 else value


Ids = Annotated[list[str], BeforeValidator(_ids)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


class SubmittedObject(_Model):
    """The object whose change would repair it."""

    kind: str = Field(description="CamelCase kind: Service, Deployment, Node, …; never a Pod.")
    namespace: str = Field("", description='Its namespace, "" for cluster-wide kinds.')
    name: str = Field(min_length=1)


class SubmittedCause(_Model):
    """One root cause."""

    object: SubmittedObject
    cause: str = Field(
        description="Id of the kind of cause.", json_schema_extra={"enum": [*CAUSES]}
    )
    summary: str = Field(
        min_length=1,
        description="One sentence: what exactly is wrong there, with [ev-…].",
    )
    confidence: Annotated[float, BeforeValidator(_probability)] = Field(
        ge=0, le=1, description="Probability, 0 to 1, that this is a true cause."
    )
    evidence: Ids = Field(description="Ids of the evidence that shows it.")


class Submission(_Model):
    """A whole diagnosis."""

    verdict: Literal["incident", "healthy", "inconclusive"] = Field(
        description="incident: something is wrong and the evidence names it; healthy: nothing is "
        "wrong; inconclusive: the evidence does not decide."
    )
    summary: str = Field(
        min_length=1,
        description="The answer to the question in two to four sentences, the cause first, "
        "each sentence ending with its [ev-…].",
    )
    root_causes: list[SubmittedCause] = Field(
        default_factory=list, description="Most likely first; empty when healthy."
    )
    mitigations: list[str] = Field(
        default_factory=list, description="Ids of the proposed mitigations to take, best first."
    )
    next_observation: str = Field(
        "", description="When inconclusive: the one observation that would decide."
    )


class Invalid(Exception):
    """The answer is not in the agreed form; the text tells the model what to change."""


def read(data: object, mitigations: Collection[str]) -> Submission:
    """Validate a submission, redacted: it goes to people. Raises `Invalid` with one line per fault."""
    try:
        submission = Submission.model_validate(_clean(data))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise Invalid("\n".join(lines[:8])) from error
    faults = [
        f"root_causes.{n}.cause: {cause.cause!r} is not one of the ids in the schema"
        for n, cause in enumerate(submission.root_causes)
        if cause.cause not in CAUSES
    ]
    if submission.verdict == "incident" and not submission.root_causes:
        faults.append("root_causes: an incident needs one; without one the verdict is inconclusive")
    if submission.verdict == "healthy" and submission.root_causes:
        faults.append("root_causes: must be empty when the verdict is healthy")
    faults += [
        f"mitigations: {i!r} was not proposed; proposed are: {', '.join(mitigations) or 'none'}"
        for i in submission.mitigations
        if i not in mitigations
    ]
    if faults:
        raise Invalid("\n".join(faults))
    return submission


def _clean(data: object) -> object:
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, dict):
        return {key: _clean(value) for key, value in data.items()}
    return [_clean(item) for item in data] if isinstance(data, list) else data


def read_arguments(text: str, mitigations: Collection[str]) -> Submission:
    """Validate the arguments of a call of `submit_diagnosis`. Raises `Invalid`."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid(f"the arguments are not valid JSON: {error}") from error
    return read(data, mitigations)


def find_json(text: str) -> Mapping[str, Any] | None:
    """Return the last JSON object with a verdict in a text, fenced or bare; None for none."""
    blocks: list[str] = re.findall(r"```(?:json)?\s*\n(.*?)```", text, re.DOTALL)
    if text.strip().startswith("{"):
        blocks.append(text.strip())
    for block in reversed(blocks):
        try:
            data = json.loads(block)
        except json.JSONDecodeError:
            continue
        if isinstance(data, dict) and "verdict" in data:
            return data
    return None


def schema(causes: Collection[str] = ()) -> dict[str, Any]:
    """Return the JSON Schema of a submission without references, which some servers cannot read.

    `causes` are the ids to choose from, by default all.
    """
    whole = Submission.model_json_schema()
    whole.pop("description")
    definitions = whole.pop("$defs")

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return plain(definitions[node["$ref"].rsplit("/", 1)[1]])
        return {
            key: plain(value)
            for key, value in node.items()
            if key not in ("title", "default", "minLength") or isinstance(value, dict)
        }

    result: dict[str, Any] = plain(whole)
    if causes:
        items = result["properties"]["root_causes"]["items"]
        items["properties"]["cause"]["enum"] = [*causes]
    return result


def strict_schema(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema as strict modes want it: every property required, none besides, no bounds."""

    def strict(node: Any) -> Any:
        if isinstance(node, list):
            return [strict(item) for item in node]
        if not isinstance(node, dict):
            return node
        made = {
            key: strict(value)
            for key, value in node.items()
            if key not in ("minimum", "maximum") or isinstance(value, dict)
        }
        if made.get("type") == "object":
            made["required"] = [*made.get("properties", {})]
            made["additionalProperties"] = False
        return made

    result: dict[str, Any] = strict(whole)
    return result
