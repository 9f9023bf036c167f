"""Random rules as text: conditions by record, with what they may read."""

import re

import wider

DAYS = ["7 days", "10 days", "30 days", "2 weeks", "1 months", "3 months", "1 years"]
HOURS = ["6 hours", "24 hours", "36 hours", "90 minutes"]


class Phrases(wider.Wider):
    """Conditions and values over the records of one project."""

    def __init__(self, random, shape, leave):
        self.random, self.shape, self.leave = random, shape, leave
        self.rules, self.plain_rules = [], []
        # Whether conditions on one row read fields of its own record alone.
        self.own = False
        # What the profile gives, each as a comparison with room for the sign.
        self.gives = ["unit_value {} peers.median"]

    def pick(self, *options):
        return self.random.choice(options)

    def chance(self, share):
        return self.random.random() < share

    # What a row of a record can see

    def has(self, record, field):
        lineage = self.shape.lineage(record)
        return any(field in self.shape.fields[it] for it in lineage[: 1 if self.own else None])

    def visible(self, record, *fields):
        return [it for it in fields if self.has(record, it)]

    # Values

    def money(self, record):
        found = self.visible(record, "value", "total_value", "doc_value", "amount")
        if not found:
            return None
        it = self.random.choice(found)
        match self.random.randrange(7):
            case 0:
                return f"{it} * 2"
            case 1:
                return f"({it} + {self.random.choice(found)})"
            case 2 if self.has(record, "packages"):
                return f"{it} / packages"
            case 3:
                return f"50 % of {it}"
            case 4:
                return f"({it} or else {self.random.choice(found)})"
            case _:
                return it

    def euros(self):
        return self.pick("10", "20", "40", "40.5", "60", "100", "0") + " EUR"

    def text_field(self, record):
        names = ("importer_id", "office", "description", "importer_name", "kind", "grade", "seller")
        found = self.visible(record, *names)
        return self.random.choice(found) if found else None

    def word(self, field):
        words = {
            "importer_id": ["a1", "A1", "b2", "C3"], "office": ["north", "SOUTH", "x"],
            "description": ["shoes", "LEATHER", "é"], "importer_name": ["lodz fils", "ACME"],
            "kind": ["N954", "u045"], "grade": ["x", "Y"], "seller": ["s1", "S2"],
        }
        return self.random.choice(words[field])

    # Conditions

    def atom(self, record):
        """A condition on one row of a record; never of many rows."""
        atoms = ATOMS + WIDER if self.shape.wide else ATOMS
        for _ in range(20):
            it = getattr(self, "on_" + self.pick(*atoms))(record)
            if it:
                return it
        day = "control_date" if record == "control" else "accepted_date"
        return f"{day} >= 2026-01-01"

    def on_country(self, record):
        found = self.visible(record, "origin", "dispatch", "country")
        if not found:
            return None
        it = self.random.choice(found)
        return self.pick(
            f"{it} is {self.pick('CN', 'FR', 'GB')}", f"{it} is not CN", f"{it} in EU",
            f"{it} is one of (CN, HK)", f"{it} not in NEAR", f"{it} in NEAR",
            f"{it} is {self.random.choice(found)}", f"{it} in list partners",
        )

    def on_code(self, record):
        if not self.has(record, "hs"):
            return None
        return self.pick(
            "hs under HS 85", "hs not under (HS 64, HS 8517)", "hs at 4 digits is HS 8517",
            "hs is HS 640399", "hs under list floors", "hs in list floors",
            "hs at 6 digits is one of (HS 851713, HS 640399)",
        )

    def on_money(self, record):
        it = self.money(record)
        if not it:
            return None
        return self.pick(
            f"{it} {self.pick('<', '>', '<=', '>=', '=', '!=')} {self.euros()}",
            f"{it} between {self.euros()} and 60 EUR", f"{it} < low_value",
            f"min({it}, 40 EUR) = 40 EUR", f"round({it}, 0) >= {self.euros()}",
        )

    def on_unit_value(self, record):
        if not self.has(record, "unit_value"):
            return None
        return self.pick(
            "unit_value < 5 EUR/kg", "unit_value >= lookup(floors, hs).floor", "cheap(4 EUR/kg)",
            "value / net_mass > 2 EUR/kg", "lookup(floors, hs).floor is given",
        )

    def on_mass(self, record):
        if not self.has(record, "net_mass"):
            return None
        return self.pick("net_mass > 5 kg", "net_mass <= 0.004 t", "net_mass is missing")

    def on_number(self, record):
        found = self.visible(record, "packages", "pages")
        if not found:
            return None
        it = self.random.choice(found)
        return self.pick(
            f"{it} = 2", f"{it} != 1", f"{it} is one of (0, 1)", f"{it} * 3 - 1 > 4",
            f"({it} or else 1) = 1", f"{it} + 1 <= 2",
        )

    def on_percent(self, record):
        if not self.has(record, "tax_rate"):
            return None
        return self.pick("tax_rate >= 8 %", "tax_rate of value > 2 EUR", "tax_rate < 2.5 %")

    def on_text(self, record):
        it = self.text_field(record)
        if not it:
            return None
        word = self.word(it)
        return self.pick(
            f'{it} is "{word}"', f'{it} is not "{word}"', f'{it} contains "{word[:2]}"',
            f'{it} starts with "{word[:1]}"', f'{it} is one of ("{word}", "zz")',
            f"{it} is missing", f"length({it}) > 4",
        )

    def on_price(self, record):
        if not self.has(record, "price"):
            return None
        return self.pick(
            "price converted to EUR > 20 EUR", "price_usd converted to EUR <= value",
            "price converted to EUR is missing", "price_ccy is USD", "price_usd < 30 USD",
            "price_usd converted to EUR / net_mass > 3 EUR/kg", "price_ccy is one of (EUR, GBP)",
        )

    def on_truth(self, record):
        found = self.visible(record, "trusted", "controlled")
        if not found:
            return None
        it = self.random.choice(found)
        return self.pick(it, f"not {it}", f"({it} or else true)", f"{it} is given")

    def on_choice(self, record):
        found = self.visible(record, "risk", "level")
        if not found:
            return None
        it = self.random.choice(found)
        return self.pick(f"{it} >= medium", f"{it} is low", f"{it} is one of (low, high)")

    def on_date(self, record):
        found = self.visible(record, "accepted_date", "issued", "control_date")
        if not found:
            return None
        it = self.random.choice(found)
        return self.pick(
            f"{it} > 2026-03-05", f"{it} + 1 months <= 2026-04-10", f"weekday({it}) is monday",
            f"day({it}) <= 10", f"{it} - 2026-03-01 > 5 days", f"month({it}) = 3",
        )

    def on_time(self, record):
        if not self.has(record, "accepted_at"):
            return None
        return self.pick(
            "hour(accepted_at) >= 12", "accepted_at < 2026-03-05T12:00",
            "date(accepted_at) is accepted_date", "accepted_at - 2026-03-01T00:00 > 100 hours",
        )

    def plain(self, record, depth=1):
        """A condition on one row, joined of several perhaps."""
        if depth == 0 or self.chance(0.5):
            return self.atom(record)
        a, b = self.plain(record, depth - 1), self.plain(record, depth - 1)
        return self.pick(f"({a} and {b})", f"({a} or {b})", f"not ({a})", f"({a} and not ({b}))")

    # Of many rows

    def rows(self, record, past=None):
        """`past items where (…) with same … in last …`, what rows, and whether they are past."""
        shape = self.shape
        past = self.chance(0.75) if past is None else past
        if past:
            target = self.random.choice(shape.with_date())
        else:
            inside = shape.inside(record)
            if not inside:
                return self.rows(record, True)
            target = self.random.choice(inside)
        words = f"past {target}s" if past else f"{target}s"
        keys = shape.shared_keys(record, target)
        if past and keys and self.chance(0.15):
            by = self.pick(*[it for it in keys if " " not in it])
            by = "importer_id" if "importer_id" in keys and self.chance(0.5) else by
            words += " of others" + ("" if by == "importer_id" else f" by {by}")
            keys = [it for it in keys if it != by]
        if self.chance(0.4):
            words += f" where ({self.condition_on(record, target)})"
        if past:
            if keys and self.chance(0.85):
                chosen = self.random.sample(keys, self.random.randint(1, min(2, len(keys))))
                words += f" with same {', '.join(chosen)}"
            words += self.window(record, target)
        return words, target, past

    def window(self, record, target):
        if self.chance(0.2):
            return ""
        timed = self.shape.has_instants(record, target)
        length = self.pick(*HOURS) if timed and self.chance(0.3) else self.pick(*DAYS)
        partial = " allow partial" if self.chance(0.3) else ""
        return f" in last {length}{partial}"

    def condition_on(self, record, target):
        """On a row of `target`, seen from `record`."""
        both = self.visible(record, *self.shape.fields[target])
        if both and self.chance(0.25):
            it = self.random.choice(both)
            if it in ("value", "total_value", "net_mass", "packages", "unit_value", "doc_value"):
                return f"{it} {self.pick('>', '<=')} this.{it}"
            if it in ("origin", "hs", "importer_id", "office", "description"):
                return f"{it} {self.pick('is', 'is not')} this.{it}"
        return self.plain(target)

    def measure(self, record):
        """A value of rows, its unit, and whether it can be added."""
        options = []
        if self.has(record, "value"):
            options += [("value", " EUR", True), ("unit_value", " EUR/kg", True)]
        if self.has(record, "net_mass"):
            options.append(("net_mass", " kg", True))
        for field in self.visible(record, "packages", "pages"):
            options.append((field, "", True))
        for field in self.visible(record, "total_value", "amount", "doc_value"):
            options.append((field, " EUR", True))
        if self.shape.wide:
            found = self.visible(record, *wider.MEASURES)
            options += [(it, wider.MEASURES[it], True) for it in found]
        return self.random.choice(options) if options else None

    def statistic(self, record):
        """A statistic, and the unit of it; `None` is that of a text."""
        rows, target, past = self.rows(record)
        measure = self.measure(target)
        kind = self.random.randrange(9)
        if kind == 0 and self.chance(0.4):
            return self.same_day(record), ""
        if past and self.shape.later(target) and self.chance(0.4):
            return self.result(rows), " %"
        days = self.visible(target, "issued", "produced_on", "expires", "recorded_on")
        if self.shape.wide and days and kind == 6 and self.chance(0.5):
            name = self.pick("median", "percentile 80", "smallest", "largest", "first", "last")
            if name in ("first", "last"):
                return f"distinct count of {self.random.choice(days)} over {rows}", ""
            return f"{name} of {self.random.choice(days)} over {rows}", " date"
        if past and kind == 5 and self.chance(0.3):
            return f"{self.pick('first', 'last')} date of {rows}", " date"
        if kind <= 2 or not measure:
            return f"count of {rows}", ""
        value, unit, _ = measure
        if kind == 3:
            keys = self.visible(target, "origin", "hs", "office", "importer_id", "kind", "importer_name")
            if self.shape.wide:
                keys += self.visible(target, *wider.KEYS) + (["hs at 4 digits"] if "hs" in keys else [])
            if keys:
                return f"distinct count of {self.random.choice(keys)} over {rows}", ""
        if kind == 4:
            return f"share of {self.atom(target)} over {rows}{self.smoothing()}", " %"
        if kind == 5 and value in ("value", "unit_value") and self.has(target, "net_mass"):
            return f"average of {value} weighted by net_mass over {rows}", unit
        if self.shape.wide and kind == 6 and self.chance(0.5):
            weights = self.visible(target, "packages", "value", "total_value", "gross", "pages", "amount")
            if weights:
                by = self.random.choice(weights)
                return f"average of {value} weighted by {by} over {rows}", unit
        name = self.pick("sum", "average", "median", "percentile 80", "percentile 1", "percentile 100", "smallest", "largest")
        name = self.pick(name, "count")
        return f"{name} of {value} over {rows}", "" if name == "count" else unit

    def result(self, rows):
        """Of a result that is known later."""
        asked = self.pick("fraud", "fraud is true", "not fraud", "(fraud or else false)")
        return f"share of {asked} over {rows}{self.smoothing()}"

    def same_day(self, record):
        target = self.pick(*[it for it in self.shape.with_date() if it != "control"])
        keys = self.shape.shared_keys(record, target)
        same = f" with same {self.random.choice(keys)}" if keys else ""
        return f"count of {target}s{same} on same day"

    def smoothing(self):
        if self.chance(0.5):
            return ""
        return f" smoothed by {self.pick('1', '2', '5')} towards {self.pick('20 %', '50 %')}"

    def of_many(self, record):
        """A condition on many rows, and a statistic for the message."""
        it = self.random.randrange(10)
        if it <= 3:
            words, unit = self.statistic(record)
            op = self.pick(">", ">=", "<", "<=", "=", "!=")
            if self.chance(0.15) and unit != " date" and "or-else" not in self.leave:
                return f"(({words}) or else {self.limit(unit)}) {op} {self.limit(unit)}", words
            return f"({words}) {op} {self.limit(unit)}", words
        if it <= 6:
            return self.quantifier(record), None
        if it == 7 and self.has(record, "importer_id") and self.has(record, "accepted_date"):
            op = self.pick("less than", "at least", "more than", "at most")
            length = self.pick("10 days", "1 months", "6 months")
            who = "importer_id"
            if self.shape.wide:
                length = self.pick(length, "2 weeks", "0 days", "1 years")
                own = self.visible(record, "importer_name", "seller_name", "hs", "origin", "office")
                who = self.pick(who, *own)
            return f"{who} known for {op} {length}", None
        if it == 8 and self.shape.profile and self.has(record, "unit_value"):
            words = self.pick(*self.gives)
            shown = re.search(r"peers\.\w+", words)[0]
            if self.shape.wide and self.chance(0.2):
                shown = "peers.level"
            if " {} peers" in words and self.shape.wide and self.chance(0.3):
                words = words.replace("{} peers", "{} 80 % of peers")
            return words.format(self.pick("<", ">=")), shown
        refers = self.shape.refers and "declaration" in self.shape.lineage(record)
        if refers and self.has(record, "importer_id"):
            found = [
                "importer.level >= medium", "importer.country in EU", "importer.capital > 20 EUR",
            ]
            own = self.shape.fields["operator"]
            more = {
                "home": "importer.home is importer.country", "trader": "not importer.trader",
                "since": "importer.since < accepted_date", "quota": "importer.quota >= 5 %",
            }
            found += [words for field, words in more.items() if field in own]
            return self.pick(*found, "importer.level is missing"), "importer.capital"
        return self.quantifier(record), None

    def limit(self, unit):
        if unit == " date":
            return self.pick("2026-02-20", "2026-03-05", "2026-03-08")
        number = self.pick("0", "1", "2", "3") if unit == "" else self.pick("10", "20", "33", "50")
        return number + unit

    def quantifier(self, record):
        rows, target, past = self.rows(record, self.chance(0.4))
        where, _, rest = rows.partition(f"{target}s")
        others = re.match(r"( of others( by \w+)?)?", rest)[0]
        rest = rest.removeprefix(others)
        one = f"{where}{target}{others}"
        many = f"{where}{target}s{others}"
        condition = self.condition_on(record, target)
        if past and self.shape.later(target) and self.chance(0.4):
            condition = f"fraud and {self.atom(target)}"
        if "where (" in rest:
            rest = ""
        if past and not rest:
            rest = " in last 30 days" if self.chance(0.5) else ""
        return self.pick(
            f"any {one} has ({condition}){rest}", f"every {one} has ({condition}){rest}",
            f"no {one} has ({condition}){rest}", f"at least 2 {many} have ({condition}){rest}",
            f"at most 1 {one} has ({condition}){rest}", f"exactly 1 {one} has ({condition}){rest}",
        )


ATOMS = (
    "country", "code", "money", "unit_value", "mass", "number", "percent", "text", "text", "truth",
    "choice", "date", "time", "price",
)

WIDER = (
    "units", "nomenclature", "mode", "instant", "day", "entry", "names", "function", "definition",
)
