"""An audit as one HTML file that needs nothing else: style, script and a sample of the conversations are inside it.

What models wrote is shown without being trusted: it is escaped in the page, data in the sample, and the content
security policy names by their digests the one style and the one script that may be used; nothing may be fetched.
"""

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from string import Template

from asyncgen.audit.audit import Audit
from asyncgen.data.dataset import Dataset
from asyncgen.data.whole_file import whole_file
from asyncgen.report import measures, sections
from asyncgen.report.markup import clock, count, text
from asyncgen.report.sample import Found, Sample, draw_sample, encode_sample
from asyncgen.report.verdict import Verdict, judge

SCRIPTS = ("conversation.js", "report.js")
CONVERSATIONS = ("conversations", "Conversations")  # the section that stands in the template


def write_report(audit: Audit, dataset: Dataset, path: Path, *, sample: int = 500) -> None:
    """Raises OutputError when the file cannot be written; what stood there before is then untouched."""
    found = {
        name: Found(rule.severity, rule.lines, [each.line for each in rule.examples])
        for name, rule in audit.rules.items()
    }
    page = render(audit, dataset, draw_sample(dataset, found, sample))
    with whole_file(path) as file:
        file.write(page.encode())


def render(audit: Audit, dataset: Dataset, sample: Sample) -> str:
    style = _page_file("style.css")
    script = "\n".join(map(_page_file, SCRIPTS))
    verdict = judge(audit)
    shown = _sections(audit, dataset, sample, verdict)
    headings = [(key, heading) for key, heading, _ in shown]
    return Template(_page_file("report.html")).substitute(
        policy=_policy(style, script),
        version=text(audit.asyncgen),
        title=text(Path(audit.output).name),
        lead=text(verdict.lead),
        meta=f"{count(audit.lines, 'line')}, {audit.bytes / 1e6:,.1f} MB, read {text(clock(audit.made))}",
        contents="".join(f'<li><a href="#{key}">{heading}</a></li>' for key, heading in [*headings, CONVERSATIONS]),
        sections="\n".join(_section(*each) for each in shown),
        sampling=_sampling(audit, sample),
        sample=encode_sample(sample),
        style=style,
        script=script,
    )


def _sections(audit: Audit, dataset: Dataset, sample: Sample, verdict: Verdict) -> list[tuple[str, str, str]]:
    """Key, heading and HTML of each section that has something to say."""
    contents = [
        ("summary", "In short", sections.summary(audit, verdict, unpriced=dataset.ledger.totals.unpriced)),
        ("findings", "Findings", sections.findings(audit.rules, sample.lines)),
        ("coverage", "Coverage", measures.coverage(audit.coverage)),
        ("shape", "Shape", measures.shape(audit.shape)),
        ("diversity", "Diversity", measures.diversity(audit.diversity)),
        ("duplicates", "Near-duplicates", sections.duplicates(audit.duplicates, sample.lines)),
        ("grounding", "Grounding", sections.grounding(audit.grounding)),
        ("failures", "Failures", sections.failures(audit.totals, audit.shape)),
        ("time", "Throughput", measures.timeline(audit.timeline)),
        ("runs", "What was run", sections.runs(audit, dataset)),
    ]
    return [each for each in contents if each[2]]


def _section(key: str, heading: str, content: str) -> str:
    title = f'<h2 id="{key}-heading">{heading}</h2>'
    return f'<section id="{key}" aria-labelledby="{key}-heading">\n{title}\n{content}\n</section>'


def _sampling(audit: Audit, sample: Sample) -> str:
    there = count(audit.conversations, "conversation")
    if len(sample.conversations) == audit.conversations:
        return f"All {there} of the file."
    return f"{len(sample.conversations):,} of {there}: examples of every finding, and others drawn at random."


def _policy(style: str, script: str) -> str:
    """Neither is followed by anything in its element, so the digests are those of the files."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _page_file(name: str) -> str:
    return files("asyncgen.report").joinpath("page", name).read_text(encoding="utf-8")
