"""Capitalised words that state nothing: calendar, languages, countries, forms of address, everyday abbreviations.

Companies, products, data sets and people are left out on purpose: a model that names one without having been told
about it has made it up, or at least added it.
"""

COMMON_NAMES = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december jan feb mar apr jun jul aug sep sept oct nov dec christmas easter halloween

    english french german spanish italian portuguese dutch swedish danish norwegian finnish polish czech russian
    ukrainian greek turkish arabic hebrew persian farsi hindi urdu bengali chinese mandarin cantonese japanese korean
    vietnamese thai indonesian malay swahili latin hungarian romanian european american british african asian indian
    canadian australian mexican brazilian irish scottish

    america usa us uk eu un england britain scotland ireland wales france germany spain italy portugal netherlands
    belgium switzerland austria sweden denmark norway finland poland russia ukraine greece turkey israel egypt nigeria
    kenya india pakistan china japan korea vietnam thailand indonesia australia canada mexico brazil argentina chile
    europe asia africa paris london berlin madrid rome lisbon tokyo beijing delhi moscow york washington boston
    chicago francisco angeles california texas york earth moon sun mars venus jupiter internet web

    mr mrs ms dr prof sir madam ok okay hi hello hey hola bonjour hallo ciao salut guten tag morgen abend buenos buenas
    dias tardes noches bom dia merci danke gracias obrigado grazie konnichiwa annyeong namaste privet merhaba hej hoi
    czesc habari salam xin chao ni hao ola willkommen bienvenido bienvenue

    ai ml llm nlp gpu cpu tpu ram vram ssd os pc tv id ui api sdk cli gui url http https html css json csv xml pdf sql
    usb wifi faq diy dna gps am pm ceo cto phd msc bsc stem ascii utf unicode bpe sgd mlp rnn cnn gb mb tb kb ghz mhz
    kwh flop tflop pflop io qa rl adhd nasa atm fyi btw tldr pr todo readme yes no not never very all only any why how
    macos linux windows unix mac python javascript typescript bash iphone ipad laptop macbook lego

    step part option question answer example figure table section chapter stage phase round level day week version
    note tip point case rule fact lesson unit item row column page line number layer
    tim tom anna alice bob carol jane john mary sam sara sarah mia ben max lily leo
    university institute college company inc lab labs corporation team lr tl dr
    bayes bayesian gaussian euclidean newton einstein shakespeare pythagoras
    """.split()  # noqa: SIM905 - a list of 300 literals hides its groups
)
