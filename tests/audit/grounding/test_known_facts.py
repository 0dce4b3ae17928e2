from hypothesis import given
from hypothesis import strategies as st

from asyncgen.audit.grounding.known_facts import KnownFacts, is_bare
from asyncgen.audit.reading.facts import Measure, read_facts

TEXTS = [
    "My run took 2h30 on 8 GPUs and cost $48.50, which is 4850 cents.",
    "The shop opens at 9 am on 3 May and closes at 17:30.",
    "It was in 2024, with Basic 5 and a d32, at https://example.net/docs and ada@shop.test.",
    "Call 01349 220 118 about the 110 by 68 by 21 cm crate, the 22.19% share or the Kinderkurs.",
    "Der Kurs kostet 1.250,00 Euro für 38 Unterrichtswochen, ab dem 3. Mai 2023.",
]
ASKED = [*TEXTS, "On 3 May 2024 it cost 49 dollars for 150 minutes: 8, 9, 21, 32, 0.2219, 01349-220118 or 1250 euros."]


@given(st.lists(st.sampled_from(TEXTS), max_size=3), st.lists(st.sampled_from(TEXTS), max_size=3))
def test_what_is_added_is_known_as_if_its_text_had_been_read(read: list[str], added: list[str]) -> None:
    known, whole = KnownFacts(read), KnownFacts([*read, *added])
    for each in added:
        known.add(KnownFacts([each]))
    for text in ASKED:
        for fact in read_facts(text):
            bare = isinstance(fact, Measure) and is_bare(text, fact)
            for hedge in ("", "about", "over", "under"):
                assert known.knows(fact, hedge, is_bare=bare) == whole.knows(fact, hedge, is_bare=bare)
            assert known.counts_as(fact) == whole.counts_as(fact)
    assert known.measures == whole.measures
