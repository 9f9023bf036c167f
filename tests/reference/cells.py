"""What the text of a cell means, by the type of its field.

docs/language/values.md, schema.md and the table of `[data.NAME]` in README.md.
"""

import datetime
import re
import unicodedata
from fractions import Fraction

from values import FIRST, LAST, rounded

UNREADABLE = object()

# How many base units one unit is.
UNITS = {
    "kg": Fraction(1), "g": Fraction(1, 1000), "t": Fraction(1000), "l": Fraction(1),
    "hl": Fraction(100), "ml": Fraction(1, 1000), "m": Fraction(1), "cm": Fraction(1, 100),
    "km": Fraction(1000), "m2": Fraction(1), "pieces": Fraction(1), "kWh": Fraction(1),
    "MWh": Fraction(1000),
}

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?", re.IGNORECASE)


def factor(unit):
    """Of a unit as the schema writes it: `t`, `EUR`, `EUR/t`."""
    if not unit:
        return Fraction(1)
    top, _, bottom = unit.partition("/")
    res = UNITS.get(top, Fraction(1))
    return res / UNITS.get(bottom, Fraction(1)) if bottom else res


INSTANT = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"([T ](\d\d):(\d\d)(:(\d\d)(\.(\d{1,9}))?)? ?(Z|[+-]\d\d:?\d\d)?)?"
)


def instant(text):
    """A day or a time of a day; with an offset the same instant in UTC."""
    found = INSTANT.fullmatch(text)
    if not found:
        raise ValueError(text)
    year, month, day, _, hour, minute, _, second, _, parts, offset = found.groups()
    it = datetime.datetime(int(year), int(month), int(day))
    it = it.replace(hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0))
    it = it.replace(microsecond=int((parts or "0").ljust(9, "0")[:6]))
    if offset and offset != "Z":
        sign = -1 if offset[0] == "-" else 1
        hours, minutes = int(offset[1:3]), int(offset[-2:])
        it -= sign * datetime.timedelta(hours=hours, minutes=minutes)
    return it


class Cells:
    """How one table writes its cells."""

    def __init__(self, table):
        self.nulls = set(table.get("nulls") or [])
        self.decimal = table.get("decimal") or "."
        self.dates = table.get("dates") or {}
        self.ratios = set(table.get("ratios") or [])

    def read(self, text, field):
        """A value; `None` where it is missing, `UNREADABLE` where it is a fault."""
        text = unicodedata.normalize("NFC", text).strip()
        if text == "" or text in self.nulls:
            return None
        name = field["type"]["name"]
        reader = getattr(self, f"_{name.replace('-', '_')}")
        return reader(text, field)

    def _text(self, text, field):
        return text

    _name = _text

    def _truth(self, text, field):
        yes, no = ("true", "yes", "y", "1"), ("false", "no", "n", "0")
        word = text.lower()
        return word in yes if word in yes + no else UNREADABLE

    def number(self, text):
        if self.decimal != ".":
            if "." in text:
                return None
            text = text.replace(self.decimal, ".")
        return Fraction(text) if NUMBER.fullmatch(text) else None

    def _whole(self, text, field):
        it = self.number(text)
        if it is None or it.denominator != 1 or not -(2**63) <= it < 2**63:
            return UNREADABLE
        return it

    def _number(self, text, field):
        ty = field["type"]
        signed = ty["percent"] and text.endswith("%")
        it = self.number(text[:-1].rstrip() if signed else text)
        if it is None or 10**18 <= abs(it):
            return UNREADABLE
        if signed or ty["percent"] and field["name"] not in self.ratios:
            it = it / 100
        return rounded(it * factor(field.get("unit")), ty["scale"])

    def _date(self, text, field):
        form = self.dates.get(field["name"])
        try:
            if form:
                it = datetime.datetime.strptime(text, form).date()
            else:
                it = instant(text).date()
        except ValueError:
            return UNREADABLE
        return it if FIRST <= it <= LAST else UNREADABLE

    def _date_time(self, text, field):
        try:
            it = instant(text)
        except ValueError:
            return UNREADABLE
        return it if FIRST <= it.date() <= LAST else UNREADABLE

    def _code(self, text, field):
        levels, digits = field.get("levels") or [], ""
        for letter in text:
            if letter in ". ":
                # For the eye, after a pair or a level.
                if len(digits) % 2 and len(digits) not in levels:
                    return UNREADABLE
            elif letter.isascii() and letter.isalnum():
                digits += letter.upper()
            else:
                return UNREADABLE
        return digits if not levels or len(digits) in levels else UNREADABLE

    def _choice(self, text, field):
        return text if text in field["type"]["words"] else UNREADABLE

    def _country(self, text, field):
        word = text.upper()
        return word if re.fullmatch("[A-Z]{2}", word) else UNREADABLE

    def _currency(self, text, field):
        word = text.upper()
        return word if re.fullmatch("[A-Z]{3}", word) else UNREADABLE
