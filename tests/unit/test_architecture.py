"""The layers of the package, enforced: which may import which, no cycles, nothing random or timed, nothing too large.

The package is read as text and never imported. Every rule is a function from parsed modules to a list of offences, and
has, below, a tiny invented package that breaks it.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "PhantomLibrary"

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
SIZED = (PACKAGE, "tests", "benchmarks")  # And dev.py.

# What each layer may import, beside itself. Layers of one brace are those that appear in none of each other's sets.
FOUNDATION = {"errors", "domain", "kernel"}
PURE = {"protocols", "placement", "sql"}
UNDER_TESTBED = FOUNDATION | PURE | {"database", "world", "workloads", "checking"}
ABOVE_TESTBED = {"zoo", "exploration", "reporting"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "domain": {"errors"},
    "kernel": {"errors", "domain"},
    **dict.fromkeys(PURE | {"world", "workloads", "checking"}, FOUNDATION),
    "database": FOUNDATION | PURE,
    "testbed": UNDER_TESTBED,
    **{layer: UNDER_TESTBED | {"testbed"} for layer in ABOVE_TESTBED},
    "keywords": UNDER_TESTBED | ABOVE_TESTBED | {"testbed"},
    "__main__": UNDER_TESTBED | ABOVE_TESTBED | {"testbed"},  # Not keywords: a replay must not pay for importing Robot.
    "__init__": {"keywords"},  # Lazily: it makes the library class reachable as PhantomLibrary.PhantomLibrary.
}
EVERYWHERE = {"__init__"}  # The version lives there.

DETERMINISTIC = UNDER_TESTBED | {"testbed", "zoo"}
NOT_DETERMINISTIC = {"random", "time", "asyncio", "datetime", "secrets", "uuid"}
EXCEPTIONS: dict[str, set[str]] = {
    "kernel.streams": {"random"},  # Wraps the one generator, seeded, that all streams draw from.
    "kernel.scheduler": {"time"},  # Bounds the wall time of a run; decides nothing in it.
    "testbed.crew": {"time"},  # Deadlines of real threads; what these do stands in the schedule.
}


class Module(NamedTuple):
    """A parsed module. `name` lacks the package, as in `kernel.streams`; `imports` are full dotted names."""

    name: str
    tree: ast.Module
    imports: frozenset[str]

    @property
    def layer(self) -> str:
        # A program inside a layer, as in `python -m PhantomLibrary.zoo`, stands above all layers like the main one.
        return "__main__" if self.name.endswith("__main__") else self.name.partition(".")[0]


Modules = Mapping[str, Module]


def parse(sources: Mapping[str, str]) -> Modules:
    """Return modules by name, from sources by name."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    return {name: Module(name, tree, frozenset(imports_of(name, tree, trees))) for name, tree in trees.items()}


def imports_of(name: str, tree: ast.Module, known: Mapping[str, object]) -> Iterator[str]:
    """Yield what a module imports, wherever in it: also under TYPE_CHECKING and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # STYLE: by full path. A relative import would escape every rule here, so it is an offence of its own.
            assert not node.level, f"{name} line {node.lineno}: import by full path, not relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if own(full) in known else str(node.module)


def own(imported: str) -> str | None:
    """Return the name inside the package of something imported, or None when it is not ours."""
    package, _, name = imported.partition(".")
    return (name or "__init__") if package == PACKAGE else None


# --- the rules --------------------------------------------------------------------------------------------------------


def layer_offences(modules: Modules) -> list[str]:
    offences = []
    for module in modules.values():
        if module.layer not in ALLOWED:
            offences.append(f"{module.name} is in no known layer")
            continue
        for target in sorted(filter(None, map(own, module.imports))):
            layer = target.partition(".")[0]
            if layer not in ALLOWED[module.layer] | EVERYWHERE | {module.name.partition(".")[0]}:
                offences.append(f"{module.name} imports {target}: {module.layer} may not know {layer}")
    return offences


def cycles(modules: Modules) -> list[str]:
    """Return the cycles of imports, each once, as `a -> b -> a`. The root's lazy import of the library is none."""
    graph = {name: sorted(filter(None, map(own, module.imports))) for name, module in modules.items()}
    graph["__init__"] = []
    found: list[str] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for target in graph.get(name, ()):
                visit(target, [*path, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def robot_offences(modules: Modules) -> list[str]:
    return [
        f"{module.name} imports {name}: only keywords may"
        for module in modules.values()
        for name in sorted(module.imports)
        if module.layer != "keywords" and name.partition(".")[0] in ("robot", "robotlibcore")
    ]


def determinism_offences(modules: Modules) -> list[str]:
    return [
        f"{module.name} imports {name}, which differs from run to run"
        for module in modules.values()
        if module.layer in DETERMINISTIC
        for name in sorted(module.imports)
        if name.partition(".")[0] in NOT_DETERMINISTIC - EXCEPTIONS.get(module.name, set())
    ]


def size_offences(sources: Mapping[str, str]) -> list[str]:
    offences = []
    for name, source in sources.items():
        lines = len(source.splitlines())
        if lines > FILE_LINES_MAX:
            offences.append(f"{name} has {lines} lines")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    offences.append(f"{name}: {node.name} has {length} lines")
    return offences


# --- the project keeps them -------------------------------------------------------------------------------------------


def project_sources() -> dict[str, str]:
    folder = ROOT / PACKAGE
    names = {path: ".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")}
    return {
        name if name == "__init__" else name.removesuffix(".__init__"): path.read_text(encoding="utf-8")
        for path, name in sorted(names.items())
    }


@pytest.fixture(scope="module")
def project() -> Modules:
    return parse(project_sources())


def test_imports_point_down_only(project):
    assert layer_offences(project) == []


def test_no_modules_import_each_other_in_a_circle(project):
    assert cycles(project) == []


def test_only_keywords_know_robot(project):
    assert robot_offences(project) == []


def test_deterministic_layers_know_no_clock_and_no_chance(project):
    assert determinism_offences(project) == []


def test_files_and_functions_stay_small():
    paths = [ROOT / "dev.py", *(path for folder in SIZED for path in (ROOT / folder).rglob("*.py"))]
    assert size_offences({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}) == []


# --- each rule can be broken ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("importer", "imported", "legal"),
    [
        ("database.node", "kernel.process", True),
        ("database.node", "protocols.raft", True),
        ("database.node", "world.network", False),
        ("world.network", "database.node", False),
        ("world.network", "workloads.clients", False),
        ("checking.models", "world.network", False),
        ("checking.models", "database.node", False),
        ("protocols.raft", "sql.planner", False),
        ("placement.balance", "protocols.raft", False),
        ("kernel.scheduler", "protocols.raft", False),
        ("domain", "kernel.scheduler", False),
        ("testbed.run", "zoo.defects", False),
        ("testbed.run", "checking.models", True),
        ("zoo.defects", "protocols.raft", True),
        ("zoo.defects", "reporting.gate", False),
        ("zoo.__main__", "reporting.gate", True),
        ("zoo.__main__", "keywords.library", False),
        ("reporting.gate", "keywords.library", False),
        ("keywords.library", "reporting.gate", True),
        ("__main__", "keywords.library", False),
        ("surprise.module", "errors", False),
    ],
)
def test_layer_rule_tells_down_from_up(importer, imported, legal):
    package, _, name = f"{PACKAGE}.{imported}".rpartition(".")
    for line in (f"import {package}.{name}", f"from {package} import {name}", f"from {package}.{name} import X"):
        modules = parse({imported: "", importer: line})
        assert (layer_offences({importer: modules[importer]}) == []) == legal


def test_layer_rule_sees_imports_in_functions_and_for_types():
    hidden = f"def f():\n    from {PACKAGE}.keywords import library\n"
    typed = f"if TYPE_CHECKING:\n    from {PACKAGE}.keywords import library\n"
    assert len(layer_offences(parse({"kernel.a": hidden, "world.b": typed}))) == 2


def test_circle_is_found_and_told():
    names = ["kernel.a", "kernel.b", "kernel.c"]
    sources = {name: f"from {PACKAGE}.{names[number - 2]} import X" for number, name in enumerate(names)}
    assert cycles(parse(sources)) == ["kernel.a -> kernel.b -> kernel.c -> kernel.a"]


def test_version_may_be_read_by_the_library_that_the_root_hands_out():
    root = f"def __getattr__(name):\n    from {PACKAGE}.keywords.library import PhantomLibrary\n"
    modules = parse({"__init__": root, "keywords.library": f"from {PACKAGE} import __version__"})
    assert cycles(modules) == []
    assert layer_offences(modules) == []


@pytest.mark.parametrize("line", ["import robot.api", "from robot.api import logger", "import robotlibcore"])
def test_robot_outside_keywords_is_found(line):
    assert len(robot_offences(parse({"reporting.a": line, "keywords.b": line}))) == 1


@pytest.mark.parametrize("line", ["import random", "from time import monotonic", "from datetime import datetime"])
def test_clock_and_chance_are_found(line):
    assert len(determinism_offences(parse({"kernel.a": line, "reporting.b": line}))) == 1


def test_large_files_and_functions_are_found():
    long_function = "def f():\n" + "    pass\n" * FUNCTION_LINES_MAX
    assert size_offences({"a": long_function}) == ["a: f has 61 lines"]
    assert size_offences({"a": "x = 1\n" * FILE_LINES_MAX}) == []
    assert size_offences({"a": "x = 1\n" * (FILE_LINES_MAX + 1)}) == ["a has 401 lines"]
