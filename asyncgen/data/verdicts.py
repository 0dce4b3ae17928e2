"""What a judge has said while conversations were made, as grades beside the output, as if it had been asked afterwards.

A run's journal has the verdict on each conversation that was good enough. They become lines of the grades by the same
protocol as those of `judge`, under the same header, so that an audit, a filter and a viewer know them, and `judge` does
not pay for them again. What a kill has prevented the next run makes good, or `judge`, as it does for merged shards.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from itertools import islice

import msgspec

from asyncgen.conversation import LineHash, digest_conversation, encode_document
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
from asyncgen.output.scan import read_line
from asyncgen.recipe.recipe import JUDGE, MODEL
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.open import make_header

AT_ONCE = 256  # grades


def keep_verdicts(config: GenerateConfig, output: OutputPaths) -> str:
    """Those of a run that has ended and whose `config` it is; what should be known of it."""
    if not config.plan.recipe.is_judged:
        return ""
    settings = config.plan.settings_of(JUDGE)
    asked = judge_recipe(config.plan.recipe, config.plan.recipe.knowledge, str(settings[MODEL]))
    plan = replace(config.plan, recipe=asked, settings=settings, models={}, seats={}, seed=None, first=0)
    return take_verdicts(replace(config, plan=plan, batching=None, save_metadata=False), output)


def take_verdicts(config: GenerateConfig, output: OutputPaths) -> str:
    """Write those that are no grades yet. `config`: of a run that asks the same judge the same of the same output."""
    judge, paths = config.plan.model, grades_paths(output)
    keys = Keys([*dict.fromkeys(bytes.fromhex(each.digest) for each in _judged(output, judge))])
    if not keys.wanted:
        return ""
    job = Judgements(config.plan.recipe, judge, keys, lambda _: Exhibit((), ""))
    try:
        with locked(paths):
            start = prepare(paths, make_header(config, job), keys=keys)
            if pending := {keys[index]: index for index in start.pending()}:
                with closing(start.open(config.timings.clock)) as files:
                    records = _records(output, job, pending)
                    while batch := [*islice(records, AT_ONCE)]:
                        files.append_batch(batch)
                    files.append_mark()
    except ConfigError as error:
        return f"verdicts that are in the journal already are no grades: {error}"
    return ""


def _judged(output: OutputPaths, judge: str) -> Iterator[Done]:
    """Calls that were that judge's, with the digests of grades."""
    names: Mapping[str, str] | None = None
    for entry in read_entries(output.journal):
        if isinstance(entry, Header) and entry.line_hash != GRADE_HASH and names is None:
            names = _read_names(output, entry.line_hash)
        if isinstance(entry, Done) and entry.verdict and entry.judge == judge:
            digest = entry.digest if names is None else names.get(entry.digest)
            if digest is not None:
                yield msgspec.structs.replace(entry, digest=digest)


def _read_names(output: OutputPaths, line_hash: LineHash) -> Mapping[str, str]:
    """The digests of grades, by those that a journal of format 1 has; of such an output all are held."""
    with output.output.open("rb") as lines:
        made = [conversation for line in lines if (conversation := read_line(line)) is not None]
    return {digest_conversation(each, line_hash).hex(): digest_conversation(each, GRADE_HASH).hex() for each in made}


def _records(output: OutputPaths, job: Judgements, pending: dict[bytes, int]) -> Iterator[Record]:
    """Their cost stays with the run that has paid it."""
    for entry in _judged(output, job.model):
        index = pending.pop(bytes.fromhex(entry.digest), None)
        with suppress(BadReplyError):
            if index is not None:
                grade = Grade(entry.digest, job.model, parse_judgement(entry.verdict, job.recipe.judge.questions))
                done = Done(index=index, digest=entry.digest, time=entry.time, cost=Decimal(0))
                yield Record(encode_entry(done), line=encode_document(grade))
