"""Packs the twin's program, with what it shares with the emulator, as one zip that Python runs.

What goes in is found by following imports from the program's entry. Comments, docstrings and
type-checking imports stay out, and the package is renamed: a container holds a service's program,
not an evaluation.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import marshal
import sys
import zipfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENTRY = "eval.environments.kube.program.main"
_OWN = ("eval", "connectors")
_NAMES = (
    ("eval.environments.kube.program", "service"),
    ("eval.environments.emulator.traffic", "service.common"),
    ("eval.environments.emulator", "service.seam"),
    ("eval.apps", "service.app"),
    ("connectors.api", "service.values"),
)
_PARTLY = "connectors."
"""Of these modules only what the others ask for is taken."""
_EPOCH = (2020, 1, 1, 0, 0, 0)


class NotShareable(ImportError):
    """A module that the program needs imports more than the standard library and its like."""


@cache
def bundle() -> bytes:
    """Return the zip. The same sources give the same bytes. Raises `NotShareable`."""
    trees = _trees()
    wanted = {
        alias.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PARTLY)
        for alias in node.names
    }
    files: dict[str, str] = {}
    for module, tree in trees.items():
        if module.startswith(_PARTLY):
            tree.body = [node for node in tree.body if _names(node) <= wanted]
        renamed = _Renamer().visit(tree)
        place = _renamed(module).replace(".", "/") + (
            "/__init__.py" if _source(module)[1] else ".py"
        )
        files[place] = ast.unparse(ast.fix_missing_locations(renamed)) + "\n"
    for place in list(files):
        for parent in Path(place).parents[:-1]:
            files.setdefault(f"{parent}/__init__.py", "")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(place, _EPOCH), text, zipfile.ZIP_DEFLATED)
            compiled = zipfile.ZipInfo(place + "c", _EPOCH)
            archive.writestr(compiled, _compiled(place, text), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _trees() -> dict[str, ast.Module]:
    """The program's modules, without what a container need not have."""
    found: dict[str, ast.Module] = {}
    waiting = [ENTRY]
    while waiting:
        module = waiting.pop()
        if module not in found:
            text = _source(module)[0].read_text("utf-8")
            found[module] = _Cleaner(module).visit(ast.parse(text))
            waiting += _imported(found[module])
    return found


def _names(node: ast.stmt) -> set[str]:
    """What a statement of a module defines, beside imports."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else ()
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _compiled(place: str, text: str) -> bytes:
    """Byte code for this Python's like (PEP 552, unchecked); any other takes the source beside it.

    Later formats of `marshal` write how often a constant is referred to, which differs from run to run.
    """
    code = compile(text, place, "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
    return header + importlib.util.source_hash(text.encode()) + marshal.dumps(code, 2)


def _source(module: str) -> tuple[Path, bool]:
    path = ROOT.joinpath(*module.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py"), False
    return path / "__init__.py", True


def _imported(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and _is_own(node.module):
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name for name in inside if _source(name)[0].is_file()]
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if _is_own(alias.name)]
    return found


def _is_own(module: str) -> bool:
    return module.split(".")[0] in _OWN


def _renamed(module: str) -> str:
    for name, other in _NAMES:
        if module == name or module.startswith(name + "."):
            return other + module.removeprefix(name)
    raise NotShareable(f"{module} has no place in the bundle")


class _Cleaner(ast.NodeTransformer):
    """Drops docstrings and imports for type checkers; refuses what is not in the standard library."""

    def __init__(self, module: str) -> None:
        self._module = module

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        self._check(node.module or "")
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        for alias in node.names:
            self._check(alias.name)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = [part for part in node.body if not _is_text(part)]
            node.body = body or ([] if isinstance(node, ast.Module) else [ast.Pass()])
        return super().generic_visit(node)

    def _check(self, module: str) -> None:

        if not _is_own(module) and module.split(".")[0] not in sys.stdlib_module_names:
            raise NotShareable(f"{self._module} imports {module}, which a stock image lacks")


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class _Renamer(ast.NodeTransformer):
    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.module and _is_own(node.module):
            node.module = _renamed(node.module)
        return node
