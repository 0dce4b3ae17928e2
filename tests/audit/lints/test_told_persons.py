"""A narrator of the person that a scenario casts."""

from quick import each_row

from asyncgen.audit.lints.told_persons import ToldPersons


@each_row(
    ("persona", "text", "is_told"),
    [
        ("a retired plumber who likes to chat", "The plumber rubs his knees.", True),
        ("Apothekerin im Urlaub", "Die Apothekerin seufzt.", True),
        ("someone who compares assistants", "Someone mentioned you at work. What do you do?", False),
        ("jemand, der vergleicht", "Jemand hat mir von dir erzählt.", False),
        ("people who row", "People told me about you.", False),
    ],
)
def test_who_is_somebody_in_particular_is_told_of(persona: str, text: str, *, is_told: bool) -> None:
    told = ToldPersons("The boats are blue.").find(text.lower(), {"persona": (("", persona),)})
    assert any(told) == is_told
