"""The pages that travel with the program: Markdown, on a terminal in its colours, anywhere else as it is written.

A page is a file of asyncgen/pages. Its first line, `# Name: what it is about`, is what the list of pages says.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "pages"
WIDEST = 100  # columns: longer lines are hard to read
_PICTURE = re.compile(r"^!\[.*\n\n?", re.MULTILINE)


class Pages(Mapping[str, str]):
    """What each page is about, by its name; read when that is asked for, which most commands never do."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in FOLDER.glob("*.md")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> str:
        if all(each != name for each in self):
            raise KeyError(name)
        with (FOLDER / f"{name}.md").open(encoding="utf-8") as file:
            return file.readline().partition(": ")[2].strip()


def print_page(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    console = Console(theme=Theme({"markdown.code": "cyan"}))  # without the black that it has on any background
    page = Markdown(_PICTURE.sub("", text), hyperlinks=False, code_theme="ansi_dark")
    console.print(page, width=min(console.width, WIDEST))
