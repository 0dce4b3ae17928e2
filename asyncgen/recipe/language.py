"""Languages by their codes of ISO 639-1."""

from asyncgen.did_you_mean import nearest

LANGUAGE = "language"  # the dimension that a recipe in several languages has
_CODES = """
aa Afar, ab Abkhazian, ae Avestan, af Afrikaans, ak Akan, am Amharic, an Aragonese, ar Arabic, as Assamese, av Avaric,
ay Aymara, az Azerbaijani, ba Bashkir, be Belarusian, bg Bulgarian, bh Bihari, bi Bislama, bm Bambara, bn Bengali,
bo Tibetan, br Breton, bs Bosnian, ca Catalan, ce Chechen, ch Chamorro, co Corsican, cr Cree, cs Czech,
cu Church Slavic, cv Chuvash, cy Welsh, da Danish, de German, dv Divehi, dz Dzongkha, ee Ewe, el Greek, en English,
eo Esperanto, es Spanish, et Estonian, eu Basque, fa Persian, ff Fulah, fi Finnish, fj Fijian, fo Faroese, fr French,
fy Western Frisian, ga Irish, gd Gaelic, gl Galician, gn Guarani, gu Gujarati, gv Manx, ha Hausa, he Hebrew, hi Hindi,
ho Hiri Motu, hr Croatian, ht Haitian, hu Hungarian, hy Armenian, hz Herero, ia Interlingua, id Indonesian,
ie Interlingue, ig Igbo, ii Sichuan Yi, ik Inupiaq, io Ido, is Icelandic, it Italian, iu Inuktitut, ja Japanese,
jv Javanese, ka Georgian, kg Kongo, ki Kikuyu, kj Kuanyama, kk Kazakh, kl Greenlandic, km Khmer, kn Kannada, ko Korean,
kr Kanuri, ks Kashmiri, ku Kurdish, kv Komi, kw Cornish, ky Kyrgyz, la Latin, lb Luxembourgish, lg Ganda,
li Limburgish, ln Lingala, lo Lao, lt Lithuanian, lu Luba-Katanga, lv Latvian, mg Malagasy, mh Marshallese, mi Maori,
mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese, na Nauru,
nb Norwegian Bokmal, nd North Ndebele, ne Nepali, ng Ndonga, nl Dutch, nn Norwegian Nynorsk, no Norwegian,
nr South Ndebele, nv Navajo, ny Chichewa, oc Occitan, oj Ojibwa, om Oromo, or Oriya, os Ossetian, pa Punjabi, pi Pali,
pl Polish, ps Pashto, pt Portuguese, qu Quechua, rm Romansh, rn Rundi, ro Romanian, ru Russian, rw Kinyarwanda,
sa Sanskrit, sc Sardinian, sd Sindhi, se Northern Sami, sg Sango, si Sinhala, sk Slovak, sl Slovenian, sm Samoan,
sn Shona, so Somali, sq Albanian, sr Serbian, ss Swati, st Southern Sotho, su Sundanese, sv Swedish, sw Swahili,
ta Tamil, te Telugu, tg Tajik, th Thai, ti Tigrinya, tk Turkmen, tl Tagalog, tn Tswana, to Tonga, tr Turkish,
ts Tsonga, tt Tatar, tw Twi, ty Tahitian, ug Uighur, uk Ukrainian, ur Urdu, uz Uzbek, ve Venda, vi Vietnamese,
vo Volapuk, wa Walloon, wo Wolof, xh Xhosa, yi Yiddish, yo Yoruba, za Zhuang, zh Chinese, zu Zulu
"""
NAMES = {code: name for code, _, name in (each.strip().partition(" ") for each in _CODES.split(","))}
_OTHER_LETTERS = """
ab am ar as av ba be bg bn bo ce cr cu cv dv dz el fa gu he hi hy ii iu ja ka kk km kn ko ks kv ky lo mk ml mn mr my ne
or os pa ps ru sa sd si ta te tg th ti tt ug uk ur yi zh
"""
OTHER_LETTERS = frozenset(_OTHER_LETTERS.split())  # than the Latin ones
_OTHERWISE = {name.casefold(): code for code, name in NAMES.items()} | {
    "deutsch": "de",
    "englisch": "en",
    "francais": "fr",
    "français": "fr",
    "espanol": "es",
    "español": "es",
    "italiano": "it",
    "nederlands": "nl",
    "portugues": "pt",
    "português": "pt",
    "polski": "pl",
    "mandarin": "zh",
    "ger": "de",
    "deu": "de",
    "eng": "en",
    "cz": "cs",
    "jp": "ja",
    "cn": "zh",
    "gr": "el",
    "dk": "da",
    "ua": "uk",
}


def explain_code(code: str) -> str | None:
    """What is wrong with a language's code; None for a right one."""
    if code in NAMES:
        return None
    word = code.casefold()
    meant = next((each for each in (word, word[:2] if word[2:3] in {"-", "_"} else "") if each in NAMES), None)
    meant = meant or _OTHERWISE.get(nearest(word, _OTHERWISE) or "")
    hint = f"; did you mean {meant}?" if meant else ""
    return f"expected a code of ISO 639-1 such as de or en, got {code!r}{hint}"
