"""What an export has written and left out, and how the result is loaded, in a terminal."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asyncgen.export.export import Plan, Result, Sources
from asyncgen.export.staging import rows_path
from asyncgen.export.tokens import CUTS, ESTIMATED, estimate_tokens
from asyncgen.text import one_line


def print_export(sources: Sources, plan: Plan, result: Result) -> None:
    console = Console(markup=False, emoji=False, highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for dataset in sources.values():
        table.add_row("input", f"{len(dataset):,}", one_line(str(dataset.paths.output)))
    for reason, tally in result.left_out.items():
        table.add_row("left out", f"{tally.count:,}", f"{reason}: {one_line(tally.describe())}")
    for path, rows in result.files.items():
        table.add_row("written", f"{rows:,}", one_line(str(path)))
    for path in (*result.companions, rows_path(plan.path)):
        table.add_row("beside", "", one_line(str(path)))
    for label, count, text in _describe_length(plan, result):
        table.add_row(label, count, text)
    if result.own_system.count:
        told = f"have a system message of their own and keep it: {result.own_system.describe()}"
        table.add_row("system", f"{result.own_system.count:,}", told)
    for note in result.notes:
        table.add_row("note", "", note)
    console.print(table)
    left = sum(each.count for each in result.left_out.values())
    console.print(Text(f"{result.rows:,} rows written, {left:,} lines left out", style="bold"))
    for line in describe_loading(plan):
        console.print(Text(one_line(line)), soft_wrap=True)


def _describe_length(plan: Plan, result: Result) -> Iterator[tuple[str, str, str]]:
    how = f" ({ESTIMATED})" if plan.count_tokens is estimate_tokens else ""
    yield "longest", f"{result.longest:,}", f"tokens{how}"
    for limit, tally in result.long.items():
        if tally.count:
            who = f", where {CUTS[limit]}" if limit in CUTS else ""
            yield "long", f"{tally.count:,}", f"longer than {limit:,} tokens{who}: {tally.describe()}"
        elif limit == plan.max_tokens:
            yield "long", "0", f"longer than {limit:,} tokens"


def describe_loading(plan: Plan) -> Iterator[str]:
    """How the result is read, as a line of Python or a setting; nothing where a form on a website takes it."""
    path = str(plan.path)
    match plan.format.name:
        case "messages" | "openai" | "sharegpt" | "prompt-completion" | "parquet" | "hub":
            yield f"next: datasets.load_dataset({_name_builder(plan)})"
        case "nanochat":
            yield f"next: tasks.common.load_hub_dataset({plan.path.name.replace('--', '/')!r}), in nanochat"
            if plan.path.parent.name != "task_data":
                yield f"nanochat looks for it in NANOCHAT_BASE_DIR/task_data/{plan.path.name}, not in {path}"
        case _:
            pass


def _name_builder(plan: Plan) -> str:
    if not plan.is_file:
        return repr(str(plan.path))
    builder = "parquet" if plan.path.suffix == ".parquet" else "json"
    return f'"{builder}", data_files={str(plan.path)!r}'
