"""The language of a text by its letters alone, where they are those of one language.

A script that one language has tells it; of one that several have, letters tell that the others have not.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

_LEAST_SHARE = 1 / 3  # of all letters: names and code among them are in Latin ones
_LEAST_MARKS = 0.004  # of the letters of a script: a name in the text may be another language's
_ALL = ""
# By script, as the names of its letters begin: who has it, and letters of which each has some. The first that fits is
# meant; where none is named, all that is left. A letter that only borrowed names have stands for no language.
_SCRIPTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "ARABIC": (
        ("ku", "ڕڵێ"),
        ("ug", "ەۇۆۈې"),
        ("ps", "ټډړښڼۍ"),
        ("sd", "ڄڃڏڌڻٿٺ"),
        ("ur", "ٹڈڑےںہھ"),
        ("fa", "پچژگکی"),
        ("ar", "ةىيك"),
    ),
    "ARMENIAN": (("hy", _ALL),),
    "BENGALI": (("as", "ৰৱ"), ("bn", _ALL)),
    "CYRILLIC": (
        ("tg", "ӣӯҷ"),
        ("ba", "ҙҫҡ"),
        ("tt", "җ"),
        ("kk", "ұ"),
        ("uz", "қғҳ"),
        ("ky", "ң"),
        ("mn", "өү"),
        ("be", "ў"),
        ("uk", "їєґ"),
        ("mk", "ѓќѕ"),
        ("sr", "ђћјљњ"),
        ("ru", "ыэё"),
        ("bg", "ъ"),
    ),
    "DEVANAGARI": (("mr", "ळ"), ("hi", "\u093c\u095c\u095d")),
    "ETHIOPIC": (("am", _ALL),),
    "GEORGIAN": (("ka", _ALL),),
    "GREEK": (("el", _ALL),),
    "GUJARATI": (("gu", _ALL),),
    "GURMUKHI": (("pa", _ALL),),
    "HANGUL": (("ko", _ALL),),
    "HEBREW": (("yi", "\u05f0\u05f1\u05f2"), ("he", _ALL)),
    "CJK": (("zh", _ALL),),
    "KANA": (("ja", _ALL),),
    "KANNADA": (("kn", _ALL),),
    "KHMER": (("km", _ALL),),
    "LAO": (("lo", _ALL),),
    "MALAYALAM": (("ml", _ALL),),
    "MYANMAR": (("my", _ALL),),
    "ORIYA": (("or", _ALL),),
    "SINHALA": (("si", _ALL),),
    "TAMIL": (("ta", _ALL),),
    "TELUGU": (("te", _ALL),),
    "THAANA": (("dv", _ALL),),
    "THAI": (("th", _ALL),),
    "TIBETAN": (("bo", _ALL),),
}
_PARTS = {"HIRAGANA": "KANA", "KATAKANA": "KANA", "KATAKANA-HIRAGANA": "KANA"}
_LEAST_KANA = 0.1  # of Chinese characters and kana together; a Japanese sentence has half


def find_by_letters(text: str) -> str | None:
    """Its code; None where it is written in Latin letters, or in those of several languages that are told by words."""
    scripts: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    for letter, number in Counter(text.lower()).items():
        if letter.isalpha() or unicodedata.combining(letter):
            first = unicodedata.name(letter, "").partition(" ")[0]
            script = _PARTS.get(first, first)
            scripts[script] += number
            letters[letter] += number
    if scripts["KANA"] >= _LEAST_KANA * (scripts["KANA"] + scripts["CJK"]):
        scripts["KANA"] += scripts.pop("CJK", 0)
    script, number = max(((each, scripts[each]) for each in _SCRIPTS), key=lambda each: each[1])
    if number <= _LEAST_SHARE * scripts.total():
        return None
    for code, marks in _SCRIPTS[script]:
        if not marks or sum(letters[each] for each in marks) >= _LEAST_MARKS * number:
            return code
    return None
