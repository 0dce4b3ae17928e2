"""An audit as one HTML file that needs nothing else: style, script and a sample of the conversations are inside it.

What models wrote is shown without being trusted: it is escaped in the page, data in the sample, and the content
security policy names by their digests the one style and the one script that may be used; nothing may be fetched.
"""

import base64
import hashlib
from pathlib import Path

from asyncgen.audit.results import Audit
from asyncgen.data.dataset import Dataset
from asyncgen.data.whole_file import whole_file
from asyncgen.report.sample import Found, Sample, draw_sample, encode_sample
from asyncgen.report.sections import make_sections
from asyncgen.report.templates import read_page_file, templates
from asyncgen.report.verdict import judge
from asyncgen.text import quantity

SCRIPTS = ("conversation.js", "report.js")


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
    style, script = read_page_file("style.css"), "\n".join(map(read_page_file, SCRIPTS))
    # Neither is followed by anything in its element, so the digests are those of the files.
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    verdict, there = judge(audit), quantity(audit.conversations, "conversation")
    sampling = f"All {there} of the file."
    if len(sample.conversations) < audit.conversations:
        sampling = f"{len(sample.conversations):,} of {there}: examples of every finding, and others drawn at random."
    return templates.get_template("report.html").render(
        policy=policy,
        version=audit.asyncgen,
        title=Path(audit.output).name,
        lead=verdict.lead,
        lines=audit.lines,
        size=f"{audit.bytes / 1e6:,.1f} MB",
        made=audit.made,
        sections=make_sections(audit, dataset, verdict),
        sampled=sample.lines,
        sampling=sampling,
        sample=encode_sample(sample),
        style=style,
        script=script,
    )


def _digest(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
