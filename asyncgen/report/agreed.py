"""What a judge has said, and how far it agrees with a person and with itself, in a terminal."""

from collections.abc import Mapping

from rich.text import Text

from asyncgen.audit.measures.agreement import Agreement
from asyncgen.audit.results import JudgedResult
from asyncgen.report.audited import judged_rows
from asyncgen.screen.figure_table import FigureTable
from asyncgen.screen.rows import labelled_grid, plain_console
from asyncgen.text import one_line

NOTHING_TO_SAY = "-"
ASKED_TWICE = "the judge asked again, by its first answers"


def print_judged(result: JudgedResult, twice: Mapping[str, Agreement]) -> None:
    """`twice`: by question how far it agrees with itself, where it was asked once more."""
    plain_console().print(labelled_grid(judged_rows(result, "different conversation")))
    if twice:
        print_agreement(ASKED_TWICE, twice, "asked twice")


def print_agreement(title: str, questions: Mapping[str, Agreement], first: str) -> None:
    """`first`: whose answers are believed."""
    console = plain_console()
    console.print(Text(one_line(title), style="bold"))
    table = FigureTable("question", first, "agreed", "kappa", "balanced accuracy", texts={"question"})
    for name, each in questions.items():
        figures = (NOTHING_TO_SAY if figure is None else f"{figure:.2f}" for figure in (each.kappa, each.balanced))
        table.add_row(one_line(name), f"{each.compared:,}", f"{each.agreed * 100:.1f} %", *figures)
    console.print(table)
