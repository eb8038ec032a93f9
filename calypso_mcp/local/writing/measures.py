"""Numbers with what they count, and dates, as a sentence and its sources state them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = r"\d+(?:[.,]\d+)*"
#: From two on: "one" is seldom a number.
_FROM_TWO = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ENGLISH_NUMBERS = {
    **{word: number for number, word in enumerate(_FROM_TWO, start=2)},
    **{word: 10 * number for number, word in enumerate(TENS, start=2)},
    "hundred": 100,
    "thousand": 1000,
}
_OTHER_NUMBERS = (
    "zwei drei vier f\u00fcnf sechs sieben acht neun zehn elf zw\u00f6lf",
    "deux trois quatre cinq six sept huit neuf dix onze douze",
    "dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "due tre quattro cinque sei sette otto nove dieci undici dodici",
)
_NUMBERS = {
    word: str(number) for words in _OTHER_NUMBERS for number, word in enumerate(words.split(), start=2)
} | {word: str(number) for word, number in ENGLISH_NUMBERS.items()}
_IN_WORDS = re.compile(rf"\b(?:{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})\b")
#: Spellings of one unit; the first names it.
_UNITS = (
    "second seconds sec sekunde sekunden seconde secondes segundo segundos",
    "minute minutes min mins minuten minuto minutos minuti",
    "hour hours h hr hrs stunde stunden heure heures hora horas ora ore uur",
    "day days tag tage tagen jour jours día días dia dias giorno giorni dag dagen дней дня день",
    "week weeks woche wochen semaine semaines semana semanas settimana settimane weken",
    "month months monat monate monaten mois mes meses mese mesi maand maanden месяц месяца месяцев",
    "year years yr jahr jahre jahren ans année années año años ano anos anno anni jaar год года лет",
    "% percent prozent pourcent procent",
    "\u20ac euro euros eur",
    "$ dollar dollars usd",
    "\u00a3 pound pounds gbp",
    "chf franc francs franken",
    "mm millimetre millimetres millimeter millimeters",
    "cm centimetre centimetres centimeter centimeters",
    "m metre metres meter meters metern mètre mètres metro metros metri",
    "km kilometre kilometres kilometer kilometers kilomètre kilomètres",
    "mile miles meile meilen",
    "gram grams gramm",
    "kg kilogram kilograms kilogramm kilo kilos",
    "tonne tonnes ton tons tonnen",
    "litre litres liter liters",
    "kb kilobyte kilobytes", "mb megabyte megabytes", "gb gigabyte gigabytes", "tb terabyte terabytes",
    "thousand tausend mille mil",
    "million millions millionen mio", "billion billions milliarde milliarden mrd",
    "\u00b0c celsius", "\u00b0f fahrenheit",
)  # fmt: skip
_UNIT_OF = {spelling: unit.split()[0] for unit in _UNITS for spelling in unit.split()}
_WORD = re.compile(r"[^\W\d_]+|[%\u20ac$\u00a3]")
_AFTER = re.compile(rf"(?<![\w.,])({_NUMBER})[\s\u00a0-]?([^\W\d_]+|[%\u20ac$\u00a3]|\u00b0[cf])")
_BEFORE = re.compile(rf"(?<!\w)([$\u20ac\u00a3]|eur|usd|gbp|chf)[\s\u00a0]?({_NUMBER})")
ENGLISH_MONTHS = "january february march april may june july august september october november december"
_MONTH_NAMES = (
    ENGLISH_MONTHS,
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
)
_SHORT_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTH_OF = {
    spelling: number
    for names in (*_MONTH_NAMES, _SHORT_MONTHS)
    for number, spelling in enumerate(names.split(), start=1)
}
_DAY_MONTH = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.|º)?\s+(?:of\s+|de\s+)?([^\W\d_]+)")
_MONTH_DAY = re.compile(r"\b([^\W\d_]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?!\d|[.,]\d)")
#: Days that share the month named after the last of them: "from 3 to 5 March".
_DAYS = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.)?"
    r"(?=\s?(?:-|\u2013|to|and|until|bis|und|au|et|al|y)\s?\d{1,2}(?:st|nd|rd|th|\.)?\s+([^\W\d_]+))"
)
_ISO = re.compile(r"(?<!\d)\d{4}-(\d{1,2})-(\d{1,2})(?!\d)")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})[./](\d{1,2})[./](?:\d{4}|\d{2})(?!\d)")


def are_borne_out(sentence: str, evidence: str) -> bool:
    """Whether `evidence` has each amount of `sentence` in its unit, and each of its dates."""
    claimed, said = _folded(sentence), _folded(evidence)
    held = dict[str, set[str]]()
    for number, unit in _amounts(said):
        held.setdefault(number, set()).add(unit)
    # A number in words, or in a table with the unit in its header.
    named = {_UNIT_OF[word] for word in _WORD.findall(said) if word in _UNIT_OF}
    if any(unit not in held.get(number, named) for number, unit in _amounts(claimed)):
        return False
    return set(_dates(claimed)) <= {*_dates(said), *_numeric_dates(said)}


def _folded(text: str) -> str:
    # In small letters it is seldom the month.
    folded = re.sub(r"\bmay\b", " ", text).casefold()
    return _IN_WORDS.sub(lambda match: _NUMBERS[match[0]], folded)


def _amounts(text: str) -> Iterator[tuple[str, str]]:
    for number, unit in _AFTER.findall(text):
        if unit in _UNIT_OF:
            yield join_digits(number), _UNIT_OF[unit]
    for unit, number in _BEFORE.findall(text):
        yield join_digits(number), _UNIT_OF[unit]


def join_digits(number: str) -> str:
    """Return a number without separators and leading zeros."""
    return re.sub("[.,]", "", number).lstrip("0") or "0"


def _dates(text: str) -> Iterator[tuple[int, int]]:
    """Yield day and month of each date with a named month."""
    for pattern in (_DAY_MONTH, _DAYS):
        for day, month in pattern.findall(text):
            if month in _MONTH_OF:
                yield int(day), _MONTH_OF[month]
    for month, day in _MONTH_DAY.findall(text):
        if month in _MONTH_OF:
            yield int(day), _MONTH_OF[month]


def _numeric_dates(text: str) -> Iterator[tuple[int, int]]:
    for month, day in _ISO.findall(text):
        yield int(day), int(month)
    for whole, other in _NUMERIC.findall(text):
        yield int(whole), int(other)
        yield int(other), int(whole)  # countries differ
