"""What a judge has said while conversations were made, as grades beside the output, as if it had been asked afterwards.

A run's journal has the verdict on each conversation that was good enough. They become lines of the grades by the same
protocol as those of `judge`, under the same header, so that an audit, a filter and a viewer know them, and `judge` does
not pay for them again. What a kill has prevented the next run makes good.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from itertools import islice

from asyncgen.conversation import encode_document
from asyncgen.data.dataset import read_entries
from asyncgen.errors import BadReplyError, ConfigError
from asyncgen.jobs.judgement import Exhibit, Judgements, judge_recipe, parse_judgement
from asyncgen.output.begin import prepare
from asyncgen.output.files import Record
from asyncgen.output.grades import GRADE_HASH, Grade, grades_paths
from asyncgen.output.journal import Done, Header, encode_entry
from asyncgen.output.keys import Keys
from asyncgen.output.lock import locked
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import JUDGE, MODEL
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.run import make_header

AT_ONCE = 256  # grades


def keep_verdicts(config: GenerateConfig, output: OutputPaths) -> str:
    """Write those that are no grades yet; what should be known of it. `config`: of a run that has ended."""
    judged = _judged(output) if config.plan.recipe.is_judged else ()
    keys = Keys([*dict.fromkeys(bytes.fromhex(each.digest) for each in judged)])
    if not keys.wanted:
        return ""
    paths = grades_paths(output)
    asked = judge_recipe(config.plan.recipe, config.plan.recipe.knowledge, str(config.plan.settings_of(JUDGE)[MODEL]))
    job = Judgements(asked, asked.judge.model or "", keys, lambda _: Exhibit((), ""))
    plan = replace(
        config.plan, recipe=asked, settings=config.plan.settings_of(JUDGE), models={}, seats={}, seed=None, first=0
    )
    header = make_header(replace(config, plan=plan, batching=None, save_metadata=False), job)
    try:
        with locked(paths):
            start = prepare(paths, header, keys=keys)
            pending = {keys[index]: index for index in start.pending()}
            if pending:
                with closing(start.open(config.timings.clock)) as files:
                    records = _records(output, job, pending)
                    while batch := [*islice(records, AT_ONCE)]:
                        files.append_batch(batch)
                    files.append_mark()
    except ConfigError as error:
        return f"the verdicts of this run stay in its journal: {error}"
    return ""


def _judged(output: OutputPaths) -> Iterator[Done]:
    """Calls that were the judge's, of an output whose digests are those of grades."""
    for entry in read_entries(output.journal):
        if isinstance(entry, Header) and entry.line_hash != GRADE_HASH:
            return
        if isinstance(entry, Done) and entry.verdict:
            yield entry


def _records(output: OutputPaths, job: Judgements, pending: dict[bytes, int]) -> Iterator[Record]:
    """Their cost stays with the run that has paid it."""
    for entry in _judged(output):
        index = pending.pop(bytes.fromhex(entry.digest), None)
        with suppress(BadReplyError):
            if index is not None:
                grade = Grade(entry.digest, job.model, parse_judgement(entry.verdict, job.recipe.judge.questions))
                done = Done(index=index, digest=entry.digest, time=entry.time, cost=Decimal(0))
                yield Record(encode_entry(done), line=encode_document(grade))
