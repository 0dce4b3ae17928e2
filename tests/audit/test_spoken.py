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
        ("El taller abre de lunes a viernes de 9 a 18 horas. Los sábados abre de 10 a 14 horas.", None),
        ("A oficina abre de segunda a sexta. A reparação custa 20 euros. Traga o aparelho a esta loja a horas.", None),
        ("A műhely hétfőtől péntekig van nyitva. A javítás ára 20 euró, és a munka három napig tart.", None),
        ("Warsztat jest otwarty od poniedziałku do piątku. Naprawa kosztuje 20 euro, a trwa trzy dni.", None),
        ("Los sábados la tienda no abre, pero se puede devolver la bicicleta en la estación de al lado.", "es"),
        ("Não se esqueça de que a loja fecha às seis e de que o seguro não está incluído no preço.", "pt"),
        ("De winkel is op zaterdag niet open, maar je kunt de fiets bij het station terugbrengen.", "nl"),
        ("Il negozio è chiuso di sabato, ma la bicicletta si può riportare alla stazione che è qui vicino.", "it"),
        ("Die winkel is nie op Saterdag oop nie, maar jy kan die fiets by die stasie terugbring.", "af"),
        ("Jeg vil gerne vide, hvad det koster efter klokken seks, og om jeg kan have mit barn med op af bakken.", "da"),
        (
            "Jeg vil gjerne vite hva det koster etter klokken seks, og om jeg kan ha barnet mitt med opp av bakken.",
            "no",
        ),
        ("Kan du og din kone komme?", None),
        ("自転車の修理は三日かかります。", "ja"),
        ("Il y a un parking. On a réparé la lampe; elle a coûté 20 euros, et il a fallu trois jours.", "fr"),
    ],
)
def test_a_document_speaks_the_language_of_its_longest_paragraphs(text: str, language: str | None) -> None:
    assert find_spoken(text) == language


def test_what_the_library_is_sure_of_counts() -> None:
    assert find_spoken("Vi hyr ut cyklar", lambda _: [("sv", 0.9)]) == "sv"
    assert find_spoken(ENGLISH, lambda _: [("sv", 0.3)]) == "en"
