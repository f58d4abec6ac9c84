"""`kubectl get`, through our own client and the server's own Table."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key
from itertools import groupby
from typing import Any

from connectors.api.errors import SourceMissing
from connectors.api.values import Json
from copilot.tools.context import Context
from copilot.tools.redact import redact_object
from copilot.tools.shell import jsonpath, table, yaml_text
from copilot.tools.shell.cluster import ShellCluster, Wanted, objects, printed, qualified, spaces
from copilot.tools.shell.kubectl import Call
from copilot.tools.shell.words import Refused
from copilot.tools.wrap import told

_SECRET = "the values of Secrets are never read"
_FILES = ("go-template-file", "templatefile", "jsonpath-file", "custom-columns-file", "kyaml-file")

_UNITS = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS |= {"P": 1e15, "E": 1e18}
_UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?)([numkMGTPE]|[KMGTPE]i|)", re.ASCII)


@dataclass(slots=True)
class Printed:
    """What a command printed. `notes` is what kubectl says on its error output."""

    text: str = ""
    notes: list[str] = field(default_factory=list)


async def get(context: Context, cluster: ShellCluster, call: Call) -> Printed:
    """Carry out `kubectl get`. Raises `Refused` and `ToolFailure`."""
    kind, _, template = call.flag("output").partition("=")
    _check_output(kind, template)
    wanted = await objects(cluster, call.words)
    default = cluster.default_namespace
    where: tuple[str | None, ...]
    where = spaces(context, call, default) if any(w.resource.namespaced for w in wanted) else ("",)
    if call.on("all-namespaces") and any(one.names for one in wanted):
        raise Refused("a name together with --all-namespaces", "name the namespace with -n")
    if kind in ("", "wide") and not template:
        return await _tables(cluster, call, wanted, where)
    if any(one.secret for one in wanted) and kind != "name":
        raise Refused(_SECRET, "kubectl get secrets, or describe_resource, which show what exists")
    return await _documents(context, call, wanted, where, kind, template)


def _check_output(kind: str, template: str) -> None:
    if kind in ("", "wide", "name", "json", "yaml") and not template:
        return
    if kind == "jsonpath" and template:
        jsonpath.check(template)
        return
    if kind == "custom-columns" and template:
        for _, path in _columns(template):
            jsonpath.check_path(path)
        return
    if kind in _FILES:
        raise Refused(f"-o {kind}, which reads a file", "use -o jsonpath='{…}'")
    if kind in ("go-template", "template"):
        raise Refused("-o go-template", "use -o jsonpath='{…}' or -o custom-columns=…")
    raise Refused(
        f'-o "{kind}"',
        "use wide, name, json, yaml, jsonpath='{.items[*].…}' or custom-columns=NAME:.metadata.name",
    )


async def _tables(
    cluster: ShellCluster, call: Call, wanted: Sequence[Wanted], where: Sequence[str | None]
) -> Printed:
    result = Printed()
    sort = call.flag("sort-by")
    several = len({id(one.resource) for one in wanted}) > 1
    blocks: list[str] = []
    for resource, group in groupby(wanted, key=lambda one: one.resource):
        found: list[Json] = []
        for one in group:
            for space in where if resource.namespaced else ("",):
                found += await _table(cluster, call, one, space, bool(sort), result.notes)
        found = [item for item in found if item.get("rows")]
        if not found:
            continue
        if sort:
            rows = [row for item in found for row in item["rows"]]
            found = [{**found[0], "rows": sorted_by(sort, rows, lambda row: row["object"])}]
        columns = call.flag("label-columns")
        prefix = several or call.on("show-kind")
        style = table.Style(
            wide=call.flag("output") == "wide",
            headers=not call.on("no-headers"),
            labels=call.on("show-labels"),
            columns=tuple(columns.split(",")) if columns else (),
            namespace=call.on("all-namespaces") and resource.namespaced,
            prefix=f"{printed(resource)}/" if prefix else "",
        )
        blocks.append(table.render(found, style))
    result.text = "\n".join(blocks)
    if not blocks and not result.notes:
        result.notes.append(_nothing(call, where, wanted))
    return result


async def _table(
    cluster: ShellCluster,
    call: Call,
    one: Wanted,
    space: str | None,
    full: bool,
    notes: list[str],
) -> list[Json]:
    labels, fields = call.flag("selector"), call.flag("field-selector")
    with told(f"get {one.resource.plural}"):
        if not one.names:
            asked = cluster.table(
                one.resource, space or None, labels=labels, fields=fields, full=full
            )
            return [await asked]
        if labels or fields:
            raise Refused("a name together with a selector", "leave one of them away")
        answers = await asyncio.gather(
            *(cluster.table(one.resource, space, name=name, full=full) for name in one.names),
            return_exceptions=True,
        )
    return list(_present(call, one, answers, notes))


def _present(call: Call, one: Wanted, answers: Sequence[Any], notes: list[str]) -> list[Json]:
    found: list[Json] = []
    for name, answer in zip(one.names, answers, strict=True):
        if isinstance(answer, SourceMissing):
            if not call.on("ignore-not-found"):
                short = f"{one.resource.plural}.{one.resource.group}".rstrip(".")
                notes.append(f'Error from server (NotFound): {short} "{name}" not found')
        elif isinstance(answer, BaseException):
            with told(f"get {one.resource.plural}"):
                raise answer
        else:
            found.append(answer)
    return found


async def _documents(
    context: Context,
    call: Call,
    wanted: Sequence[Wanted],
    where: Sequence[str | None],
    kind: str,
    template: str,
) -> Printed:
    result = Printed()
    items: list[Json] = []
    labels, fields = call.flag("selector"), call.flag("field-selector")
    for one in wanted:
        name = qualified(one.resource)
        for space in where if one.resource.namespaced else ("",):
            with told(f"get {one.resource.plural}"):
                if not one.names:
                    items += await context.cluster.list(
                        name, space or None, labels=labels, fields=fields
                    )
                    continue
                answers = await asyncio.gather(
                    *(context.cluster.get(name, space or "", each) for each in one.names),
                    return_exceptions=True,
                )
            items += _present(call, one, answers, result.notes)
    # Before any filter can part a value from its name.
    items = [redact_object(item) for item in items]
    if not call.on("show-managed-fields"):
        items = [_without_managers(item) for item in items]
    if call.flag("sort-by"):
        items = sorted_by(call.flag("sort-by"), items, lambda item: item)
    single = len(items) == 1 and sum(len(one.names) for one in wanted) == 1
    if sum(len(one.names) for one in wanted) == 1 and not items:
        return result
    whole: Json = (
        items[0]
        if single
        else {
            "apiVersion": "v1",
            "items": items,
            "kind": "List",
            "metadata": {"resourceVersion": ""},
        }
    )
    result.text = _print(kind, template, whole, items, wanted, call, result.notes)
    if not items and kind in ("custom-columns", "name") and not result.notes:
        result.notes.append(_nothing(call, where, wanted))
    return result


def _print(
    kind: str,
    template: str,
    whole: Json,
    items: Sequence[Json],
    wanted: Sequence[Wanted],
    call: Call,
    notes: list[str],
) -> str:
    if kind == "json":
        return yaml_text.dump_json(whole)
    if kind == "yaml":
        return yaml_text.dump(whole)
    if kind == "name":
        names = {one.resource.kind: printed(one.resource) for one in wanted}
        return "".join(f"{names[item['kind']]}/{item['metadata']['name']}\n" for item in items)
    if kind == "custom-columns":
        return custom_columns(template, items, headers=not call.on("no-headers"))
    try:
        return jsonpath.render(template, whole)
    except jsonpath.Missing as error:
        notes.append(f"error: error executing jsonpath: {error}")
        return ""


def custom_columns(template: str, items: Sequence[Json], *, headers: bool = True) -> str:
    """Print the columns "NAME:.metadata.name,…" of each object."""
    columns = _columns(template)
    rows = [[head for head, _ in columns]] if headers else []
    if not items:
        return table.lay_out(rows)
    for item in items:
        cells = []
        for _, path in columns:
            try:
                found = jsonpath.find(path, item)
            except jsonpath.Missing:
                found = []
            cells.append(",".join(_column(value) for value in found) or "<none>")
        rows.append(cells)
    return table.lay_out(rows)


def _columns(template: str) -> list[tuple[str, str]]:
    columns: list[tuple[str, str]] = []
    for part in re.split(r",(?![^\[(]*[\])])", template):
        head, colon, path = part.partition(":")
        if not colon or not head or not path:
            raise Refused(f'"{part}" as a custom column', "write HEADER:.json.path")
        columns.append((head, path))
    return columns


def _column(value: Any) -> str:
    """Return a value as Go prints it in a column: maps and lists in its own way."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{k}:{_column(v)}' for k, v in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_column, value))}]"
    return "<nil>" if value is None else jsonpath.words(value)


def sorted_by(path: str, items: Sequence[Any], of: Any) -> list[Any]:
    """Sort as `--sort-by`: numbers as numbers, quantities and times by value, texts by text."""

    def key(item: Any) -> Any:
        try:
            found = jsonpath.find(path, of(item))
        except jsonpath.Missing:
            found = []
        return found[0] if found else None

    def compare(first: Any, second: Any) -> int:
        a, b = key(first), key(second)
        if a is None or b is None:
            return (a is not None) - (b is not None)
        if isinstance(a, str) and isinstance(b, str):
            first_value, second_value = _quantity(a), _quantity(b)
            if first_value is not None and second_value is not None:
                a, b = first_value, second_value
        try:
            return int(a > b) - int(a < b)
        except TypeError:
            return (str(a) > str(b)) - (str(a) < str(b))

    return sorted(items, key=cmp_to_key(compare))


def _quantity(text: str) -> float | None:
    """Return what a quantity such as "100m" or "2Gi" amounts to."""
    match = _QUANTITY.fullmatch(text)
    return float(match[1]) * _UNITS[match[2]] if match else None


def _without_managers(item: Json) -> Json:
    metadata = {k: v for k, v in item["metadata"].items() if k != "managedFields"}
    return {**item, "metadata": metadata}


def _nothing(call: Call, where: Sequence[str | None], wanted: Sequence[Wanted]) -> str:
    if call.on("ignore-not-found"):
        return ""
    spaces = ", ".join(filter(None, where))
    if not spaces or call.on("all-namespaces"):
        return "No resources found"
    return f"No resources found in {spaces} namespace."
