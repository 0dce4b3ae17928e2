"""The files of a recipe's prompts: what they say, whether each placeholder means something, and what they are about."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.documents import read_documents, read_text
from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.recipe import KNOWLEDGE, PLACEHOLDER
from asyncgen.recipe.remarks import blank_remarks, without_remarks
from asyncgen.recipe.tables import PromptTable
from asyncgen.recipe.text_file import strip_blank_lines
from asyncgen.recipe.variables import Variables

_WORD = re.compile(r"\w[\w-]*")
# A word that does not open its sentence, so that a capital says something.
_CAPITALISED = re.compile(r"(?<=[^\W\d_,] )\w[\w-]*")


class PromptFile(NamedTuple):
    """`text`: with the recipe's variables in it, and remarks; empty where the file cannot be read."""

    path: Path
    text: str

    @property
    def sent(self) -> str:
        return strip_blank_lines(without_remarks(self.text))


def read_prompts(
    folder: Path, table: PromptTable | None, filling: Variables, problems: Problems
) -> dict[str, PromptFile]:
    named = {} if table is None else {"system": table.system, "user": table.user}
    prompts = {}
    for name, file in named.items():
        if file is not None:
            text = read_text(folder / file, f"prompt.{name}", problems)
            prompts[name] = PromptFile(folder / file, filling.fill(text))
            if text and not without_remarks(text).strip():
                problems.add_in(folder / file, f"prompt.{name} is empty but for remarks")
    return prompts


def check_placeholders(
    prompts: Mapping[str, PromptFile], dimensions: Mapping[str, Key], problems: Problems, *, is_knowledge_wanted: bool
) -> None:
    """Each one in a prompt means something, and each thing that it could mean is in a prompt."""
    known = [f"{{{name}}}" for name in (KNOWLEDGE, *dimensions)]
    used: set[str] = set()
    for path, text in prompts.values():
        sent = blank_remarks(text)
        for found in PLACEHOLDER.finditer(sent):
            if found[0] not in known and found[1] not in used:
                line = sent[: found.start()].count("\n") + 1
                hint = did_you_mean(found[0], known)
                expected = f"expected one of {', '.join(sorted(known))}{hint}"
                problems.add_in(path, f"unknown placeholder {found[0]}, {expected}", line)
                used.update(PLACEHOLDER.findall(hint))  # or it would be told to be missing, too
            used.add(found[1])
    if not prompts or not all(each.text for each in prompts.values()):
        return
    if is_knowledge_wanted and KNOWLEDGE not in used:
        problems.add(
            (KNOWLEDGE,),
            f"no prompt uses {{{KNOWLEDGE}}}, so it would never be sent; expected it in prompt.system "
            "(where providers cache it) or prompt.user",
        )
    for name, key in dimensions.items():
        if name not in used and key != ("models",):
            problems.add(key, f"no prompt uses {{{name}}}, expected it in prompt.system or prompt.user")


def find_lost_subject(
    name: str, prompts: Mapping[str, PromptFile], folder: Path, own: str | Sequence[str], knowledge: str
) -> str | None:
    """What the prompts are about by name, where the knowledge base that replaces their own one never mentions it.

    The subject is that name of the prompts which the recipe's own knowledge base mentions most often.
    """
    text = PLACEHOLDER.sub(" ", "\n".join(each.text for each in prompts.values()))
    names = {each for each in _CAPITALISED.findall(text) if each[0].isupper()}
    names.update(each for each in _WORD.findall(text) if each.casefold() == name.casefold())
    # A recipe may come without its documents.
    mentioned = read_documents(folder, own, (), Problems(folder)).join() or name
    counts = Counter(each for each in _WORD.findall(mentioned) if each in names)
    subject = counts.most_common(1)[0][0] if counts else None
    return None if subject is None or subject.casefold() in knowledge.casefold() else subject
