"""Remarks in a recipe's texts, between <!-- and -->: for its owner, and not sent."""

import re

REMARK = re.compile(r"<!--.*?-->", re.DOTALL)
_WITH_LINE_END = re.compile(rf"{REMARK.pattern}[ \t]*\n?", re.DOTALL)


def without_remarks(text: str) -> str:
    """Nor the ends of their lines, or each would leave a blank one."""
    return _WITH_LINE_END.sub("", text)


def blank_remarks(text: str) -> str:
    """As many lines as before, so that what stands below is told of by its own line."""
    return REMARK.sub(lambda remark: "\n" * remark[0].count("\n"), text)
