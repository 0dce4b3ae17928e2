"""A job of two calls for each conversation: a draft, and the draft made better by somebody else.

`python two_calls.py generate ...` runs it as `asyncgen generate` runs conversations.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from asyncgen.command.commands import build_parser
from asyncgen.command.config import read_generate_config
from asyncgen.conversation import encode_line
from asyncgen.endpoint.answer import Completion
from asyncgen.errors import BadReplyError
from asyncgen.jobs.work import Product, Request
from asyncgen.recipe.accept import parse_conversation
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.configure import read_environment
from asyncgen.screen.terminal import generate
from asyncgen.timings import USUAL, Timings


@dataclass(frozen=True)
class Polished:
    drafts: Recipe
    scenarios: Scenarios
    kind: str = "polished conversations"

    @property
    def prompts(self) -> Mapping[str, Recipe]:
        return {"": self.drafts, "editor": replace(self.drafts, system=None, user="Polish {draft}", dimensions=())}

    @property
    def digests(self) -> Mapping[str, str]:
        return self.drafts.digests()

    def open(self, index: int) -> "PolishedWork":
        return PolishedWork(self.drafts, Request(self.scenarios.draw(index)))


@dataclass
class PolishedWork:
    drafts: Recipe
    request: Request

    def take(self, reply: Completion, *, ask: int) -> Product | None:
        if not self.request.seat:
            if not reply.text.startswith("draft"):
                raise BadReplyError("no-draft", f"ask {ask}: the reply is no draft")
            self.request = Request({"draft": reply.text}, "editor")
            return None
        conversation = parse_conversation(reply.text, self.drafts.rules, finish_reason=reply.finish_reason)
        return Product(conversation, encode_line(conversation))


def polished(config: GenerateConfig) -> Polished:
    recipe = config.plan.recipe
    return Polished(recipe, Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=config.plan.seed))


def main(argv: Sequence[str], timings: Timings = USUAL) -> int:
    given = build_parser().parse_args(argv)
    return generate(read_generate_config(given, read_environment(print), "again", timings), polished)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
