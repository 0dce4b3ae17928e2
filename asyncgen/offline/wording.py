"""The words around the quotations: how users ask and react, how the assistant leads in, by voice.

Nothing here states a fact and nothing holds a digit: every figure in an answer comes from the knowledge base.
`{}` is the place of what is asked about.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from asyncgen.offline.aspects import Kind

QUESTIONS: dict[Kind, tuple[str, ...]] = {
    Kind.NOUN: (
        "What can you tell me about {}?",
        "Can you tell me about {}?",
        "What should I know about {}?",
        "Could you explain {}?",
        "Tell me about {}, please.",
        "What about {}?",
        "What is there to say about {}?",
        "What is the story with {}?",
        "Could you walk me through {}?",
        "I would like to hear about {}.",
        "I have been wondering about {}.",
        "Can we talk about {}?",
        "What do you know about {}?",
        "Could you say something about {}?",
    ),
    Kind.CLAUSE: (
        "Can you tell me {}?",
        "Could you explain {}?",
        "Do you know {}?",
        "I would like to know {}.",
        "Tell me {}, please.",
        "I have been wondering {}.",
        "Could you tell me {}?",
        "I am trying to find out {}.",
        "What I want to know is {}.",
        "May I ask {}?",
        "I am curious {}.",
    ),
    Kind.POLAR: ("{}?", "So, {}?", "May I ask: {}?", "Simple question: {}?", "Tell me, {}?", "I am curious: {}?"),
    Kind.COMPARED: (
        "How do you look {}?",
        "Where do you stand {}?",
        "What is different about you {}?",
        "How good are you {}?",
        "What changes {}?",
        "How would you describe yourself {}?",
        "Strengths and weaknesses {}?",
        "How do you do {}?",
    ),
    Kind.ABSENCE: (
        "Is it right that there is {}?",
        "Somebody told me there is {}. Is that so?",
        "So there is {}?",
        "What does it mean in practice that there is {}?",
        "I read that there is {}. Can you explain?",
        "Is there really {}?",
        "Do I understand correctly that there is {}?",
    ),
}

MORE_QUESTIONS = (
    "Can you say more about that?",
    "What else is there to know about it?",
    "Could you go into more detail?",
    "And beyond that?",
    "Is there more to it?",
    "Can you go one step further?",
    "What else belongs to that?",
    "Could you expand on that?",
    "Go on, please.",
    "What is the next thing to understand there?",
    "Anything else on that?",
    "What would you add to that?",
)
CLAIM_QUESTIONS = (
    "Is it true that {}?",
    "I read that {}. Is that right?",
    "Someone told me that {}. Can you confirm it?",
    "Is it correct that {}?",
    "Did I get this right: {}?",
    "I have heard that {}. True?",
    "Would it be fair to say that {}?",
)
DISBELIEFS = (
    "Surely it is not true that {}?",
    "I cannot believe that {}. That is a myth, right?",
    "People say that {}. That cannot be right, can it?",
    "I always took it for a rumor that {}.",
    "It is not really the case that {}, is it?",
    "I thought it was made up that {}.",
)
MISTAKE_QUESTIONS = (
    "As far as I know, {}, right?",
    "I take it that {}?",
    "From what I have heard, {}. Is that right?",
    "So {}, correct?",
    "I always assumed that {}.",
    "Surely {}?",
    "I was told that {}.",
    "My understanding is that {}. Yes?",
    "I would have guessed that {}.",
)
MORE_ABOUT = (
    "What else can you tell me about {}?",
    "Is there anything else about {}?",
    "What else should I know about {}?",
    "Anything more on {}?",
)
ACCEPTANCES = (
    "Yes, please.",
    "Sure, go ahead.",
    "Yes, I would like that.",
    "Please do.",
    "Yes, tell me.",
    "Okay, let's hear it.",
    "Yes, go on.",
)
LAST_LEADS = (
    "One last thing.",
    "Before I go:",
    "Last question.",
    "One more, then I am done.",
    "Finally:",
    "To finish:",
)
IN_ENGLISH = ("In English, if I may:", "Sorry, in English:", "Let me switch to English.", "And now in English:")

GREETINGS = (
    "Hello! What would you like to know?",
    "Hi! Ask me anything you like.",
    "Hello, good to hear from you. What can I do for you?",
    "Hi there! What are you curious about?",
    "Hello! I am happy to answer questions.",
    "Hey! Nice to meet you. What is on your mind?",
    "Hello! Where shall we begin?",
    "Hi! What brings you here?",
    "Welcome! What can I help you with?",
    "Hey, I am here. What would you like to talk about?",
)
GREETING_OFFERS: dict[Kind, tuple[str, ...]] = {
    Kind.NOUN: (
        "Hello! Ask away. We could talk about {}, for example.",
        "Hi there! If you want a place to start, I can tell you about {}.",
        "Hey! I am ready. Shall we begin with {}?",
        "Hello, nice to meet you. I could tell you about {}, if you like.",
        "Hi! Shall I tell you about {}?",
    ),
    Kind.CLAUSE: (
        "Hello! If you like, I can tell you {}.",
        "Hi there! Shall I tell you {}?",
        "Hey! I could begin by telling you {}.",
    ),
}
HELLOS = ("Hello!", "Hi!", "Hi there!", "Hey!", "Hello, nice to meet you.", "Hello, and welcome.")
CONNECTORS = ("Also,", "And", "While we are at it,", "On top of that,", "Oh, and")
FOREIGN_REPLIES = (
    "{}! I work best in English, so let me answer in English.",
    "{}! I will go on in English, where I do best.",
    "{}! English works best for me, so I will use that.",
    "{}, and welcome! I am at my best in English, so I will stay with it.",
)
OFFERS: dict[Kind, tuple[str, ...]] = {
    Kind.NOUN: (
        "If you like, I can tell you about {} next.",
        "Shall I go on with {}?",
        "I can also say something about {}, if that helps.",
        "Would you like to hear about {} as well?",
        "A good next step would be {}. Shall I?",
    ),
    Kind.CLAUSE: (
        "If you like, I can also tell you {}.",
        "Shall I tell you {}?",
        "Would you like to know {} as well?",
    ),
}
MORE_OFFERS = (
    "There is more to it, if you want the details.",
    "I can go further into this, if you like.",
    "Shall I go on?",
    "There is a bit more to say about it. Interested?",
)
INTROS = (
    "Sure.",
    "Gladly.",
    "Of course.",
    "Here is what I know.",
    "In short:",
    "Let me put it this way.",
    "Happy to explain.",
    "Certainly.",
    "Yes, I can say something about that.",
    "Here is the gist.",
    "The facts are these.",
    "Let me tell you.",
)
MORE_INTROS = ("There is more, yes.", "Certainly.", "Gladly.", "To add to that:", "Yes.", "Here goes.", "Sure.")
CONFIRMATIONS = (
    "Yes, that is right.",
    "That is correct.",
    "Yes.",
    "Right.",
    "Yes, exactly.",
    "You heard right.",
    "That is so.",
)
REASSURANCES = (
    "It is true, in fact.",
    "No myth, it is so.",
    "Oh, but it is so.",
    "It does hold.",
    "Actually, that one is true.",
    "It may sound odd, but it is right.",
)
CORRECTIONS = (
    "Not quite.",
    "That is a common mix-up, but no.",
    "No, that is not so.",
    "Actually, no.",
    "I have to correct that.",
    "Easy to think so, but no.",
    "Let me set that straight.",
    "It is the other way round.",
)
_NOTHING_LEFT = (
    "That is all I know about it.",
    "I do not know more than that.",
    "Beyond that I have nothing reliable to say.",
    "More than that I cannot tell you.",
    "I would have to guess, and I would rather not.",
    "My knowledge of this ends here.",
    "I have no further facts on this.",
)
NOTHING_LEFT = (
    *_NOTHING_LEFT,
    *(f"Sorry, that was it. {each}" for each in _NOTHING_LEFT),
    *(f"Let me be plain. {each}" for each in _NOTHING_LEFT),
)


@dataclass(frozen=True, slots=True)
class Voice:
    """How a persona sounds. `depth`: passages an answer may hold; `figures`: above 1 leans towards numbers."""

    reactions: tuple[str, ...]
    leads: tuple[str, ...]
    tails: tuple[str, ...]
    depth: tuple[int, ...] = (1, 1, 2)
    figures: float = 1.0
    doubts: float = 0.15


_NEUTRAL = Voice(
    reactions=("Thanks.", "I see.", "Okay.", "Got it.", "That helps.", "Interesting.", "Good to know.", "Makes sense."),
    leads=("Another question:", "Next question.", "I also wanted to ask:"),
    tails=("Thanks in advance.", "A short answer is fine."),
)
_BEGINNER = Voice(
    reactions=(
        "Oh, okay.",
        "I think I follow.",
        "That is new to me.",
        "Ah, I see.",
        "I had no idea.",
        "Okay, slowly I get it.",
        "Thanks, I did not know that.",
    ),
    leads=("This may be a silly question.", "I am new to this.", "Sorry if this is obvious."),
    tails=("In simple words, please.", "I know nothing about this.", "Please keep it simple."),
    depth=(1,),
    figures=0.4,
    doubts=0.1,
)
_NEWCOMER = Voice(
    reactions=("Ah, that clears it up.", "Okay, following so far.", "Good, I can work with that.", "I see.", "Got it."),
    leads=("I can code, but this part is new to me.", "Still learning here.", "Help me connect the dots."),
    tails=("I am new to training models.", "Step by step, please.", "What matters most there?"),
    depth=(1, 1, 2),
    figures=0.8,
)
_ENGINEER = Voice(
    reactions=("Understood.", "Makes sense.", "Okay, that matches what I expected.", "Noted.", "Right.", "Clear."),
    leads=("More specifically:", "On the technical side:", "For the details:"),
    tails=("Exact numbers if you have them.", "Please be specific.", "I am after the design choice here."),
    depth=(1, 2, 2, 3),
    figures=2.5,
)
_CONTRIBUTOR = Voice(
    reactions=("Good pointer.", "Noted, thanks.", "Okay, I will look at the code.", "That is useful.", "Clear so far."),
    leads=(
        "Before I touch the code:",
        "I want to get this right before I change anything.",
        "For a patch I have in mind:",
    ),
    tails=("I am looking for something to work on.", "Anything I should watch out for?"),
    depth=(1, 2, 2),
    figures=1.5,
)
_SKEPTIC = Voice(
    reactions=(
        "Hm, fair enough.",
        "I am not convinced yet.",
        "If you say so.",
        "That is more candid than I expected.",
        "Okay, I will grant you that.",
        "Hm.",
        "Well, at least that is concrete.",
    ),
    leads=("I have my doubts.", "Convince me.", "Sounds too good.", "I do not buy it yet.", "Be honest."),
    tails=("No marketing, please.", "Give me facts.", "I would like evidence."),
    depth=(1, 1, 2),
    figures=1.5,
    doubts=0.5,
)
_STUDENT = Voice(
    reactions=(
        "That fits with what we did in class.",
        "Okay, I think I get it.",
        "Thanks, that helps a lot.",
        "Ah, now it clicks.",
        "Interesting, we only touched on that.",
    ),
    leads=("We had this in a lecture.", "I am revising.", "For my notes:"),
    tails=("I want to understand the why.", "I am trying to build an intuition."),
    depth=(1, 1, 2),
)
_COMPARER = Voice(
    reactions=("Okay, good to know.", "That is useful for my choice.", "Thanks, noted.", "I see.", "All right."),
    leads=("I am weighing a few assistants.", "To compare fairly:", "Help me choose."),
    tails=("I want to know what I would get.", "Pros and cons are welcome."),
    doubts=0.25,
)
_JOURNALIST = Voice(
    reactions=("Thank you, that is quotable.", "Thank you.", "That is clear.", "Good, I can use that.", "Understood."),
    leads=("To get it right:", "For the record:", "My readers will ask this."),
    tails=("A plain sentence would be ideal.", "Plain words, please.", "I want to quote you correctly."),
    depth=(1, 1, 2),
    figures=1.2,
    doubts=0.35,
)
_HOBBYIST = Voice(
    reactions=("Nice.", "Cool, thanks.", "Good to know.", "Ha, neat.", "Sweet.", "Alright."),
    leads=("I tinker at home.", "Just me and my gaming PC here.", "Thinking of trying this myself."),
    tails=("Just curious.", "Asking as a tinkerer."),
)
_COST_MINDED = Voice(
    reactions=("Good, that is a number I can use.", "Okay.", "That helps with planning.", "Noted.", "Understood."),
    leads=("Let me be practical.", "I have to plan this.", "Bottom line first:"),
    tails=("Time and money matter to us.", "Keep it short, please.", "I need this for a budget."),
    depth=(1, 1, 2),
    figures=2.5,
)
_TEACHER = Voice(
    reactions=(
        "My class will like that.",
        "That is a good example.",
        "Thank you, that is clear.",
        "Lovely, I can use that.",
    ),
    leads=("I am preparing a lesson.", "A pupil asked me this.", "I want to explain this in class."),
    tails=("How would you put it to a class?", "Something I can retell would be great."),
    figures=0.7,
)
_ENTREPRENEUR = Voice(
    reactions=("Good to know before I invest time.", "Okay, that shapes my plan.", "Fair.", "I see.", "Noted."),
    leads=("Thinking about a product here.", "From a business angle:", "Before I build anything:"),
    tails=("I need to know what I can promise customers.", "Be frank about the risks."),
    figures=1.3,
    doubts=0.25,
)
_VOICES = (
    (re.compile(r"skeptic|sceptic|doubt|critic", re.IGNORECASE), _SKEPTIC),
    (re.compile(r"contributor|maintainer", re.IGNORECASE), _CONTRIBUTOR),
    (re.compile(r"engineer|researcher|expert|scientist|technical", re.IGNORECASE), _ENGINEER),
    (re.compile(r"journalist|reporter|editor", re.IGNORECASE), _JOURNALIST),
    (re.compile(r"teacher|lecturer|educator", re.IGNORECASE), _TEACHER),
    (re.compile(r"hobby|tinker|home", re.IGNORECASE), _HOBBYIST),
    (re.compile(r"entrepreneur|founder|business|product", re.IGNORECASE), _ENTREPRENEUR),
    (re.compile(r"cost|money|budget|manager", re.IGNORECASE), _COST_MINDED),
    (re.compile(r"student|pupil", re.IGNORECASE), _STUDENT),
    (re.compile(r"compar|choos", re.IGNORECASE), _COMPARER),
    (re.compile(r"newcomer|new to", re.IGNORECASE), _NEWCOMER),
    (re.compile(r"beginner|novice|layp|child|everyday", re.IGNORECASE), _BEGINNER),
)


@dataclass(frozen=True, slots=True)
class Mood:
    """What a dynamic does to a conversation.

    `query`: what it keeps coming back to, besides the topic. `persistence`: how often the next question stays in the
    same section. `corrects`: the user assumes what passages deny.
    """

    reactions: tuple[str, ...] = ()
    query: str = ""
    persistence: float = 0.3
    doubts: float = 0.0
    corrects: bool = False
    in_order: bool = False


_MOODS = (
    (re.compile(r"misconception|mistaken|false", re.IGNORECASE), Mood(doubts=0.95, corrects=True)),
    (re.compile(r"limit|weakness|fails", re.IGNORECASE), Mood(query="limitations limits", persistence=0.1)),
    (
        re.compile(r"compar|versus|against", re.IGNORECASE),
        Mood(query="compared comparisons", persistence=0.2),
    ),
    (re.compile(r"skeptic|sceptic|doubt", re.IGNORECASE), Mood(doubts=0.6)),
    (re.compile(r"technical|deep|mechanism", re.IGNORECASE), Mood(persistence=0.6)),
    (re.compile(r"learning|step by step|journey", re.IGNORECASE), Mood(persistence=0.5, in_order=True)),
    (
        re.compile(r"enthusias|excited", re.IGNORECASE),
        Mood(reactions=("Wow!", "Love it!", "That is so cool!", "Amazing!", "Great stuff!", "Ha, brilliant!")),
    ),
    (
        re.compile(r"casual|relaxed|small talk", re.IGNORECASE),
        Mood(reactions=("Ah ok.", "Cool.", "Nice.", "Huh, neat.", "Haha ok.", "Fair.", "Gotcha.")),
    ),
)


@lru_cache(maxsize=1024)
def choose_voice(persona: str) -> Voice:
    return next((voice for pattern, voice in _VOICES if pattern.search(persona)), _NEUTRAL)


@lru_cache(maxsize=1024)
def read_mood(dynamic: str) -> Mood:
    return next((mood for pattern, mood in _MOODS if pattern.search(dynamic)), Mood())
