"""Values as the manual has them: exact numbers, dates, texts, and *no value* with what it lacks.

A number is a `Fraction`, a date a `datetime.date`, an instant a `datetime.datetime` without zone
(UTC), a duration a `Duration`, a condition `True`, `False` or an `Unknown`; codes, choices,
countries, currencies and texts are `str`. `Missing` and `Unknown` say what would have to be given:
sets of names, each of which would do.
"""

import datetime
import unicodedata
from fractions import Fraction

SCALE_MAX = 9
FIRST = datetime.date(1900, 1, 1)
LAST = datetime.date(2199, 12, 31)


def smallest(sets):
    """The sets that hold no other one of them."""
    kept = []
    for it in sorted(set(sets), key=lambda it: (len(it), sorted(it))):
        if not any(less <= it for less in kept):
            kept.append(it)
    return kept[:64]


class Missing:
    """No value. `ways` are sets of names: all of one set given, there is a value.

    `blind` is that of past rows where nobody can tell what there was, for the date of the judged
    row is missing or the data are not complete: `or else` is no answer.
    """

    def __init__(self, ways, reason=None, blind=None):
        self.blind = blind
        self.ways = smallest(frozenset(it) for it in ways)
        self.reason = reason

    def __repr__(self):
        return f"Missing({[sorted(it) for it in self.ways]}, {self.reason})"


class Unknown:
    """A condition that is open: what would make it true, and what false."""

    def __init__(self, yes, no):
        self.yes = smallest(yes)
        self.no = smallest(no)

    def names(self):
        """The fields of the smallest sets that decide."""
        every = [it for it in self.yes + self.no if it]
        least = min((len(it) for it in every), default=0)
        return sorted({name for it in every if len(it) == least for name in it})

    def __repr__(self):
        return f"Unknown({self.names()})"


def lacking(parts):
    """What several missing values lack together: a way of each."""
    ways = [frozenset()]
    for part in parts:
        if isinstance(part, Missing):
            ways = smallest(a | b for a in ways for b in part.ways)
    return ways


def open_test(parts):
    """A test on missing values: whatever it is, all of them are needed."""
    ways = lacking(parts)
    return Unknown(ways, ways)


def is_missing(it):
    return isinstance(it, (Missing, Unknown))


def chosen(parts, n):
    """The sets that any `n` of the parts need together."""
    by_count = [[frozenset()]] + [[] for _ in range(n)]
    for part in parts:
        for count in reversed(range(n)):
            both = [a | b for a in by_count[count] for b in part]
            by_count[count + 1] = smallest(both + by_count[count + 1])
    return by_count[n]


def at_least(n, parts):
    """True if `n` parts are sure, false if even the open ones would not do."""
    sure = sum(1 for it in parts if it is True)
    unsure = [it for it in parts if isinstance(it, Unknown)]
    if n <= sure:
        return True
    if sure + len(unsure) < n:
        return False
    needed = n - sure
    against = len(unsure) + 1 - needed
    return Unknown(
        chosen([it.yes for it in unsure], needed), chosen([it.no for it in unsure], against)
    )


def conjunction(parts):
    return at_least(len(parts), parts)


def disjunction(parts):
    return at_least(1, parts)


def negation(it):
    return Unknown(it.no, it.yes) if isinstance(it, Unknown) else not it


# Numbers


def rounded(it, scale):
    """Half away from zero."""
    power = 10**scale
    scaled = abs(it) * power
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if 0 <= it else -whole, power)


def number_text(it):
    """All decimals, without zeros at the end."""
    it = Fraction(it)
    digits = 0
    while (it * 10**digits).denominator != 1:
        digits += 1
    text = str(abs(it * 10**digits)).rjust(digits + 1, "0")
    if digits:
        text = f"{text[:-digits]}.{text[-digits:]}"
    return f"-{text}" if it < 0 else text


# Dates


class Duration:
    """Days, months or time: they do not mix."""

    def __init__(self, days=None, months=None, microseconds=None):
        self.days, self.months, self.microseconds = days, months, microseconds

    def negated(self):
        turned = [None if it is None else -it for it in (self.days, self.months, self.microseconds)]
        return Duration(*turned)

    def size(self):
        """Days, months or microseconds."""
        return next(it for it in (self.days, self.months, self.microseconds) if it is not None)

    def in_time(self):
        """Microseconds, where days are of 24 hours."""
        if self.days is not None:
            return self.days * 86_400_000_000
        return self.microseconds

    def __repr__(self):
        return f"Duration({self.days}, {self.months}, {self.microseconds})"


def add_months(day, months):
    """Of the calendar, at most the last day of the month."""
    at = day.year * 12 + day.month - 1 + months
    year, month = divmod(at, 12)
    after = datetime.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (after - datetime.timedelta(days=1)).day
    return datetime.date(year, month + 1, min(day.day, last))


def shifted(it, by):
    """A date or an instant and a duration; `None` outside the calendar."""
    try:
        if by.months is not None:
            if isinstance(it, datetime.datetime):
                day = add_months(it.date(), by.months)
                res = datetime.datetime.combine(day, it.time())
            else:
                res = add_months(it, by.months)
        elif by.days is not None:
            res = it + datetime.timedelta(days=by.days)
        else:
            res = it + datetime.timedelta(microseconds=by.microseconds)
    except (OverflowError, ValueError):
        return None
    day = res.date() if isinstance(res, datetime.datetime) else res
    return res if FIRST <= day <= LAST else None


# Texts


def folded(it):
    """Simple case folding: one character stays one."""
    res = []
    for char in unicodedata.normalize("NFC", it):
        fold = char.casefold()
        if len(fold) != 1:
            fold = char.lower()
        res.append(fold if len(fold) == 1 else char)
    return "".join(res)


LETTERS = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ı": "i",
}


def as_name(it):
    """NFKD, marks dropped, letters of the table, upper case, all else one space."""
    plain = "".join(LETTERS.get(char, char) for char in it)
    plain = unicodedata.normalize("NFKD", plain)
    plain = "".join(it for it in plain if not unicodedata.combining(it))
    plain = "".join(LETTERS.get(char, char) for char in plain).upper()
    words = "".join(it if it.isalnum() else " " for it in plain).split()
    return " ".join(words)


def form(it, name):
    """How a value of a type compares, `name` being the name of the type."""
    if not isinstance(it, str):
        return it
    if name == "name":
        return as_name(it)
    if name == "text":
        return folded(it)
    return it


def capitals(it, name):
    """The form in capital letters, where a letter has one that is a single letter."""
    it = form(it, name)
    if not isinstance(it, str) or name not in ("name", "text"):
        return it
    return "".join(one.upper() if len(one.upper()) == 1 else one for one in it)
