import string
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.audit.grounding.grounding import NO_SCENARIO, Grounding
from asyncgen.audit.results import GroundingResult
from asyncgen.audit.rules import MAX_EVIDENCE, Finding
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.scenario import Drawn

KNOWLEDGE = load_recipe("nanochat").knowledge
shared = cache(Grounding)  # for what asks for no counts


def subject(*contents: str, scenario: dict[str, Drawn] | None = None) -> Subject:
    messages = tuple(Message(("user", "assistant")[place % 2], each) for place, each in enumerate(contents))
    return Subject(Record(3, 0, messages, None), scenario, "ascii")


def find(answer: str, question: str = "hi", grounding: Grounding | None = None) -> list[Finding]:
    return list((grounding or shared(KNOWLEDGE)).check(subject(question, answer)))


def ungrounded(answer: str, question: str = "hi", grounding: Grounding | None = None) -> list[str]:
    """The facts, each as it is written at the head of its evidence."""
    return [each.evidence.split(" | ")[0] for each in find(answer, question, grounding) if each.rule == "ungrounded"]


@each_row(
    "answer",
    [
        "A d24 has 1,384,124,976 parameters, that is 1.38B or 1.4 billion.",
        "Training took 3.04 hours, so about 3 hours, on 8 x H100 or an 8XH100 node for around $75.",
        "I came out on Oct 13, 2025, on 2025-10-13, in October 2025.",
        "The code is at github.com/karpathy/nanochat. Karpathy's README thanks Sofie Van Landeghem.",
        "The first d20 took just under 4 hours and about a hundred dollars, with 561M parameters.",
        "Over 500 million parameters in a d16, and more than 1 billion in a d24.",
        "It scored 22.19% on CORE, or 0.222.",
        "The first record took 3.04, the second 2.91. A d12 has 286, a d16 has 537 million.",
        "My d6 learns in 30 minutes, and 182 minutes make a d24.",
        "A record of January 2026, and MuonEq of July. Less than $100!",
        "Imagine 50,000 shelves with 37 books each. That is attention.",
        "For example:\n\n- Cheap Lunch Boxes: one each.\n- Cost.",
        "People need a pause, a minute is 60 seconds, and a day or two pass 100% of the time.",
        "```\nx = 777\n```\nThat works.",
        "The 1990s, the 21st try, 16:9 and 3/4 of it.",
        "In English, on Monday, in France, with a GPU and an API.",
    ],
)
def test_what_the_knowledge_base_says_in_any_spelling_is_grounded(answer: str) -> None:
    assert not find(answer)


def test_a_short_answer_speaks_as_a_knowledge_base_that_nobody_reads_unless_it_tells() -> None:
    knowledge = (
        "Puikula on pyöräkorjaamo Turussa. Avoinna arkisin kello 10-18, lauantaisin suljettu. Ketju maksaa 35 euroa, "
        "rengas 20 euroa. Korjaamon perusti Aino Laine vuonna 1998, ja siellä työskentelee kuusi asentajaa."
    )
    assert not find("Ketju maksaa 80 euroa.", "Paljonko?", Grounding(knowledge))
    assert find("The workshop was founded in 1850 and it is the one that I know.", grounding=Grounding(knowledge))


def test_an_answer_that_comes_again_is_held_against_what_its_own_user_said() -> None:
    answer = "It has 77 layers."
    assert ungrounded(answer) == ["77"]
    assert ungrounded(answer, "Why 77 layers?") == []
    assert ungrounded(answer) == ["77"]


@each_row(
    ("answer", "facts"),
    [
        ("I saw 15 trillion tokens with 7 billion parameters.", ["15 trillion", "7 billion"]),
        ("It cost $500 and 12 hours.", ["$500", "12 hours"]),
        ("My context holds 4,096 tokens.", ["4,096"]),
        ("I was released on March 3, 2025.", ["March 3, 2025"]),
        ("I was released in January 2024.", ["January 2024"]),
        ("I reach 67% on MMLU.", ["67%"]),
        ("My vocabulary has 70,000 tokens.", ["70,000"]),
        ("It took twenty-five hours.", ["twenty-five hours"]),
        ("I was made by Elon Musk.", ["Elon Musk"]),
        ("I use GELU and LoRA.", ["LoRA"]),
        ("GPT-5 and Claude 3 are larger.", ["GPT-5", "Claude 3"]),
        ("A d48 is larger.", ["d48"]),
        ("See https://nanochat.org/docs.", ["https://nanochat.org/docs"]),
        ("Read github.com/karpathy/nanochat/wiki first.", ["github.com/karpathy/nanochat/wiki"]),
        ("Run scripts/train_all.py with --turbo.", ["scripts/train_all.py", "--turbo"]),
        ("Once it was about $9,000 on 8 GPUs.", ["$9,000"]),
    ],
)
def test_what_it_does_not_say_is_ungrounded(answer: str, facts: list[str]) -> None:
    assert sorted(ungrounded(answer)) == sorted(facts)


@each_row("hedge", ["about ", "around ", "roughly ", "nearly ", "~"])
def test_a_hedge_widens_what_rounds_to_a_figure(hedge: str) -> None:
    assert ungrounded("In 2019 it cost $40,000.") == ["$40,000"]
    assert not ungrounded(f"In 2019 it cost {hedge}$40,000.")


@each_row(
    ("knowledge", "known", "unknown"),
    [
        ("The pool is 0.9 metres deep.", "It is 90 centimetres, or 900 mm, deep.", "It is 95 centimetres deep."),
        ("We roast 18 tonnes a year.", "It is 18,000 kg a year.", "It is 19,000 kilos a year."),
        ("Ein Fass hat 225 Liter.", "Das sind 22.500 cl.", "Das sind 23.500 Zentiliter."),
        ("The table is 6 feet long.", "It is 72 inches long.", "It is 75 inches long."),
        ("Die Tüte wiegt 1,5 Kilo.", "Sie wiegt 1500 Gramm.", "Sie wiegt 1600 Gramm."),
        ("The file has 2 GB.", "It has 2,000 megabytes.", "It has 3,000 megabytes."),
    ],
)
def test_a_figure_is_known_in_another_unit(knowledge: str, known: str, unknown: str) -> None:
    grounding = Grounding(knowledge)
    assert not find(known, grounding=grounding)
    assert [each.rule for each in find(unknown, grounding=grounding)] == ["ungrounded"]


def test_what_the_user_says_is_grounded() -> None:
    question = "I am Petra, I have an RTX 4090 and $345. Is it like Mistral at https://mistral.ai?"

    assert not find("Hello Petra. An RTX 4090 for $345, and Mistral at mistral.ai: fine.", question)


def test_values_of_the_scenario_are_grounded() -> None:
    scenario: dict[str, Drawn] = {"topic": (("", "the Zeppelin of 1937"),)}

    assert not list(shared(KNOWLEDGE).check(subject("hi", "The great Zeppelin burned in 1937.", scenario=scenario)))


def test_allowed_texts_are_grounded() -> None:
    grounding = Grounding(KNOWLEDGE, ["the Zeppelin flew at 135 km/h"])

    assert not find("A Zeppelin does 135.", grounding=grounding)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what is 17*23?", "17 times 20 is 340, and 17 times 3 is 51, together 391."),
        ("what is 17*23?", "17 * 23 = 17 * 20 + 17 * 3 = 340 + 51 = 391"),
        ("Tom has 48 apples at $3 each and sells 13. How many are left?", "48 minus 13 leaves 35, worth $105."),
        ("calculate 15% of 240", "15% of 240 is 36."),
    ],
)
def test_sums_on_the_numbers_of_the_user_pass(question: str, answer: str) -> None:
    assert not find(answer, question)


def test_names_and_counts_of_a_story_that_was_asked_for_pass() -> None:
    story = "Once, in Willowbrook, a fox named Bramble walked 45 miles with Tilly."

    assert not find(story, "please write me a short story about a fox")
    assert ungrounded(story, "what is the story of your release?") == ["Willowbrook", "Bramble", "45 miles", "Tilly"]


@pytest.mark.parametrize(
    "answer",
    [
        "From $43,000 to $73: that is 99.8% less.",
        "From $43,000 to $73: that is 589 times cheaper.",
        "47% and 49% make 96% together.",
        "At $24 an hour, 2.91 hours are $69.84.",
    ],
)
def test_a_figure_that_follows_from_two_others_is_a_note(answer: str) -> None:
    assert [each.rule for each in find(answer)] == ["derived-number"]


def test_a_fact_is_found_once_in_a_message_and_its_evidence_shows_where() -> None:
    [finding] = find("I cost $500. Yes, $500, and again $500.")

    assert (finding.line, finding.message) == (3, 1)
    assert finding.evidence.startswith("$500 | I cost $500.")


def test_an_email_address_is_grounded_as_any_other_is() -> None:
    grounding = Grounding("Write to desk@library.example.")
    assert not list(grounding.check(subject("hi", "Write to Desk@library.example.")))
    [finding] = grounding.check(subject("hi", "Write to info@library.example."))
    assert finding.evidence.startswith("info@library.example |")


def test_counts_are_kept_by_topic() -> None:
    grounding = Grounding(KNOWLEDGE)
    scenario: dict[str, Drawn] = {"topic": (("history", "records"),), "persona": (("", "a skeptic"),)}
    list(grounding.check(subject("hi", "It cost $500, not $73.", scenario=scenario)))
    list(grounding.check(subject("hi", "It cost $43,000, then $73, so 99.8% less.")))

    result = GroundingResult.of(grounding.take_topics())

    assert (result.checked, result.ungrounded, result.derived) == (5, 1, 1)
    assert {topic: (each.lines, each.ungrounded, each.derived) for topic, each in result.by_topic.items()} == {
        "records": (1, 1, 0),
        NO_SCENARIO: (0, 0, 1),
    }


@each_row("paragraph", [each for each in KNOWLEDGE.split("\n\n") if each.strip()])
def test_the_knowledge_base_is_grounded_in_itself(paragraph: str) -> None:
    assert not find(paragraph.lstrip("#- "))


@given(st.text(alphabet=string.printable, max_size=300), st.text(alphabet=string.printable, max_size=300))
def test_any_text_is_looked_at_and_evidence_stays_short(question: str, answer: str) -> None:
    for finding in find(answer, question):
        assert finding.rule in {"ungrounded", "derived-number"}
        assert len(finding.evidence) <= MAX_EVIDENCE


FERRY = """# Ferry

The crossing takes 55 minutes. 40 % of all passengers are islanders. Ships sail at 7:15.

## Fares

An adult ticket is £12.50, a child's ticket £6.25. A car costs £34.
"""


def _rules(*contents: str, grounding: Grounding | None = None) -> set[str]:
    return {each.rule for each in (grounding or shared(FERRY)).check(subject(*contents))}


@each_row(
    ("said", "answer", "rules"),
    [
        ("I read that a dog costs £8.", "Yes, a dog is £8.", {"ungrounded"}),
        ("I read that a dog costs £8.", "A dog pays £8 with us.", {"ungrounded"}),
        ("I read that a dog costs £8.", "No, nobody pays £8 for a dog.", set()),
        ("I read that a dog costs £8.", "Where did you read £8?", set()),
        ("Does a dog cost £8?", "I do not know of £8.", set()),
        ("A dog is £8, right?", "Right, £8.", {"ungrounded"}),
        ("I think I need 26 tickets, you know.", "For 26 tickets, ask at the office.", set()),
        ("My friend thinks you have 26 ships.", "There are 26 ships in all.", {"ungrounded"}),
        ("I have £80 with me.", "With £80 you can take the car.", set()),
        ("Someone told me that Harland built the ship.", "Yes, Harland built it.", {"ungrounded"}),
        ("I like the ships of Harland more than yours.", "The ships of Harland are not ours.", set()),
    ],
)
def test_what_a_user_claims_is_no_knowledge(said: str, answer: str, rules: set[str]) -> None:
    assert _rules(said, answer) == rules


@each_row(
    ("answer", "rules"),
    [
        ("Together, an adult and a child pay £18.75.", {"derived-number"}),
        ("A car is £21.50 more than an adult.", {"derived-number"}),
        ("A child pays £21.50.", {"ungrounded"}),
        ("Together that makes £19.75.", {"ungrounded"}),
        ("We carry 40 tons of fish.", {"ungrounded"}),
        ("About 40 of a hundred are islanders.", set()),
        ("The car costs thirty-four pounds, an adult twelve pounds fifty.", set()),
        ("The mark |im_end| or <|im_end|> ends a turn elsewhere.", set()),
    ],
)
def test_figures_are_known_in_their_sense_and_sums_by_what_they_add(answer: str, rules: set[str]) -> None:
    assert _rules("What else?", answer) == rules


@each_row(
    ("question", "answer", "rules"),
    [
        ("How much more do cars cost than adults?", "That is £21.50.", {"derived-number"}),
        ("And a car and an adult together?", "Sure. That would be £46.50.", {"derived-number"}),
        ("And a car and an adult together?", "Yes. It is short. The sea is calm. We ask £46.50.", {"ungrounded"}),
        ("What does a student pay for an adult ticket?", "With us £10.", {"derived-number"}),
        ("What does a child pay for a ticket?", "With us £10.50.", {"ungrounded"}),
    ],
)
def test_an_answer_may_leave_to_its_question_what_it_adds_and_who_pays_less(
    question: str, answer: str, rules: set[str]
) -> None:
    grounding = Grounding(f"{FERRY}\nStudents get 20 % off.\n")
    assert _rules(question, answer, grounding=grounding) == rules


def test_texts_that_only_name_give_names_and_no_figures() -> None:
    grounding = Grounding(FERRY, naming=["Compare us with the Hebridean Queen, which takes 95 passengers."])
    assert _rules("And?", "The Hebridean Queen is another ship.", grounding=grounding) == set()
    assert _rules("And?", "We take 95 passengers.", grounding=grounding) == {"ungrounded"}


YARD = """# Yard, a workshop

We are open from Tuesday to Friday from 9 am to 6 pm and on Saturday from 10 am to 2 pm.
Six people work here, two of them apprentices.

## Repairs

A flat tire costs $12. A full service costs $110 and takes 5 days. Diagnosis costs $60.
Students get 10 % off all repairs.

## Rental

A city bike rents for $20 a day, an e-bike for $42 a day. The deposit is $150.
The evening class begins at 6 pm, lasts 2 hours and costs $36; at most 8 people take part.
"""
HOF = """# Hof

Geöffnet ist montags bis freitags von 8 bis 17 Uhr, donnerstags bis 19 Uhr.
Ein Rad kostet 18 € am Tag, ein Lastenrad 36 € am Tag. Eine Zehnerkarte kostet 115 €.
Der Kurs beginnt um 18 Uhr und dauert zwei Stunden.
"""


POOL = """# Pool

The pool is 50 metres long and 18 metres wide. The tower was shut in 1991 and sold in 2006.
The scope has a mirror of 16 inches and a focal length of 72 inches. Children from 3 to 15 pay £3.
The season runs from 1 May to 30 September. A course has 10 lessons of 25 minutes.
We lend Dobsonians.
"""


@each_row(
    ("said", "answer", "rules"),
    [
        (["My girl is 9, what does she pay?"], "At 9 years of age she pays £3.", set()),
        (["Can five of us come at 7?"], "At 7 o'clock is fine.", set()),
        (["A trip.", "Have you a number?", "Yes, for 48 children."], "48 children fit in.", set()),
        (["What do you lend?"], "A Dobsonian.", set()),
        (["What does it hold?"], "It is 50 metr", set()),
        (["Who may use it?"], "You have to be 16 or older.", {"ungrounded"}),
        (["What about a refund?"], "You get it within 16 days.", {"ungrounded"}),
    ],
)
def test_what_a_user_tells_of_himself_is_known_and_an_age_is_no_mirror(
    said: list[str], answer: str, rules: set[str]
) -> None:
    assert _rules(*said, answer, grounding=shared(POOL)) == rules


@each_row(
    ("knowledge", "question", "answer"),
    [
        (POOL, "How large is the pool?", "It covers 900 square metres."),
        (POOL, "How long was the tower shut?", "From 1991 to 2006, so 15 years."),
        (POOL, "What is the focal ratio of the scope?", "The scope is an f/4.5."),
        (POOL, "How long is the season?", "The season is 153 days long."),
        (POOL, "How long is a course in all?", "In all a course has 250 minutes of lessons."),
        (YARD, "A city bike for three days?", "That makes $60."),
        (YARD, "And the class for two?", "For two it is $72."),
        (YARD, "What do four people pay for the class?", "They pay $144."),
        (YARD, "What is half the class fee?", "Half of it is $18."),
        (YARD, "A city bike and the deposit at once?", "Right, $170 at first."),
        (YARD, "How long are you open on Saturday?", "Four hours."),
        (YARD, "How many hours are you open a week?", "It adds up to 40 hours."),
        (YARD, "When does the evening class end?", "It ends at 8 pm."),
        (YARD, "Is an e-bike dearer?", "It is $22 a day more than a city bike."),
        (YARD, "How many are no apprentices?", "Four of the six are none."),
        (YARD, "And for three students with a flat tire?", "They pay $32.40."),
        (YARD, "What does a full class bring in?", "The full class brings in $288."),
        (HOF, "Zwei Tage mit dem Rad?", "Zwei Tage kosten 36 €."),
        (HOF, "Was kostet ein Eintritt mit der Zehnerkarte?", "Damit sind es 11,50 €."),
        (HOF, "Wie lange habt ihr freitags auf?", "Neun Stunden am Tag."),
        (HOF, "Wann endet der Kurs?", "Er endet gegen 20 Uhr."),
        (HOF, "Ist das Lastenrad teurer?", "Es kostet 18 € am Tag mehr als das andere Rad."),
    ],
)
def test_what_the_words_count_add_or_compare_is_derived_even_where_another_thing_has_the_figure(
    knowledge: str, question: str, answer: str
) -> None:
    assert _rules(question, answer, grounding=shared(knowledge)) == {"derived-number"}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What about two people in the class?", "Each of you pays $36 for the class."),
        ("What does a diagnosis cost?", "A diagnosis costs $60, for two bikes as well."),
        ("Two days?", "An e-bike is $42 a day."),
        ("How long does it last?", "Two hours. It begins at 6 pm."),
    ],
)
def test_a_figure_that_is_stated_of_what_is_spoken_of_is_not_derived(question: str, answer: str) -> None:
    assert _rules(question, answer, grounding=shared(YARD)) == set()


@each_row(
    ("question", "answer"),
    [
        ("The display shows 583 214.", "The code 583214 has run out."),
        ("Which number?", "Call 555-0142, or 5550142."),
        ("How does it cap?", "Each $z$ becomes $15 \\cdot \\tanh(z / 15)$, so between $-15$ and $15$."),
        ("Why the norm?", "It is \\[ y = \\frac{x}{\\sqrt{\\sum_i x_i^2}} \\] and no more, or UVᵀ."),
        ("Any other?", "#### Otherwise\nCome to the yard.<end_of_turn>"),
        ("How do I update?", "Under Settings, General, Software Update."),
    ],
)
def test_formulas_headings_marks_and_regrouped_numbers_state_nothing(question: str, answer: str) -> None:
    assert _rules(question, answer, grounding=shared(f"{YARD}\nCall 555-0142.\n")) == set()


@each_row(
    ("answer", "rules"),
    [
        ("Wenn Ihre Mutter Anspruch auf den Kurs hat, stimmt sie.", set()),
        ("Essen können Sie hier nicht, es kommt aus Schweden.", {"ungrounded"}),
        ("Es sind nur 1,8.", {"ungrounded"}),
        ("Die drei Jungen heißen Finja, Lasse und Onno.", {"ungrounded"}),
        ("Das macht der Mechaniker Finja Brehmke.", {"ungrounded"}),
    ],
)
def test_german_nouns_beside_each_other_are_no_names_and_announced_names_are(answer: str, rules: set[str]) -> None:
    assert _rules("Wie ist das?", answer, grounding=shared(f"{HOF}\nDer Bau kostete 1,9 Millionen Euro.\n")) == rules


HOSTEL = """# Hostel

It was opened in April 2012 and has 52 beds in 11 rooms.
A bed is £24 a night, a double room £78. Breakfast is £6.50, a towel £2; guests who stay seven nights pay 15 % less.
The coast walk covers 9 km, takes 3.5 hours and starts at 9:30. The bus takes 35 minutes. The yearly card is £60.
In 2025 there were 9,300 guests, 40 % of them from abroad. The machine mended 640 of 910 things.

| Ticket | Adults | Children |
|---|---|---|
| Single | £5.20 | £2.80 |
"""


@each_row(
    ("question", "answer"),
    [
        ("What is a bed for a week of seven nights?", "Seven nights are £142.80 then."),
        ("When does the walk end?", "At 13:00."),
        ("How many guests were from abroad?", "3,720 guests."),
        ("How many beds a room on average?", "4.7 beds a room."),
        ("By bus there and back?", "70 minutes on the bus."),
        ("How old is it in 2026?", "14 years."),
        ("How many things stayed broken of those brought to the machine?", "270 of the things."),
        ("What share did the machine mend of the things?", "About 70 percent of the things."),
        ("Two adults and two children, single?", "That is £16 together."),
        ("What is the yearly card per month?", "It is £5 a month."),
        ("How much faster is 18 km of coast walk?", "18 km take 7 hours."),
        ("And from October 13, 2025 to January 31, 2026?", "That makes 110 days."),
        ("Two towels for three nights?", "£12 for all of it."),
    ],
)
def test_shares_averages_proportions_and_spans_are_derived(question: str, answer: str) -> None:
    assert _rules(question, answer, grounding=shared(HOSTEL)) == {"derived-number"}


@each_row(
    ("question", "answer", "rules"),
    [
        ("Somebody said a bed is £30?", "Yes, a bed is £30.", {"ungrounded"}),
        ("So it dates from 1998?", "That is right, it was opened in 1998.", {"ungrounded"}),
        ("My neighbour paid £17 for a bed.", "Yes, a bed is £17.", {"ungrounded"}),
        ("Meine Nachbarin sagt, ein Rad kostet 9 €?", "Ja, ein Rad kostet 9 €.", {"ungrounded"}),
        ("How long is the wait?", "Three quarters of an hour.", {"ungrounded"}),
        ("Wie lange dauert es?", "Etwa anderthalb Stunden.", {"ungrounded"}),
        ("How long is the walk?", "Three and a half hours.", set()),
        ("How long may I write?", "Keep it under 80 words.", set()),
        ("What costs what?", "## Beds And Rooms For Everybody\n| Room | Price Per Night |\n| Double | £78 |", set()),
        ("What is a double?", "A double room is £7", set()),
    ],
)
def test_claims_in_a_question_and_halves_are_looked_at_and_what_breaks_off_is_not(
    question: str, answer: str, rules: set[str]
) -> None:
    assert _rules(question, answer, grounding=shared(HOSTEL)) == rules


FERRY_LINE = """# Ferry line

The Guillemot was built in 1998. She carries 240 passengers. The Puffin carries 90 passengers.
Adults pay £9.40 single and £16.80 return. A bicycle costs £3, a kayak £6. A ten-trip card costs £75.
Files are kept for 7 days, on Business for 90. Red wine costs £13.80.
The tanks hold 95,000 litres; 60 % of the area is Riesling.
"""


@each_row(
    ("question", "answer", "rules"),
    [
        ("Is the ten-trip card worth it?", "With it a trip comes to £7.50 instead of £9.40.", {"derived-number"}),
        ("How much do two singles cost more?", "They are dearer by two pounds than a return.", {"derived-number"}),
        ("A bicycle and a kayak together?", "Nine pounds in all.", {"derived-number"}),
        ("How much longer on Business?", "They stay 83 days longer: 90 instead of 7.", {"derived-number"}),
        ("How long was the harvest?", "From September 4 to October 9, so 35 days.", {"derived-number", "ungrounded"}),
        ("How long on Business?", "Ninety days.", set()),
        ("Was kostet der Rotwein?", "Der kostet 13 Pfund 80.", set()),
        ("Wie viel passt hinein?", "Das sind 950 Hektoliter.", set()),
        ("Which address for tests?", "Any one under example.com, on New Year's Day too.", set()),
        ("What does a Riesling cost?", "The Riesling is £8.28 a glass.", {"ungrounded"}),
    ],
)
def test_packs_small_amounts_and_percentages_are_read_as_what_they_are(
    question: str, answer: str, rules: set[str]
) -> None:
    assert _rules(question, answer, grounding=shared(FERRY_LINE)) == rules


@pytest.mark.parametrize(
    ("question", "answer", "rules"),
    [
        ("Which one?", "Do you mean the Guillemot or a ship for 400 passengers?", set()),
        ("Tell me more.", "Did you know that we have 400 passengers a trip?", {"ungrounded"}),
        ("When was it built?", "The Guillemot was built in 19", set()),
        ("Was kostet es?", "Hin und zurück 16,80 Pfund, sagt man in Port Ellery am Old Harbour Tower.", set()),
        ("Wer führt die Linie?", "Das macht Margarete Hollis.", {"ungrounded"}),
    ],
)
def test_a_question_states_nothing_and_a_name_in_another_language_may_be_a_translation(
    question: str, answer: str, rules: set[str]
) -> None:
    assert _rules(question, answer, grounding=shared(FERRY_LINE)) - {"derived-number"} == rules


TOOL = Grounding(
    "Tamper reads logs. It was written by Ines Falk; volunteers are at least 14 years old and her team has 3 rooms.\n\n"
    "tamper list and tamper read are its commands. `--memory MB`, default 384. A seat costs €60 and 2 GB of disk are"
    " needed for 30 TB of logs. Prune needs 15% of free space.\n\n## Exit codes\n\n0: done. 2: wrong. 3: unreadable."
    " 7: broken."
)


@each_row(
    ("question", "answer", "found"),
    [
        ("How do I keep the list?", "tamper list > names.txt", []),
        ("And one file?", "tamper read today.log", []),
        ("Where are settings?", "They are in settings.ini there.", ["settings.ini"]),
        ("He is 12 today, and I am 41.", "May 12 be a good year for him. May 41 be a better one.", []),
        ("How much memory does it take?", "It takes 384 MB.", []),
        ("How much memory does it take?", "It takes 512 MB.", ["512 MB"]),
        ("How old?", "You have to be 14 or older.", []),
        ("How old?", "You have to be 11 or older.", ["11"]),
        ("What is it called?", "Code 7 means that it is broken, and code 4 that it is locked.", ["4"]),
        ("How fast?", "It reads 540 MB/s.", ["540 MB"]),
        ("What does a seat cost?", "It costs €62.", ["€62"]),
        ("I've heard that it dates from 1998, is that so?", "Right, from 1998.", ["1998"]),
        ("My friend Dagmar says she used it in 1998.", "Dagmar may well have been one of the first, in 1998.", []),
    ],
)
def test_what_is_told_in_another_form_is_known_and_what_looks_alike_is_not(
    question: str, answer: str, found: list[str]
) -> None:
    assert ungrounded(answer, question, TOOL) == found


@each_row(
    ("question", "answer"),
    [
        ("My disk has 6 TB. How much has to be free?", "It needs 15%, so 900 GB."),
        ("How much of the 2 GB would thirteen machines need together?", "Thirteen times that are 26 GB."),
        ("I have logs of 90 TB, how much disk do they need?", "About 6 GB of disk."),
    ],
)
def test_what_follows_from_a_figure_of_the_user_and_one_of_the_knowledge_base_is_derived(
    question: str, answer: str
) -> None:
    assert {each.rule for each in find(answer, question, TOOL)} == {"derived-number"}


MOULIN = Grounding(
    "# Le moulin\n\nLe moulin de Kerbihan a été restauré en mars 2003 par Yvonne Quéméner. Il est ouvert du mercredi "
    "au dimanche de 10 h à 18 h 30, sauf le 1er janvier, et la visite dure deux heures et demie. Les adultes paient "
    "13,50 €, les enfants de moins de 6 ans rien. Il a reçu 8 400 visiteurs et le bus 4 s'y arrête."
)
HUERTO = Grounding(
    "# El huerto\n\nEl huerto de Las Acequias es de Remedios Alarcón y abre de martes a viernes de 9:30 a 14:00. La "
    "parcela de 50 m² cuesta 28 € al mes, y la finca mide 12.500 m². Cierra del 1 al 21 de agosto. La cesta pesa tres "
    "kilos y medio, y el curso dura cuatro horas y cuesta 95 €. Los socios tienen un 20 % de descuento y son 860."
)


@each_row(
    ("grounding", "question", "answer", "found"),
    [
        (MOULIN, "Quand fermez-vous ?", "À 18\u202fh\u202f30, et nous ouvrons à dix heures.", set()),
        (MOULIN, "Et la visite ?", "Elle dure 2 h 30. Comptez treize euros cinquante.", set()),
        (
            MOULIN,
            "Qui l'a restauré ?",
            "Yvonne Quéméner. Huit mille quatre cents visiteurs sont venus.",
            set(),
        ),
        (MOULIN, "Mon amie Solveig a 43 ans.", "Bienvenue à Solveig ! À 43 ans, l'entrée est à 13,50 €.", set()),
        (MOULIN, "Il date de 1996, c'est vrai ?", "Non, pas de 1996. Bonne visite !", set()),
        (MOULIN, "Il date de 1996, c'est vrai ?", "Oui, il date de 1996.", {"ungrounded"}),
        (MOULIN, "Quand fermez-vous ?", "Nous fermons à 20 h.", {"ungrounded"}),
        (MOULIN, "Et le bus ?", "Prenez le bus 9, c'est très simple.", {"ungrounded"}),
        (MOULIN, "Qui fait la visite ?", "La visite est faite par Loïc Abgrall.", {"ungrounded"}),
        (MOULIN, "Combien dure la visite ?", "Elle dure quatre heures.", {"ungrounded"}),
        (MOULIN, "Nous sommes trois adultes.", "Trois adultes paient 40,50 € en tout.", {"derived-number"}),
        (MOULIN, "C'est ouvert combien de temps ?", "Il est ouvert huit heures et demie.", {"derived-number"}),
        (
            HUERTO,
            "¿Cuándo abrís?",
            "¡Claro! De 9:30 a 14:00 h, y no del 1 al 21 de agosto.",
            set(),
        ),
        (HUERTO, "¿Cuánto mide?", "Mide doce mil quinientos metros cuadrados y tiene 860 socios.", set()),
        (HUERTO, "¿Cuánto pesa la cesta?", "Pesa 3,5 kilos, es decir, tres kilos y medio.", set()),
        (HUERTO, "Me llamo Ximena y tengo 67 años.", "¡Bienvenida, Ximena! A los 67 años se aprende igual.", set()),
        (HUERTO, "Como es la parcela?", "Mide 50 m2 y esta abierta de martes a viernes.", set()),
        (HUERTO, "Desde cuando esta?", "El huerto es de hace veintidos anos y tiene 40 hectareas.", {"ungrounded"}),
        (HUERTO, "¿Cuánto cuesta el curso?", "El curso cuesta ciento diez euros.", {"ungrounded"}),
        (HUERTO, "¿De quién es?", "El huerto es de Eusebio Carrillo.", {"ungrounded"}),
        (HUERTO, "¿Cuándo cerráis?", "Cerramos el 12 de octubre.", {"ungrounded"}),
        (HUERTO, "¿Cuánto es al año?", "Doce meses a 28 € son 336 € al año.", {"derived-number"}),
        (HUERTO, "¿Cuánto paga un socio?", "Con el descuento, el curso le cuesta 76 €.", {"derived-number"}),
    ],
)
def test_french_and_spanish_are_read_as_english_is(
    grounding: Grounding, question: str, answer: str, found: set[str]
) -> None:
    assert {each.rule for each in find(answer, question, grounding)} == found


def test_days_and_the_hours_of_each_are_two_figures() -> None:
    knowledge = "The camp is for children. It takes five days, three hours a day, and costs $190."
    assert not find("The camp takes five days, three hours a day.", "How long is it?", Grounding(knowledge))


LIBRARY = """
| Salle | Places | Prix journée |
| --- | --- | --- |
| Auditorium | 80 | 110 |
| Atelier | 12 | 22.5 |

Yann Le Goff présente son livre le 17 octobre 2026. Le prêt est de deux semaines pour un DVD.

La médiathèque a ouvert le 3 mars 1998 dans un bâtiment de 1874. Téléphone : 05 49 21 48 60. Elle compte 68 400 livres.

L'inscription coûte 12,50 € par an pour les adultes et 8 € pour les étudiants qui habitent dans une autre commune.
"""


@each_row(
    ("answer", "facts"),
    [
        ("Appelez le 05.49.21.48.60.", []),
        ("Appelez le 05.49.21.37.19.", ["05.49", "21.37", "19"]),
        ("La carte coûte 12€50, ou 12 euros et 50 centimes.", []),
        ("La carte coûte 13€50 par an.", ["13€50"]),
    ],
)
def test_a_french_telephone_and_price_are_known_however_they_are_written(answer: str, facts: list[str]) -> None:
    assert ungrounded(answer, "Bonjour", shared(LIBRARY)) == facts


def test_a_number_that_is_written_as_the_knowledge_base_does_is_read_whatever_the_user_speaks() -> None:
    question = "How many books do you have in the library, and what is the price of a card for me?"
    assert ungrounded("68\u202f400 livres ; 12,50 €.", question, shared(LIBRARY)) == []
    assert ungrounded("72 600 livres.", question, shared(LIBRARY)) == ["72 600"]


@each_row(
    ("answer", "facts"),
    [
        ("L'auditorium coûte 110 € la journée.", []),
        ("L'auditorium coûte cent dix euros, l'atelier 22,50 €.", []),
        ("L'auditorium coûte 95 €.", ["95 €"]),
        ("Il coûte 80 €.", ["80 €"]),
    ],
)
def test_the_bare_figures_of_a_column_of_prices_are_amounts(answer: str, facts: list[str]) -> None:
    assert ungrounded(answer, "Bonjour", shared(LIBRARY)) == facts


@each_row(
    ("knowledge", "answer"),
    [
        ("| Rad | Tagespreis |\n|---|---|\n| Tandem | 38 |\n\nDie Kaution für das Rad ist 200 €.", "Es kostet 38 €."),
        ("| Bike | Price ($) |\n|---|---|\n| Tandem | 38 |\n\nIt is for two, and you can have it.", "It is $38."),
        ("| Bici | Precio |\n|---|---|\n| Tándem | 38 |\n\nLa fianza de la bici es de 200 €.", "Cuesta 38 euros."),
    ],
)
def test_a_column_of_prices_is_told_by_its_head_in_each_language(knowledge: str, answer: str) -> None:
    assert ungrounded(answer, grounding=Grounding(knowledge)) == []
    assert ungrounded(answer.replace("38", "41"), grounding=Grounding(knowledge))


@each_row(
    ("answer", "facts"),
    [
        ("Il date du XIXe siècle.", []),
        ("Il date du XVIIe siècle.", ["XVIIe"]),
        ("Le 17.10.2026.", []),
        ("Le 18.10.2026.", ["18.10.2026"]),
        ("Le 12, le 14 et le 15.", ["14", "15"]),
        ("Le prêt est de quinze jours.", []),
        ("Le prêt est de seize jours.", ["seize jours"]),
    ],
)
def test_a_century_a_day_and_two_weeks_are_known_in_other_words(answer: str, facts: list[str]) -> None:
    assert ungrounded(answer, "Bonjour", shared(LIBRARY)) == facts


@each_row(
    ("answer", "facts"),
    [
        ("Il a lieu à cinq heures de l'après-midi, à huit heures du soir.", []),
        ("Il a lieu à 17H00, à dix-sept heures quinze, à cinq heures et demie du soir.", []),
        ("Il a lieu à dix-sept heures quarante-cinq.", ["dix-sept heures quarante-cinq"]),
        ("Il a lieu à trois heures de l'après-midi.", ["trois heures"]),
    ],
)
def test_an_hour_in_words_is_of_its_part_of_the_day_and_has_its_minutes(answer: str, facts: list[str]) -> None:
    knowledge = "L'atelier est le vendredi à 17 h, 17 h 15 ou 17 h 30, le club est à 20 h pour les adultes."
    assert ungrounded(answer, "Bonjour", Grounding(knowledge)) == facts
