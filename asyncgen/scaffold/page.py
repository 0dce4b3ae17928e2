"""A page of HTML as Markdown text.

What stands in it for browsers and for finding one's way (scripts, styles, menus, forms) is no knowledge and is left
out. What Markdown has no form for is written where it belongs: a cell that spans rows in each of them, a note where it
is referred to.
"""

import copy
import re

from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter

_NO_KNOWLEDGE = frozenset(
    {
        "button",
        "canvas",
        "dialog",
        "footer",
        "form",
        "iframe",
        "nav",
        "noscript",
        "script",
        "select",
        "style",
        "svg",
        "template",
    }
)
_NO_KNOWLEDGE_BY_ROLE = frozenset({"alertdialog", "dialog", "navigation", "search"})
_MOST_SPANNED = 1_000  # columns or rows of one cell, as browsers have it for columns
_BLOCKS = ("address", "center", "legend", "summary")  # paragraphs, by how browsers show them
_NOTE = re.compile(r"^#(?:foot|end)note-\d+$")  # as the notes of a Word document are named
_FIGURE = re.compile(r"[+\-\u2212]?[0-9]+")
_RAISED = str.maketrans("0123456789+-\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_WAY_BACK = re.compile(r"^#(?:foot|end)note-ref-\d+$")


def page_as_markdown(html: str) -> str:
    soup = BeautifulSoup(html, "html5lib")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    # No CSS selectors: the patterns by which these are read fail in the `re` of some Pythons 3.11.
    for each in soup.find_all(_is_no_knowledge):
        each.decompose()
    for each in soup.find_all("header"):  # of a site, if nothing in it is a heading
        if each.find(re.compile("h[1-6]")) is None:
            each.decompose()
    for each in soup.find_all(_BLOCKS):
        each.name = "p"
    for raised in soup.find_all("sup"):
        _write_raised(raised, soup)
    for table in soup.find_all("table"):
        _repeat_in_each_row(table)
    main = soup.find("main") or soup.find(role="main") or soup.body or soup
    text = _Converter().convert_soup(main).strip()
    return text if not title or text.startswith("#") else f"# {title}\n\n{text}"


def _is_no_knowledge(tag: Tag) -> bool:
    is_hidden = tag.has_attr("hidden") or tag.get("aria-hidden") == "true"
    return is_hidden or tag.name in _NO_KNOWLEDGE or tag.get("role") in _NO_KNOWLEDGE_BY_ROLE


def _write_raised(raised: Tag, soup: BeautifulSoup) -> None:
    """Figures stay raised: ten to the third is not 103. A note stands in brackets where its mark was.

    Other marks, as [1] of a source, are left out.
    """
    if mark := raised.find("a", href=re.compile("^#.")):
        note = soup.find("li", id=str(mark["href"])[1:]) if _NOTE.match(str(mark["href"])) else None
        for back in note.find_all("a", href=_WAY_BACK) if note else ():
            back.decompose()
        raised.string = f" ({' '.join(note.get_text().split())})" if note else ""
        if note:
            note.decompose()
    elif _FIGURE.fullmatch(text := raised.get_text(strip=True)):
        raised.string = text.translate(_RAISED)


def _repeat_in_each_row(table: Tag) -> None:
    """Without this what stands right of a cell that spans rows would slide into its column."""
    spanning: dict[int, tuple[Tag, int]] = {}  # by column: what stands there, and in how many rows from here on
    for row in table.find_all("tr"):
        if row.find_parent("table") is not table:
            continue
        cells = [each for each in row.find_all(["td", "th"]) if each.find_parent("table") is table]
        begun: dict[int, tuple[Tag, int]] = {}
        column = 0
        while cells or column in spanning:
            if column in spanning:
                cell = copy.copy(spanning[column][0])
                (cells[0].insert_before if cells else row.append)(cell)
            else:
                cell = cells.pop(0)
                begun[column] = cell, _spanned(cell, "rowspan")
            column += _spanned(cell, "colspan")
        spanning = {at: (cell, rows - 1) for at, (cell, rows) in (spanning | begun).items() if rows > 1}


def _spanned(cell: Tag, attribute: str) -> int:
    number = str(cell.get(attribute, "1"))
    return min(max(int(number), 1), _MOST_SPANNED) if number.isdecimal() else 1


class _Converter(MarkdownConverter):
    """Words and structure: no links, no pictures, no backslashes."""

    def __init__(self) -> None:
        super().__init__(
            heading_style=ATX,
            bullets="-",
            strip=["a", "b", "em", "i", "img", "strong"],
            escape_asterisks=False,
            escape_underscores=False,
            escape_misc=False,
            table_infer_header=True,
        )
