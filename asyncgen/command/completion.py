"""`asyncgen completion`: a script that lets a shell complete commands, flags and values.

What a value is completed with is told by its metavar, so that a flag of any command is completed like its sisters.
"""

import argparse
import sys
from collections.abc import Sequence

from asyncgen.command.pages import Pages
from asyncgen.command.parser import EXAMPLES, Parser, Sections

ABOUT = "The script holds all it needs, so make it again after an update."
CLOSING: Sections = {
    EXAMPLES: {
        "completion bash > ~/.local/share/bash-completion/completions/asyncgen": "for every new bash",
        "completion zsh > ~/.zfunc/_asyncgen": "for zsh, when ~/.zfunc is in fpath before compinit",
        "completion fish > ~/.config/fish/completions/asyncgen.fish": "for fish",
        "completion tcsh > ~/.asyncgen.csh": "for tcsh, which ~/.tcshrc then has to source",
    }
}
SHELLS = ("bash", "zsh", "fish", "tcsh")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")
    parser.set_defaults(parser=parser)


def run(flags: argparse.Namespace, _: str) -> int:
    import shtab

    from asyncgen.audit.rules import RULES
    from asyncgen.recipe.load import BUILT_IN
    from asyncgen.scaffold.draft import KINDS

    root: Parser = flags.parser.root
    recipes = " ".join(BUILT_IN)
    files = {
        "FILE": shtab.FILE,
        "CLEAN": shtab.FILE,
        # zsh takes the parentheses that shtab puts around a single pattern for something else.
        "OUTPUT": {**shtab.glob("*.jsonl"), "zsh": "_files -g '*.jsonl'"},
        "PATH": shtab.FILE,
        "RECIPE": {
            "bash": "_asyncgen_recipes",
            "zsh": "_asyncgen_recipes",
            "fish": f"(printf '%s\\n' {recipes}; __fish_complete_directories)",
            "tcsh": "d",
            "preamble": {
                "bash": f'_asyncgen_recipes() {{ compgen -W "{recipes}" -- "$1"; compgen -d -- "$1"; }}',
                "zsh": f"_asyncgen_recipes() {{ compadd {recipes}; _files -/; }}",
            },
        },
    }
    words: dict[str, Sequence[str]] = {
        "RULE": tuple(RULES),
        "RULE=RATE": [f"{rule}=1%" for rule in RULES],
        "WHAT": tuple(KINDS),
        "WORD": (*root.commands, *Pages()),
    }
    for parser in root.commands.values():
        for action in parser.actions:
            if action.metavar in files:
                action.complete = files[action.metavar]  # type: ignore[attr-defined]  # where shtab looks for it
            elif action.metavar in words:
                action.choices = words[action.metavar]
        parser.description = (parser.description or "").partition(". ")[0]  # zsh shows all of it beside the command
    sys.stdout.write(shtab.complete(root, flags.shell))
    return 0
