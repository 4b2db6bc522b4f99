"""The one rule of the rooms: imports go one way. docs/architecture.md has the picture."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src" / "ctaudit"
# From the top to the bottom; a room imports its own modules and those of lower floors.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"commands", "arguments"},
    {"question_options"},
    {"options", "words"},
    {"web", "admin"},
    {"report"},
    {"picture"},
    {"letter"},
    {"capture", "record", "forward", "query"},
    {"spool", "database"},
    {"conntrack"},
    {"config"},
    {"output"},
    {"errors"},
    # __version__, which any room may state.
    {"__init__"},
)
READERS_OF_TEXT = {"cli", "commands", "web", "admin", "report", "picture"}


def room_of(module: str) -> str:
    """``ctaudit.spool.frame`` -> ``spool``; ``ctaudit`` -> ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCES.rglob("*.py")):
        parts = path.relative_to(SOURCES.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    """The modules of ours that a module names in an import, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names if item.name.startswith("ctaudit"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ctaudit"):
            base = str(node.module)
            for item in node.names:
                inner = SOURCES.parent.joinpath(*base.split("."), item.name)
                is_module = inner.with_suffix(".py").is_file() or inner.is_dir()
                yield f"{base}.{item.name}" if is_module else base


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def fault(importer: str, imported: str) -> str | None:
    """Why ``importer`` may not import ``imported``; None: it may."""
    above, below = room_of(importer), room_of(imported)
    if above == "host":
        return None if below in ("host", "__init__") else "host imports nothing of ours"
    if below == "host":
        return None
    if imported.endswith("_text") and above not in {below, *READERS_OF_TEXT}:
        return "a _text module is for its own room, cli, commands, web, admin, report and picture"
    if above == below or floor_of(above) < floor_of(below):
        return None
    return f"{above} does not lie above {below}"


def test_imports_go_one_way() -> None:
    faults = [
        f"{name} imports {imported}: {why}"
        for name, tree in modules()
        for imported in imports(tree)
        if (why := fault(name, imported))
    ]
    assert faults == []


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {name: set(imports(tree)) - {name} for name, tree in modules()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name in done:
            return
        for imported in sorted(graph.get(name, ())):
            visit(imported, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("ctaudit.record.recorder", "ctaudit.capture.receiver"),
        ("ctaudit.spool.writer", "ctaudit.database.connection"),
        ("ctaudit.conntrack.event", "ctaudit.spool.frame"),
        ("ctaudit.host.log", "ctaudit.errors"),
        ("ctaudit.query.lookup", "ctaudit.database.schema_text"),
        ("ctaudit.errors", "ctaudit.config"),
        ("ctaudit.admin.nodes", "ctaudit.commands.source"),
        ("ctaudit.commands.questions", "ctaudit.cli"),
        ("ctaudit.letter.letter", "ctaudit.report.page"),
    ],
)
def test_the_rule_refuses(importer: str, imported: str) -> None:
    assert fault(importer, imported)


def test_every_room_has_a_floor_and_says_what_it_is() -> None:
    for folder in (path for path in SOURCES.iterdir() if path.is_dir()):
        if folder.name != "__pycache__":
            assert folder.name == "host" or floor_of(folder.name)
            assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("ctaudit.capture.process", ("psycopg", "pyroute2")),
        ("ctaudit.record.recorder", ("pyroute2",)),
    ],
)
def test_a_daemon_loads_only_what_it_needs(module: str, unwanted: tuple[str, ...]) -> None:
    script = f"import sys, ctaudit.cli, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "ctaudit" in loaded
    assert loaded.isdisjoint(unwanted)
