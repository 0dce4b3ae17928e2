"""asyncgen: validated chat conversations from a knowledge base and a recipe.

From Python: `load_recipe`, `generate` (an async iterator of conversations), `run` (all of them in one call) and `open`
(an output line by line). What they raise is an `AsyncgenError`; `asyncgen.errors` has them all. Each name is loaded
when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncgen.api.background import Failure, Result
    from asyncgen.api.generate import Generated, Generation, generate, load_recipe, run
    from asyncgen.api.lines import Line, Output
    from asyncgen.api.lines import open_output as open  # noqa: A004 - read as asyncgen.open
    from asyncgen.errors import AsyncgenError, ConfigError, FatalError

__version__ = "0.1.0"
__all__ = [
    "AsyncgenError",
    "ConfigError",
    "Failure",
    "FatalError",
    "Generated",
    "Generation",
    "Line",
    "Output",
    "Result",
    "generate",
    "load_recipe",
    "open",
    "run",
]

_HOMES = {
    "AsyncgenError": "asyncgen.errors:AsyncgenError",
    "ConfigError": "asyncgen.errors:ConfigError",
    "Failure": "asyncgen.api.background:Failure",
    "FatalError": "asyncgen.errors:FatalError",
    "Generated": "asyncgen.api.generate:Generated",
    "Generation": "asyncgen.api.generate:Generation",
    "Line": "asyncgen.api.lines:Line",
    "Output": "asyncgen.api.lines:Output",
    "Result": "asyncgen.api.background:Result",
    "generate": "asyncgen.api.generate:generate",
    "load_recipe": "asyncgen.api.generate:load_recipe",
    "open": "asyncgen.api.lines:open_output",
    "run": "asyncgen.api.generate:run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
