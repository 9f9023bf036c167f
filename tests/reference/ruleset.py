"""Random rules, profiles and policies over the records of a project."""

import wider

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

# The least strict first.
CHANNELS = ("green", "blue", "yellow", "red")

ASKED = ["trusted", "risk is high", "total_value > 40 EUR", "trusted and importer_id is given"]

# What profiles are of, what they give, and a limit for it.
PROFILES = {
    "unit_value": (("median", "p80", "sum", "smallest", "average", "distinct"), "unit_value"),
    "value": (("largest", "p5", "median", "sum"), "value"),
    "unit_value weighted by net_mass": (("average",), "unit_value"),
    "controlled": (("share",), "20 %"),
    "tax_rate": (("median", "largest"), "tax_rate"),
}


class Rules:
    """The text of a rule set: a part of `Project`."""

    def chance(self, share):
        return self.random.random() < share

    def rules(self):
        blocks = [SHARED if "item" in self.shape.parents else SHARED.split("define")[0]]
        blocks += wider.declared(self.shape) if self.shape.wide else []
        if self.shape.profile:
            blocks.append(self.profile())
        levels = [it for it in self.shape.parents if it != "operator"]
        if not self.shape.wide or self.chance(0.6):
            levels = [it for it in levels if it != "control"]
        few = self.chance(0.25)
        self.phrases.own = few and self.chance(0.5)
        for at in range(self.random.randint(1, 3) if few else self.random.randint(8, 14)):
            blocks.append(self.rule(f"R{at + 10}", self.random.choice(levels)))
        if self.chance(0.6):
            blocks.append(self.policy())
        text = "\n".join(blocks)
        for name, own in zip(CHANNELS, self.shape.channels):
            for before in ("channel", "to", "of", "capacity"):
                text = text.replace(f"{before} {name}", f"{before} {own}")
        return text

    # Profiles

    def profile(self):
        pick = self.random.choice
        of = pick(list(PROFILES)) if self.shape.wide and self.chance(0.5) else "unit_value"
        gives, against = PROFILES[of]
        self.phrases.gives = [f"{against} {{}} peers.{it}" for it in gives if it != "distinct"]
        if "distinct" in gives:
            self.phrases.gives += ["peers.distinct {} 2"]
        self.phrases.gives += ["peers.count {} 2"] if self.shape.wide else []
        lines = ["profile peers", f"  of {of} over past items{pick(['', ' of others'])}"]
        if self.shape.wide and self.chance(0.25):
            lines[-1] += f" where ({self.phrases.plain('item')})"
        keys = ["hs at 4 digits, origin", "importer_id, hs", "hs, origin", "office, hs at 2 digits"]
        lines += [f"  by {pick(keys if self.shape.wide else keys[:1])}"]
        if self.chance(0.7):
            lines.append("  else by hs at 4 digits")
            if self.shape.wide and self.chance(0.4):
                lines.append(f"  else by {pick(['origin', 'importer_name', 'hs at 2 digits'])}")
        if not self.shape.wide or self.chance(0.9):
            lines.append(f"  window {pick(['1 months', '12 months', '20 days'])}")
            if self.shape.wide and self.shape.instants and self.chance(0.3):
                lines.append("  refresh exact")
        if self.chance(0.7) or "profile" in self.leave:
            support = pick(["", " from at least 2 importer_id"])
            support = "" if "profile" in self.leave else support
            lines.append(f"  require at least {pick([1, 2])} values{support}")
        if self.shape.complete_since and self.chance(0.5):
            lines.append("  allow partial")
        return "\n".join(lines + [f"  gives {', '.join(gives)}"]) + "\n"

    # Rules

    def rule(self, name, level):
        lines, stands = [f'rule {name} "made"'], True
        if self.chance(0.15):
            status = ["silent", "experimental"]
            status += ["draft", "retired", "deprecated"] if self.shape.wide else []
            lines.append(f"  status {self.random.choice(status)}")
            if "deprecated" in lines[-1]:
                lines.append("  see R10")
            stands = "draft" not in lines[-1] and "retired" not in lines[-1]
        if self.chance(0.2):
            lines.append("  valid from 2026-02-20 to 2026-03-15")
        tags = ["financial", "safety", "financial, origin"]
        lines.append(f"  tags {self.random.choice(tags)}")
        lines.append(f"  for each {level}")
        plain = self.chance(0.15)
        conditions, shown = self.conditions(level, plain)
        lines += self.when(conditions, level)
        lines += self.unless(level)
        lines += ["  then"] + self.consequences(name, level, shown)
        if stands:
            self.phrases.rules.append((name, level))
        if stands and plain:
            self.phrases.plain_rules.append((name, level))
        return "\n".join(lines) + "\n"

    def conditions(self, level, plain):
        """Conditions, and statistics for the message."""
        conditions, shown = [], []
        for _ in range(self.random.choice([1, 1, 2, 3])):
            if plain:
                condition = self.phrases.plain(level)
            elif self.chance(0.6):
                condition, words = self.phrases.of_many(level)
                shown += [words] if words else []
            else:
                condition = self.outcome(level) or self.phrases.plain(level)
            conditions.append(condition or self.phrases.plain(level))
        return conditions, shown

    def unless(self, level):
        if not self.chance(0.2):
            return []
        lines = ["  unless any of", f'    - "made": {self.phrases.plain(level)}']
        if self.chance(0.5):
            lines[-1] += " until 2026-03-10"
        if self.shape.wide and self.chance(0.4):
            lines.append(f'    - "more": {self.phrases.plain(level)} since 2026-03-03')
        return lines

    def consequences(self, name, level, shown):
        lines, own_score = [], self.random.choice([5, 10, 25, 40, 60])
        if self.chance(0.7) or name == "R10":
            lines.append(f"    score {own_score}{self.more_score(level)}")
        if self.chance(0.2):
            channel = self.random.choice(["yellow", "red", "red mandatory", "blue"])
            lines.append(f"    channel {channel}")
        names = ("value", "importer_id", "tax_rate", "kind", "net_mass", "gross", "arrived_at")
        own = self.phrases.visible(level, *names, "supp", "volume", "produced_on", "regime")
        if self.shape.wide:
            self.random.shuffle(own)
        said = [it for it in shown if '"' not in it] + own[:1]
        quoted = [f"({it})" for it in shown if '"' in it]
        if quoted:
            lines.append(f"    show {', '.join(quoted)}")
        words = [f"{{{it}}}" for it in said] or ["nothing"]
        lines.append(f'    because "{"; ".join(words)}"')
        return lines

    def more_score(self, level):
        if not self.shape.wide or not self.chance(0.2):
            return ""
        options = [""]
        if self.phrases.has(level, "packages"):
            options += [" + min(packages or else 0, 3)", " * (packages or else 1)"]
        if self.phrases.has(level, "ratio"):
            options += [" + (ratio or else 0.25)"]
        return self.random.choice(options)

    def outcome(self, level):
        """Of another rule, of the row, of one around it, or of any inside it."""
        if not self.chance(0.3):
            return None
        own = [it for it, of in self.phrases.rules if of in self.shape.lineage(level)]
        if "hit-inner" not in self.leave:
            inner = self.shape.inside(level)
            below = [it for it, of in self.phrases.plain_rules if level in self.shape.lineage(of)]
            own += below if inner else []
        return f"hit({self.random.choice(own)})" if own else None

    def when(self, conditions, level):
        words = ["all of", "any of", "none of", "at least 2 of"]
        if len(conditions) == 1 and not (self.shape.wide and self.chance(0.2)):
            return [f"  when {conditions[0]}"]
        lines = [f"  when {self.random.choice(words)}"] + [f"    - {it}" for it in conditions]
        if not self.shape.wide:
            return lines
        for at in range(1, len(lines)):
            if self.chance(0.1):
                lines[at] += self.random.choice([" since 2026-03-04", " until 2026-03-06"])
        if self.chance(0.3) or len(conditions) == 1:
            lines.append(f"    - {self.random.choice(words)}")
            for _ in range(self.random.choice([2, 2, 3])):
                lines.append(f"      -- {self.phrases.plain(level)}")
        return lines

    # Policies

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
            tags = pick(["financial", "safety, origin"]) if self.shape.wide else "financial"
            lines.append(f"  exempt {tags} when {self.exemption()}")
        lines += self.draws()
        if self.chance(0.6):
            lines.append("  undecided route to blue when potential_score >= 20")
            if "two-undecided" not in self.leave:
                lines.append("  undecided route to yellow when potential_score >= 60")
        lines += self.capacities()
        if self.chance(0.3):
            by = ["importer_id", "importer_name", "office, importer_id"]
            lines.append(f"  together by {pick(by)}")
        return "\n".join(lines) + "\n"

    def draws(self):
        pick, lines = self.random.choice, []
        if not self.chance(0.5):
            return lines
        halved = pick(["", ", halved when trusted"])
        by = pick(["", " by office"])
        key = 'key "k"'
        if self.shape.wide and self.chance(0.3):
            by = pick([" by office, risk", " by importer_name", " by total_value", " by trusted"])
            key = "key from environment TAMIS_REFERENCE_KEY"
        lines.append(f'  random {pick(["20 %", "50 %"])} of green to blue{by} {key}{halved}')
        if self.chance(0.3) and "draws" not in self.leave:
            lines.append('  random 40 % of green to red key "another"')
            lines.append('  random 50 % of blue to yellow key "another"')
        return lines

    def capacities(self):
        if not self.chance(0.6):
            return []
        pick = self.random.choice
        most = pick(["", ", at most 1 per importer_id", ", at most 2 per importer_name"])
        keep = pick(["", ", keep 50 % for random"])
        per = pick(["office, day", "office", "day"])
        channel, over = pick([("red", "yellow"), ("yellow", "green"), ("blue", "green")])
        order = pick(["", ", order total_value, score"])
        if self.shape.wide and self.chance(0.4):
            per = pick(["office, risk", "importer_name", "total_value, day", "trusted"])
            order = pick(["", ", order score", ", order accepted_date", ", order risk, total_value"])
        line = f"  capacity {channel} {pick([1, 2])} per {per} overflow to {over}"
        if self.shape.wide and self.chance(0.15):
            line = f"  capacity {channel} {pick([1, 2, 3])} overflow to {over}"
        lines = [line + most + keep + order]
        if self.shape.wide and channel == "red" and self.chance(0.4):
            lines.append(f"  capacity yellow 1 per {pick(['office', 'day'])} overflow to blue{keep}")
        return lines

    def exemption(self):
        if self.shape.wide and self.chance(0.3):
            return self.phrases.of_many("declaration")[0]
        return self.random.choice(ASKED)

    def asked(self):
        options = ["score >= 30", "trusted", "risk is high", "total_value > 40 EUR"]
        options.append("score >= 20 and not (importer_id is missing)")
        if self.shape.wide and self.chance(0.3):
            return f"score >= 10 and ({self.phrases.plain('declaration')})"
        return self.random.choice(options)
