"""What an export has written and left out, and how the result is loaded, in a terminal."""

from collections.abc import Iterator

from rich.text import Text

from asyncgen.endpoint.presets import OFFLINE
from asyncgen.export.export import ExportPlan, ExportResult, Sources
from asyncgen.export.formats import PARQUET
from asyncgen.export.staging import rows_path
from asyncgen.export.tokens import CUTS, ESTIMATED, estimate_tokens
from asyncgen.report.status import pending_rows
from asyncgen.screen.rows import near, plain_console, print_copied, tally_grid
from asyncgen.text import quantity


def print_export(sources: Sources, plan: ExportPlan, result: ExportResult) -> None:
    console = plain_console()
    rows = list(_describe_files(sources, plan, result))
    how = f" ({ESTIMATED})" if plan.count_tokens is estimate_tokens else ""
    rows.append(("longest", f"{result.longest:,}", f"tokens{how}"))
    for limit, tally in result.long.items():
        if tally.count:
            who = f", where {CUTS[limit]}" if limit in CUTS else ""
            told = f"longer than {quantity(limit, 'token')}{who}: {tally.describe()}"
            rows.append(("long", f"{tally.count:,}", told))
        elif limit == plan.max_tokens:
            rows.append(("long", "0", f"longer than {quantity(limit, 'token')}"))
    console.print(tally_grid(rows))
    left = sum(each.count for each in result.left_out.values())
    console.print(Text(f"{quantity(result.rows, 'row')} written, {quantity(left, 'line')} left out", style="bold"))
    path = repr(near(plan.path))
    if plan.format.name in ("gemini", "bedrock", "arrays"):  # a form on a website takes it
        return
    if plan.format.name == "nanochat":
        loading = f"tasks.common.load_hub_dataset({plan.path.name.replace('--', '/')!r}), in nanochat"
    elif plan.is_file:
        kind = "parquet" if plan.format.suffix == PARQUET else "json"
        loading = f"datasets.load_dataset({kind!r}, data_files={path})"
    else:
        loading = f"datasets.load_dataset({path})"
    print_copied(console, "next", loading)


def _describe_files(sources: Sources, plan: ExportPlan, result: ExportResult) -> Iterator[tuple[str, str, str]]:
    for dataset in sources.values():
        yield "input", f"{len(dataset):,}", near(dataset.paths.output)
        yield from pending_rows(dataset)
    for reason, tally in result.left_out.items():
        yield "left out", f"{tally.count:,}", f"{reason}: {tally.describe()}"
    for path, rows in result.files.items():
        yield "written", f"{rows:,}", near(path)
    for path in (*result.companions, rows_path(plan.path)):
        yield "beside", "", near(path)
    if plan.system is not None:
        yield "system", "", plan.system
    if result.own_system.count:
        told = f"have a system message of their own and keep it: {result.own_system.describe()}"
        yield "system", f"{result.own_system.count:,}", told
    for note in result.notes:
        yield "note", "", note
    if all(each.header is not None and each.header.provider == OFFLINE for each in sources.values()):
        yield "note", "", "quotations of the offline engine: good for trying, not for training"
    if plan.format.name == "nanochat" and plan.path.parent.name != "task_data":
        yield "note", "", f"nanochat looks for it in NANOCHAT_BASE_DIR/task_data/{plan.path.name}"
