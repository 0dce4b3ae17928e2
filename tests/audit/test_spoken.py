from quick import each_row

from asyncgen.audit.spoken import find_spoken

GERMAN = "Die Inspektion kostet 79 Euro und dauert zwei Tage. Wir prüfen dabei auch die Bremsen und das Licht."
ENGLISH = "We rent bikes by the day and by the week, and you can bring them back at any time of the day."


@each_row(
    ("text", "language"),
    [
        (GERMAN, "de"),
        (ENGLISH, "en"),
        (f"# Bike rental\n\n{GERMAN}\n\n| City bike | 14 | 60 |", "de"),
        (f"{ENGLISH}\n\n{GERMAN}\n\n{GERMAN}", "de"),
        (f"{ENGLISH}\n\n```\n# {GERMAN}\n# {GERMAN}\n```", "en"),
        ("", None),
        ("1234 5678", None),
    ],
)
def test_a_document_speaks_the_language_of_its_longest_paragraphs(text: str, language: str | None) -> None:
    assert find_spoken(text) == language


def test_what_the_library_is_sure_of_counts() -> None:
    assert find_spoken("Vi hyr ut cyklar", lambda _: [("sv", 0.9)]) == "sv"
    assert find_spoken(ENGLISH, lambda _: [("sv", 0.3)]) == "en"
