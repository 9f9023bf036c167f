"""Random projects: schema, rules, policy, lists and files, all from one seed.

    python3 tests/reference/generate.py SEED FOLDER
"""

import os
import pathlib
import random
import sys

from phrases import Phrases

LISTS = {
    "lists/floors.csv": "hs,floor,valid_from,valid_to\n85,4,,2026-03-04\n8517,6,2026-02-01,\n"
    "64,2.5,,\n640399,9,2026-03-01,2026-03-20\n",
    "lists/rates.csv": "currency,EUR,valid_from,valid_to\nUSD,0.9,,2026-03-04\n"
    "USD,0.812345678,2026-03-05,\nGBP,1.25,2026-02-25,\n",
    "lists/partners.csv": "origin,valid_from,valid_to\nCN,,2026-03-08\nVN,2026-02-20,\nGB,,\n",
}

SHARED = """\
parameter low_value : money in EUR
  - 30 EUR
  - 55 EUR since 2026-03-06

list floors file "lists/floors.csv"
  column hs : code of HS, prefix key
  column floor : money in EUR/kg
  dated valid_from, valid_to

list partners file "lists/partners.csv"
  column origin : country, key
  dated valid_from, valid_to

list exchange_rates file "lists/rates.csv"
  column currency : currency, key
  column EUR : decimal
  dated valid_from, valid_to

define cheap(limit: money in EUR/kg)
  for item
  as unit_value < limit
"""

FIELDS = {
    "declaration": {
        "declaration_id": "text required", "accepted_date": "date required",
        "accepted_at": "date-time", "importer_id": "text", "importer_name": "name",
        "office": "text", "total_value": "money in EUR", "trusted": "truth",
        "risk": "risk_class",
    },
    "item": {
        "item_number": "whole number required", "hs": "code of HS", "origin": "country",
        "dispatch": "country", "value": "money in EUR", "net_mass": "mass in kg",
        "packages": "whole number", "tax_rate": "percent", "description": "text",
        "controlled": "truth",
    },
    "document": {
        "document_number": "whole number required", "kind": "text", "issued": "date",
        "doc_value": "money in EUR",
    },
    "page": {"page_number": "whole number required", "pages": "whole number", "grade": "text"},
    "control": {
        "control_id": "text required", "control_date": "date", "recorded_on": "date",
        "importer_id": "text", "seller": "text", "amount": "money in EUR", "level": "risk_class",
    },
    "operator": {
        "operator_id": "text required", "registered_on": "date", "country": "country",
        "level": "risk_class", "capital": "money in EUR",
    },
}

KEYS = {
    "declaration": "declaration_id", "item": "item_number", "document": "document_number",
    "page": "page_number", "control": "control_id", "operator": "operator_id",
}


# Kinds to leave out, while tamis is known to answer them otherwise.
LEAVE = set(os.environ.get("TAMIS_REFERENCE_LEAVE", "").split(","))


class Shape:
    """Which records a project has, and what of them."""

    def __init__(self, random):
        self.random = random
        chance = lambda share: random.random() < share
        self.parents = {"declaration": None}
        if chance(0.9):
            self.parents["item"] = "declaration"
        if chance(0.5):
            inner = "item" if "item" in self.parents and chance(0.7) else "declaration"
            if "branches" in LEAVE and "item" in self.parents:
                inner = "item"
            self.parents["document"] = inner
            if inner == "item" and chance(0.3):
                self.parents["page"] = "document"
        self.refers = chance(0.3)
        self.controls = chance(0.4)
        if self.controls:
            self.parents["control"] = None
        if self.refers:
            self.parents["operator"] = None
        self.fields = {it: dict(FIELDS[it]) for it in self.parents}
        self.dated_register = chance(0.5)
        if self.refers and not self.dated_register:
            del self.fields["operator"]["registered_on"]
        self.instants = chance(0.5)
        self.known_from = chance(0.3)
        self.late_controls = chance(0.7)
        self.complete_since = random.choice([None, None, "2026-01-20", "2026-02-25"])
        self.complete_until = random.choice([None, None, None, "2026-03-09"])
        if not self.instants:
            del self.fields["declaration"]["accepted_at"]
        if self.known_from:
            self.fields["declaration"]["filed_on"] = "date"
        if chance(0.15):
            self.fields["declaration"]["accepted_date"] = "date"
        if "item" in self.parents and chance(0.3):
            prices = {"price": "money by price_ccy", "price_ccy": "currency"}
            self.fields["item"].update(prices, price_usd="money in USD")
        if "item" in self.parents and chance(0.3):
            self.fields["item"]["fraud"] = "truth known from told_on"
            self.fields["item"]["told_on"] = "date"
        self.derived = {"unit_value": "value / net_mass in EUR/kg"}
        if "item" in self.fields:
            self.fields["item"]["unit_value"] = None
        self.profile = "item" in self.parents and chance(0.5)
        self.layout = "files"
        if "item" in self.parents:
            self.layout = random.choice(["files", "files", "flat", "flat", "within"])
        if self.flat and "flat-beside" in LEAVE and "document" in self.parents:
            self.layout = "files"
        self.parquet = self.layout == "within" or chance(0.25)
        if "known-from-both" in LEAVE and "filed_on" in self.fields["declaration"]:
            for field in ("fraud", "told_on"):
                self.fields.get("item", {}).pop(field, None)

    @property
    def flat(self):
        return self.layout == "flat"

    def lineage(self, record):
        res = []
        while record:
            res.append(record)
            record = self.parents[record]
        return res

    def later(self, record):
        """Whether it has a result that is known later."""
        return "fraud" in self.fields[record]

    def with_date(self):
        return [it for it in self.parents if it != "operator"]

    def inside(self, record):
        """Records whose rows are said of without `past`."""
        own = self.lineage(record)
        return [it for it in self.parents if any(up in own for up in self.lineage(it)[1:])]

    def shared_keys(self, record, target):
        names = ("importer_id", "office", "origin", "hs", "importer_name", "kind", "packages")
        sees = lambda it, name: any(name in self.fields[up] for up in self.lineage(it))
        res = [it for it in names if sees(record, it) and sees(target, it)]
        if "hs" in res:
            res.append("hs at 4 digits")
        return res

    def has_instants(self, record, target):
        return self.instants and all("declaration" in self.lineage(it) for it in (record, target))

    def schema(self):
        lines = ["codes HS levels 2, 4, 6", "choice risk_class low, medium, high ordered", ""]
        lines += ["group NEAR", "  - FR", "  - GB until 2026-03-03", "  - CN since 2026-03-10", ""]
        for record, parent in self.parents.items():
            lines.append(f"record {record}" + (f" in {parent}" if parent else ""))
            lines.append(f"  key {KEYS[record]}")
            for field, ty in self.fields[record].items():
                if ty is None:
                    lines.append(f"  derived {field} : {self.derived[field]}")
                else:
                    lines.append(f"  field {field} : {ty}")
            lines += self.history(record) + [""]
        return "\n".join(lines)

    def history(self, record):
        since = f", complete since {self.complete_since}" if self.complete_since else ""
        since += f", complete until {self.complete_until}" if self.complete_until else ""
        if record == "declaration":
            event = "event accepted_at, " if self.instants else ""
            known = ", known from filed_on" if self.known_from else ""
            res = [f"  history {event}date accepted_date{known}{since}"]
            if self.refers:
                res.append("  refers importer by importer_id to operator as of accepted_date")
            return res
        if record == "control":
            known = ", known from recorded_on" if self.late_controls else ""
            return [f"  history date control_date{known}{since}"]
        if record == "operator" and self.dated_register:
            return ["  history date registered_on"]
        return []


ASKED = ["trusted", "risk is high", "total_value > 40 EUR", "trusted and importer_id is given"]


class Project:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.shape = Shape(self.random)
        self.phrases = Phrases(self.random, self.shape, LEAVE)

    def chance(self, share):
        return self.random.random() < share

    # Rules

    def rules(self):
        blocks = [SHARED if "item" in self.shape.parents else SHARED.split("define")[0]]
        if self.shape.profile:
            blocks.append(self.profile())
        levels = [it for it in self.shape.parents if it not in ("control", "operator")]
        for at in range(self.random.randint(8, 14)):
            blocks.append(self.rule(f"R{at + 10}", self.random.choice(levels)))
        if self.chance(0.6):
            blocks.append(self.policy())
        return "\n".join(blocks)

    def profile(self):
        pick = self.random.choice
        lines = ["profile peers", f"  of unit_value over past items{pick(['', ' of others'])}"]
        lines += ["  by hs at 4 digits, origin"]
        if self.chance(0.7):
            lines.append("  else by hs at 4 digits")
        lines.append(f"  window {pick(['1 months', '12 months', '20 days'])}")
        if self.chance(0.7) or "profile" in LEAVE:
            support = "" if "profile" in LEAVE else pick(["", " from at least 2 importer_id"])
            lines.append(f"  require at least {pick([1, 2])} values{support}")
        if self.shape.complete_since and self.chance(0.5):
            lines.append("  allow partial")
        return "\n".join(lines + ["  gives median, p80, sum, smallest"]) + "\n"

    def rule(self, name, level):
        phrases = self.phrases
        lines = [f'rule {name} "made"']
        if self.chance(0.15):
            lines.append(f"  status {self.random.choice(['silent', 'experimental'])}")
        if self.chance(0.2):
            lines.append("  valid from 2026-02-20 to 2026-03-15")
        lines.append(f"  tags {self.random.choice(['financial', 'safety', 'financial, origin'])}")
        lines.append(f"  for each {level}")
        conditions, shown = [], []
        plain = self.chance(0.15)
        for _ in range(self.random.choice([1, 1, 2, 3])):
            if plain:
                condition = phrases.plain(level)
            elif self.chance(0.6):
                condition, words = phrases.of_many(level)
                shown += [words] if words else []
            else:
                condition = self.outcome(level) or phrases.plain(level)
            conditions.append(condition or phrases.plain(level))
        lines += self.when(conditions)
        if self.chance(0.2):
            lines += ["  unless any of", f'    - "made": {phrases.plain(level)}']
            if self.chance(0.5):
                lines[-1] += " until 2026-03-10"
        lines += ["  then"]
        if self.chance(0.7) or name == "R10":
            lines.append(f"    score {self.random.choice([5, 10, 25, 40, 60])}")
        if self.chance(0.2):
            channel = self.random.choice(["yellow", "red", "red mandatory", "blue"])
            lines.append(f"    channel {channel}")
        own = phrases.visible(level, "value", "importer_id", "tax_rate", "kind", "net_mass")
        said = [it for it in shown if '"' not in it] + own[:1]
        quoted = [f"({it})" for it in shown if '"' in it]
        if quoted:
            lines.append(f"    show {', '.join(quoted)}")
        words = [f"{{{it}}}" for it in said] or ["nothing"]
        lines.append(f'    because "{"; ".join(words)}"')
        phrases.rules.append((name, level))
        if plain:
            phrases.plain_rules.append((name, level))
        return "\n".join(lines) + "\n"

    def outcome(self, level):
        """Of another rule, of the row, of one around it, or of any inside it."""
        if not self.chance(0.3):
            return None
        own = [it for it, of in self.phrases.rules if of in self.shape.lineage(level)]
        if "hit-inner" not in LEAVE:
            inner = self.shape.inside(level)
            below = [it for it, of in self.phrases.plain_rules if level in self.shape.lineage(of)]
            own += below if inner else []
        return f"hit({self.random.choice(own)})" if own else None

    def when(self, conditions):
        if len(conditions) == 1:
            return [f"  when {conditions[0]}"]
        words = ["all of", "any of", "none of", "at least 2 of"]
        return [f"  when {self.random.choice(words)}"] + [f"    - {it}" for it in conditions]

    def policy(self):
        pick = self.random.choice
        lines = ["policy made", "  for declaration"]
        lines += pick(
            [
                [], ["  combine highest, capped at 50, then sum over declaration"],
                ["  combine sum, then highest over declaration, capped at 90"],
                ["  combine sum, capped at 60"],
            ]
        )
        lines += ["  route to red when score >= 60", f"  route to yellow when {self.asked()}"]
        lines += ["  route to green otherwise"]
        if self.chance(0.6):
            lines.append("  override channel")
        if self.chance(0.5):
            lines.append(f"  exempt financial when {pick(ASKED)}")
        if self.chance(0.5):
            halved = pick(["", ", halved when trusted"])
            by = pick(["", " by office"])
            lines.append(f'  random {pick(["20 %", "50 %"])} of green to blue{by} key "k"{halved}')
            if self.chance(0.3) and "draws" not in LEAVE:
                lines.append('  random 40 % of green to red key "another"')
                lines.append('  random 50 % of blue to yellow key "another"')
        if self.chance(0.6):
            lines.append("  undecided route to blue when potential_score >= 20")
            if "two-undecided" not in LEAVE:
                lines.append("  undecided route to yellow when potential_score >= 60")
        if self.chance(0.6):
            most = pick(["", ", at most 1 per importer_id", ", at most 2 per importer_name"])
            keep = pick(["", ", keep 50 % for random"])
            per = pick(["office, day", "office", "day"])
            channel, over = pick([("red", "yellow"), ("yellow", "green"), ("blue", "green")])
            order = pick(["", ", order total_value, score"])
            line = f"  capacity {channel} {pick([1, 2])} per {per} overflow to {over}"
            lines.append(line + most + keep + order)
        if self.chance(0.3):
            lines.append(f"  together by {pick(['importer_id', 'importer_name', 'office, importer_id'])}")
        return "\n".join(lines) + "\n"

    def asked(self):
        options = ["score >= 30", "trusted", "risk is high", "total_value > 40 EUR"]
        options.append("score >= 20 and not (importer_id is missing)")
        return self.random.choice(options)


def main():
    from files import write

    seed, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    print(write(Project(seed), folder))


if __name__ == "__main__":
    main()
