"""`asyncgen judge`: its flags, and a sample of an output read by a model with the knowledge base before it."""

import argparse
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncgen.command.output_flags import add_output, add_sources, find_sources, open_dataset
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.command.request_flags import add_model_flags
from asyncgen.command.run_flags import add_batch_flags, add_call_flags, add_log, add_screen_flags
from asyncgen.command.stderr import say
from asyncgen.errors import ConfigError
from asyncgen.output.paths import OutputPaths
from asyncgen.runs.values import whole
from asyncgen.text import quantity

if TYPE_CHECKING:
    from asyncgen.data.dataset import Dataset
    from asyncgen.data.sample import Sample
    from asyncgen.runs.config import GenerateConfig

ABOUT = (
    "What no rule sees, such as a true figure told of the wrong thing, or an answer that agrees with a false claim. "
    "Each conversation of a sample is one call: what the assistant claims, supported, contradicted or absent with the "
    "sentence of the knowledge base that decides, and yes-no questions, which the recipe may change. The grades go to "
    "OUTPUT.grades.jsonl, where audit, filter --below, show, view and report find them. The same line goes on after "
    "any stop; a line that was edited since is judged again, one that has only moved is not."
)
CLOSING: Sections = {
    EXAMPLES: {
        "judge data/nanochat.jsonl": "500 conversations, always the same ones",
        "judge data/nanochat.jsonl --sample 20k --model openai/gpt-5-mini --budget 40": "more, by another judge",
        "judge data/nanochat.jsonl --agreement": "how far to believe it",
        "judge data/nanochat.offline.jsonl --sample 50 --provider offline": "try it: the offline engine is no judge",
    },
    "exit status": {
        "0": "all judged",
        "1": "stopped by a fault of the run",
        "2": "usage or configuration",
        "3": "finished, but some conversations could not be judged",
        "4": "left with batches under way, or cancelled: the same line goes on",
        "130": "interrupted",
    },
}
SAMPLE = 500


def add_arguments(parser: Parser) -> None:
    add_output(parser)
    add = parser.add_argument_group("what to judge").add_argument
    add("--sample", type=whole(1), default=SAMPLE, metavar="N", help="conversations to judge (default: %(default)s)")
    add(
        "--twice",
        action="store_true",
        help="ask twice, in reverse order, and tell how often both agree (default: once)",
    )
    add(
        "--agreement",
        action="store_true",
        help="judge nothing, tell how far the judge agrees with OUTPUT.labels.jsonl, and with itself (default: judge)",
    )
    add_sources(parser)
    add_call_flags(parser, add_model_flags(parser, "the recipe's judge, or else its model"))
    add = parser.add_argument_group("files").add_argument
    add("--overwrite", action="store_true", help="judge all anew; earlier grades are renamed (default: go on)")
    add("--allow-changed", action="store_true", help="go on with other questions or another judge (default: refuse)")
    add_log(add)
    add_batch_flags(parser)
    add_screen_flags(parser.add_argument_group("screen").add_argument)


def run(flags: argparse.Namespace, command: str) -> int:
    from asyncgen.audit.judged import Judged
    from asyncgen.audit.measures.agreement import measure_by_question
    from asyncgen.command.config import read_judge_config
    from asyncgen.command.log_file import start_logging
    from asyncgen.data.grades import Grades
    from asyncgen.data.labels import compare_twice
    from asyncgen.data.sample import Sample
    from asyncgen.data.verdicts import take_verdicts
    from asyncgen.jobs.judgement import Exhibit, Judgements, judge_recipe
    from asyncgen.output.keys import Keys
    from asyncgen.report.agreed import print_judged
    from asyncgen.runs.configure import read_environment
    from asyncgen.screen.rows import command_line
    from asyncgen.screen.terminal import generate

    if flags.agreement:
        return _tell_agreement(OutputPaths.of(flags.output))
    dataset = open_dataset(flags)
    recipe, knowledge = find_sources(dataset, "nothing to judge by")
    with closing(Sample(dataset, flags.sample)) as sample:
        if not sample.keys:
            raise ConfigError(f"{dataset.paths.output}: there is no conversation to judge")
        asked = judge_recipe(recipe, knowledge, recipe.judge.model or str(recipe.request.get("model", "")))
        keys = Keys(sample.keys)
        config = read_judge_config(flags, asked, keys, read_environment(say), command)
        config = replace(config, notices=[*config.notices, *_warn(config, dataset, sample)])
        is_same = dataset.header is not None and dataset.header.digests == recipe.digests()
        if recipe.is_judged and is_same and not (flags.twice or flags.overwrite):
            config = replace(config, notices=[*config.notices, *filter(None, [take_verdicts(config, dataset.paths)])])
        start_logging(config.log, debug=config.debug)
        job = Judgements(asked, config.plan.model, keys, lambda key: Exhibit(*sample.read(key)), flags.twice)
        status = generate(config, lambda _: job, lambda _: [command_line("audit", flags.output)])
    grades = Grades(dataset.paths)
    if (result := Judged(grades).of_all()) is not None and not flags.quiet:
        print_judged(result, measure_by_question(compare_twice(grades)))
    return status


def _warn(config: "GenerateConfig", dataset: "Dataset", sample: "Sample") -> list[str]:
    """What a person should know before a judge is paid: who it is, and that equal conversations are judged once."""
    from asyncgen.jobs.judgement import warn_of_judge

    headers = dataset.ledger.headers
    writers = {each for header in headers for each in (str(header.request.get("model")), *header.models)}
    warnings = warn_of_judge(config.plan.model, writers, config.plan.endpoint)
    if sample.repeats:
        different, there = quantity(len(sample), "different conversation"), len(sample) + sample.repeats
        warnings.append(f"{different} in {quantity(there, 'line')}: what repeats another is judged once")
    return warnings


def _tell_agreement(paths: OutputPaths) -> int:
    from asyncgen.audit.measures.agreement import measure_by_question
    from asyncgen.data.grades import Grades
    from asyncgen.data.labels import compare_labels, compare_twice, labels_path, read_labels
    from asyncgen.report.agreed import ASKED_TWICE, print_agreement
    from asyncgen.screen.rows import command_line

    grades = Grades(paths)
    if not len(grades):
        raise ConfigError(f"--agreement: no grades at {grades.path}: {command_line('judge', paths.output)} makes them")
    by_hand = measure_by_question(compare_labels(grades, read_labels(paths)))
    twice = measure_by_question(compare_twice(grades))
    if not (by_hand or twice):
        raise ConfigError(
            f"--agreement: nothing to compare the grades with: {labels_path(paths)} has no answer to what was judged, "
            f"and nothing was asked --twice: {command_line('view', paths.output)} takes answers"
        )
    if by_hand:
        print_agreement("the judge, by a person's answers", by_hand, "labelled")
    if twice:
        print_agreement(ASKED_TWICE, twice, "asked twice")
    return 0
