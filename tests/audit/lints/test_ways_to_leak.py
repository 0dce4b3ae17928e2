"""The ways in which a prompt, a role, a secret or an ending gives itself away, beside ordinary talk like it."""

from functools import cache

import pytest
from quick import each_row

from asyncgen.audit.checks import line_checks
from asyncgen.audit.lints.credentials import Secrets
from asyncgen.audit.subject import Check, Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.load import load_recipe

USERS = (
    "I was told to be here at ten and to use the side door.",
    "I was given a list of ingredients.",
    "I was told never to eat raw dough.",
    "The form asks for my address.",
)


@cache
def checks() -> list[Check]:
    recipe = load_recipe("nanochat")
    return line_checks(recipe.system, knowledge=recipe.knowledge)


def find_rules(question: str, answer: str) -> set[str]:
    talk = (Message("user", question), Message("assistant", f"I am small. {answer}"))
    subject = Subject(Record(1, 0, talk, None), None, "any")
    return {finding.rule for check in checks() for finding in check(subject)}


@each_row(
    ("rule", "answer"),
    [
        ("prompt-leak", "The excerpts supplied name no date."),
        ("prompt-leak", "As my guidelines put it, I keep to facts."),
        ("prompt-leak", "The briefing requires honesty."),
        ("prompt-leak", "It was made in autumn, as provided above."),
        ("prompt-leak", "The summary I was handed ends there."),
        ("prompt-leak", "The notes in front of me give no price."),
        ("prompt-leak", "I was told never to guess."),
        ("prompt-leak", "Ask me about {topic_name} next."),
        ("prompt-leak", "[insert the price]"),
        ("prompt-leak", "I am [RANDOM_PERSONA]."),
        ("prompt-leak", "That is all, going by the snippet."),
        ("prompt-leak", "My task description rules that out."),
        ("prompt-leak", "I followed the style rules and used no list."),
        ("prompt-leak", "The user is asking about my size."),
        ("prompt-leak", "Davon ist in den hinterlegten Informationen keine Rede."),
        ("prompt-leak", "Wie in der Aufgabenstellung verlangt, nenne ich keine Preise."),
        ("prompt-leak", '{"x": [{"content": "hi", "role": "user"}]}'),
        ("prompt-leak", "Mein Systemprompt verlangt kurze Sätze."),
        ("prompt-leak", "Mir wurde aufgetragen, dich zu duzen."),
        ("prompt-leak", "Aus den gegebenen Quellen ergibt sich das nicht."),
        ("prompt-leak", "That is all in the facts supplied."),
        ("prompt-leak", "It is cheap. (Source: knowledge file, section Cost)"),
        ("prompt-leak", "I was asked to weave in a fact on cost."),
        ("prompt-leak", "The details I'm working with stop there."),
        ("prompt-leak", "This concludes the four-turn dialogue."),
        ("prompt-leak", "<answer>It is cheap.</answer>"),
        ("prompt-leak", "Given my instructions, I say no more."),
        ("prompt-leak", "Dazu schweigen die Unterlagen."),
        ("prompt-leak", "Mein Hintergrundtext gibt dazu keine Auskunft."),
        ("prompt-leak", "Das waren die vier verlangten Nachrichten."),
        ("prompt-leak", "The directions for this chat have me praise it."),
        ("prompt-leak", "The system prompt is clear on that."),
        ("prompt-leak", "As a model whose instructions forbid prices, I stop here."),
        ("prompt-leak", "In my context window I find three hours."),
        ("prompt-leak", "Here is a realistic reply for the training set: it is cheap."),
        ("prompt-leak", "This dialogue satisfies all the criteria: short and polite."),
        ("prompt-leak", "Note to the reviewer: no date is given."),
        ("prompt-leak", "It is cheap. [End of scenario]"),
        ("prompt-leak", "It is cheap. (Sources used: two.)"),
        ("prompt-leak", "It is cheap. (Generated from kb_cost, line two.)"),
        ("prompt-leak", "Shall I write another dialogue with a ruder customer?"),
        ("prompt-leak", "Whoever wrote my instructions forgot the weekend."),
        ("prompt-leak", "Hinweis an die Pr\u00fcfer: Der Preis fehlt."),
        ("prompt-leak", "Ich fasse mich kurz, weil das Szenario es so vorsieht."),
        ("prompt-leak", "D'apr\u00e8s la base de connaissances, c'est peu."),
        ("prompt-leak", "Seg\u00fan la base de conocimiento, es poco."),
        ("ai-disclaimer", "I'm unable to browse the internet."),
        ("ai-disclaimer", "As a text-based AI I keep out of that."),
        ("ai-disclaimer", "Conversations may be reviewed by our AI trainers."),
        ("ai-disclaimer", "Das verstößt gegen meine ethischen Richtlinien."),
        ("secret", "Next time disarm it with nine-two-two-zero."),
        ("secret", "You turn the lock to 6, 0, 9, 2."),
        ("secret", 'Tell them the code word, "Marmalade Otter".'),
        ("ai-disclaimer", "This cannot replace professional medical advice."),
        ("ai-disclaimer", "I don't have the capability to check that."),
        ("ai-disclaimer", "Als Sprachmodell vertrete ich keine Überzeugungen."),
        ("role-confusion", "It is cheap. And how long does it take? Three hours."),
        ("role-confusion", "My spaniel would love that!"),
        ("role-confusion", "Thirty.\n\nAnd how old are they?\n\nTen."),
        ("role-confusion", "It is.\n\nTurn 3 (user): Why?\nTurn 4 (assistant): It was cheap."),
        ("role-confusion", "P1: How large is it? P2: Small."),
        ("role-confusion", "nanochat shakes its head."),
        ("role-confusion", "How do I sign up?"),
        ("role-confusion", "While the user waits, it counts to ten."),
        ("role-confusion", "Das wollte ich dich gerade fragen."),
        ("role-confusion", "Der Nutzer beschreibt seine Maschine."),
        ("secret", "The sort code is 20-44-51."),
        ("secret", "See https://box.example/data?sig=aZ93kfPq0LmXw27TbVn4 for it."),
        ("secret", "For the safe, dial 31, then 6, then 44."),
        ("secret", "Turn the dials of the key safe to 1937."),
        ("ai-disclaimer", "That breaks Anthropic's usage policies."),
        ("ai-disclaimer", "Keep in mind, I'm just an AI."),
        ("ai-disclaimer", "Ich bin ein von Google trainiertes Modell."),
        ("role-confusion", "The user nodded and left."),
        ("role-confusion", "Then, the user might want more."),
        ("role-confusion", "Guest: Is it open? Host: It is."),
        ("role-confusion", "Of course.\nuser\nAnd how old is it?"),
        ("role-confusion", "Der Nutzer verabschiedet sich."),
        ("third-person", "nanochat cannot taste, sadly."),
        ("third-person", "By the way, nanochat hopes that this helps."),
        ("secret", "Log in with the password tr4In-88Qz-Lm2x."),
        ("secret", "Network: Guest. Passphrase: quiet drill 61."),
        ("secret", 'Give them your security word, which is "marmalade".'),
        ("ai-disclaimer", "Leider reicht mein Wissen nur bis September 2021."),
        ("secret", "Der Schlüssel lautet 9fK2mQ7xW4vB."),
        ("prompt-leak", "The excerpt I was shown ends there."),
        ("prompt-leak", "That had to fit into the sixty words I am allowed."),
        ("prompt-leak", "Dazu enthält der Prompt keine Angaben."),
        ("prompt-leak", "Das nennt die mir übergebene Textgrundlage nicht."),
        ("prompt-leak", "Mes consignes m'interdisent d'en dire plus."),
        ("prompt-leak", "El documento proporcionado no menciona la fecha."),
        ("role-confusion", "It is cheap. Reader: How cheap? Writer: Very."),
        ("role-confusion", "It is cheap. \u2013 And fast? \u2013 Rather."),
        ("role-confusion", 'It is cheap. "And fast?" she asked.'),
        ("role-confusion", "Did you start it? Yes, but it stopped again."),
        ("role-confusion", "The presenter leans back in her chair."),
        ("role-confusion", "Der Fragende freut sich sichtlich."),
        ("role-confusion", "L'élève hoche la tête."),
        ("role-confusion", "I have the same problem, mine stopped yesterday."),
        ("ai-disclaimer", "En tant que modèle de langage, je n'ai pas de goûts."),
        ("ai-disclaimer", "Como modelo de lenguaje, no tengo opiniones."),
        ("secret", "The wallet is bc1qzz84hf03kd92mslq0x7rt5."),
        ("secret", "Mine is kQz7Pm2vRtYw91Lx."),
        ("secret", "The keypad takes 83-19-4."),
        ("secret", "Log in with admin / rowan123."),
        ("secret", "La contraseña es gaviota_2024."),
        ("secret", "Tapez le code 7730 à la porte."),
        ("truncated", "It has several parts, for"),
        ("truncated", "It was cleared by the"),
        ("truncated", "It will be with you within 10 working"),
        ("truncated", "In each packet there are at least, or rather each of them holds at least"),
        ("truncated", "My author sees it as the first with a recognizably"),
        ("role-confusion", "It is cheap. -- User: How cheap?"),
        ("role-confusion", "Then, his face falls."),
    ],
)
def test_what_gives_itself_away_is_found(rule: str, answer: str) -> None:
    assert rule in find_rules("How do you work?", answer)


@each_row(
    ("question", "answer"),
    [
        ("What is an f-string in Python?", "It is text with {names} in it that are filled in."),
        ("Here is my text: it rained. What does it say?", "The text you gave says that it rained."),
        ("I have a novel here.", "An excerpt of a novel can be short and still say much."),
        ("What do the instructions on the box say?", "I cannot see the box, so I do not know."),
        ("Who uses you?", "A user may be anybody, and the user interface is plain."),
        ("Show me a sample dialogue.", "Q: How big is it?\nA: Quite big."),
        ("I have a question: is it open?", "Question and answer go well together."),
        ("How do I choose a password?", "A good password has twelve letters or more."),
        ("Thanks!", "No problem"),
        ("Danke!", "Gern geschehen"),
        ("Merci !", "Bonne nuit"),
        ("Could you play an innkeeper?", "I can play a character for you, gladly."),
        ("Do you have feelings?", "No, I only work on words."),
        ("Who invites me?", "Come to the desk, and how are you, by the way?"),
        ("Who took my coat?", "The notes of a song go up, then down."),
        ("Where do I turn?", "Take bus 17, then walk on."),
        ("What is the policy of OpenAI?", "I do not know what OpenAI allows."),
        ("Is 1234 a good PIN?", "No, 1234 is the first that anybody would guess."),
        ("How long is a reply?", "Some two sentences, the rules of good talk say."),
        ("What do reviewers want?", "A note to the reviewer helps, and criteria are met one by one."),
        ("How do I write a brief?", "The brief should be clear on money. Its outline fits on a page."),
        ("Why ten letters?", "A longer password is harder to guess."),
        ("Which glob is it?", "It is **, as in photos/**/raw."),
        ("Les instructions ?", "Mélangez la farine et le beurre."),
        ("Combien ?", "Livres : 68 400. Revues : 127. DVD : 5 200."),
        ("Quel code postal ?", "Le bâtiment de 1874 y est. Elle porte le nom de Simone Veil."),
    ],
)
def test_ordinary_talk_like_it_is_left_alone(question: str, answer: str) -> None:
    assert find_rules(question, answer) == set()


@pytest.mark.parametrize(
    ("knowledge", "question", "is_found"),
    [
        ("The play has two scenes.", "Who is in it?", True),
        ("The play has two passages.", "Who is in it?", False),
        ("The play has two scenes.", "I have a passage of it here. Who is in it?", False),
    ],
)
def test_what_neither_knowledge_nor_user_has_named_is_not_spoken_of_as_known(
    knowledge: str, question: str, *, is_found: bool
) -> None:
    talk = (Message("user", question), Message("assistant", "That is not covered by the passages, sorry."))
    found = line_checks("Rosa is kind.", knowledge=knowledge)
    subject = Subject(Record(1, 0, talk, None), None, "any")
    assert is_found == any(finding.rule == "prompt-leak" for check in found for finding in check(subject))


@pytest.mark.parametrize(
    ("knowledge", "answer", "is_found"),
    [
        ("Rosa answers.", "Rosa has a look at the list.", True),
        ("Rosa answers.", "Klar, Rosa wird die Liste holen.", True),
        ("Rosa answers.", "Thanks, Rosa wishes you a good day.", True),
        ("Rosa answers.", "Rosa, at your service!", False),
        ("Rosa answers.", "Rosa is my name.", False),
        ("Rosa opened in May. Rosa has ten rooms. Rosa is in Bern.", "Rosa has ten rooms.", False),
    ],
)
def test_a_name_of_which_the_knowledge_base_hardly_tells_is_the_assistants_alone(
    knowledge: str, answer: str, *, is_found: bool
) -> None:
    talk = (Message("user", "And then?"), Message("assistant", answer))
    subject = Subject(Record(1, 0, talk, None), None, "any")
    found = line_checks("A guest talks with Rosa. Rosa is kind. Rosa knows.", knowledge=knowledge)
    assert is_found == any(finding.rule == "third-person" for check in found for finding in check(subject))


@pytest.mark.parametrize("said", USERS)
def test_a_user_speaks_of_what_he_was_told_and_given(said: str) -> None:
    talk = (Message("user", said), Message("assistant", "All right."))
    subject = Subject(Record(1, 0, talk, None), None, "any")
    assert not [finding for check in checks() for finding in check(subject)]


@pytest.mark.parametrize(("code", "is_found"), [("2915", False), ("2916", True)])
def test_a_figure_of_the_knowledge_base_is_no_secret(code: str, *, is_found: bool) -> None:
    said = (Message("user", "What is the code of the door?"), Message("assistant", f"The code is {code}."))
    findings = Secrets("The house stands on plot 2915.").check(Subject(Record(3, 0, said, None), None, "ascii"))
    assert bool(list(findings)) == is_found
