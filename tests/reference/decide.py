"""From findings to channels, by docs/language/policy.md."""

import math
import struct
from fractions import Fraction

import blake3
from values import Missing, Unknown, capitals, form, is_missing, number_text

MILLION = 1_000_000


class Decision:
    def __init__(self, row, channel):
        self.row = row
        self.channel = channel
        self.reason = "otherwise"
        self.mandatory = -1
        self.score = self.potential = Fraction(0)
        self.drawn = False
        self.rank = None
        self.draws = []


class Decider:
    def __init__(self, judge, policy, findings, environment):
        """`findings` are (rule, row, answer), of every hit and undecided row."""
        self.judge, self.policy, self.environment = judge, policy, environment
        self.channels = policy["channels"]
        self.lines = policy["lines"]
        self.found = {}
        # Declarations that are nowhere, and have rows that rules say something of.
        self.absent = {}
        for rule, row, answer in findings:
            at = row.at(policy["level"])
            if at is not None:
                at = at.itself()
                if at.absent:
                    self.absent[id(at)] = at
                self.found.setdefault(id(at), []).append((rule, row, answer))

    def of_kind(self, kind):
        return [it for it in self.lines if it["kind"] == kind]

    def rank_of(self, channel):
        return self.channels.index(channel)

    def true(self, node, row):
        self.judge.deciding = True
        answer = self.judge.value(node, row) is True
        self.judge.deciding = False
        return answer

    def all(self, rows):
        decisions = [self.alone(it) for it in rows]
        lines = sorted(
            self.of_kind("capacity"), key=lambda it: -self.rank_of(it["channel"])
        )
        for line in lines:
            self.capacity(line, decisions)
        for line in self.of_kind("together"):
            self.together(line, decisions)
        return decisions

    # One declaration

    def alone(self, row):
        it = Decision(row, 0)
        counted = [found for found in self.found.get(id(row), []) if self.counts(found[0], row)]
        hits = [found for found in counted if found[2] is True]
        it.score = self.total(hits)
        it.potential = self.total(counted)
        it.undecided = len(counted) != len(hits)
        self.judge.totals = {"score": it.score, "potential_score": it.potential}
        self.route(it)
        self.rules(it, hits)
        self.undecided(it)
        self.draw(it)
        it.values = self.standing(it)
        return it

    def counts(self, rule, row):
        if rule["status"] == "silent":
            return False
        if rule["mandatory"]:
            return True
        for line in self.of_kind("exempt"):
            if set(line["tags"]) & set(rule["tags"]) and self.true(line["when"], row):
                return False
        return True

    def total(self, counted):
        own, parts = [], []
        for rule, row, _ in counted:
            if rule["score"]:
                score = self.judge.value(rule["score"], row)
                (own if rule["level"] == self.policy["level"] else parts).append(score)
        combine = next(iter(self.of_kind("combine")), None)
        first = combine["parts"] if combine else {"merge": "sum", "cap": None}
        then = (combine["whole"] if combine else None) or None
        if then is None:
            # One line of `combine` without `then`: one cap, on the total.
            then = first
            first = {"merge": first["merge"], "cap": None}
        if parts:
            own.append(self.merged(first, parts))
        return self.merged(then, own)

    def merged(self, how, scores):
        if not scores:
            return Fraction(0)
        it = max(scores) if how["merge"] == "highest" else sum(scores)
        if how["cap"]:
            it = min(it, self.judge.value(how["cap"], None))
        return it

    def route(self, it):
        for line in self.of_kind("route"):
            if line["when"] is None or self.true(line["when"], it.row):
                it.channel = self.rank_of(line["channel"])
                it.reason = "otherwise" if line["when"] is None else "score"
                return

    def rules(self, it, hits):
        overrides = bool(self.of_kind("override"))
        best, why = it.channel, None
        for rule, _, _ in hits:
            if rule["channel"] is None:
                continue
            to = self.rank_of(rule["channel"])
            if rule["mandatory"]:
                it.mandatory = max(it.mandatory, to)
            if (overrides or rule["mandatory"]) and best < to:
                best, why = to, rule
        if why is not None:
            it.channel = best
            # Of several rules one is named, mandatory or not.
            it.reason = "rule"

    def undecided(self, it):
        if not it.undecided:
            return
        fits = [
            self.rank_of(line["channel"])
            for line in self.of_kind("undecided")
            if self.true(line["when"], it.row)
        ]
        if fits and it.channel < max(fits):
            it.channel, it.reason = max(fits), "undecided"

    def draw(self, it):
        before = it.channel
        for line in self.of_kind("random"):
            if before != self.rank_of(line["of"]):
                continue
            strata = [self.word(node, it.row) for node in line["by"]]
            keys = self.drawn_by(it.row)
            parts = [line["of"], line["to"]] + strata + keys
            key = blake3.derive_key("tamis 2026 draw", self.secret(line).encode())
            number = hashed(key, parts) % MILLION
            rate = int(self.judge.value(line["rate"], it.row) * MILLION)
            if line["halved"] and self.true(line["halved"], it.row):
                rate //= 2
            it.draws.append((number, rate))
            if number < rate:
                it.drawn = True
                if it.channel < self.rank_of(line["to"]):
                    it.channel, it.reason = self.rank_of(line["to"]), "random"

    def secret(self, line):
        key = line["key"]
        return key["text"] if "text" in key else self.environment[key["environment"]]

    def word(self, node, row):
        it = self.judge.value(node, row)
        return None if is_missing(it) else words(capitals(it, node["type"]["name"]))

    def drawn_by(self, row):
        """The key of a declaration, the same for each way to write it."""
        world = self.judge.world
        keys = world.keys(self.policy["level"])
        return [words(capitals(row.field(*it), world.type_of(*it))) for it in keys]

    def standing(self, it):
        """What it is asked in lines, found while its totals are at hand."""
        lines = self.of_kind("capacity")
        res = {}
        for line in lines:
            order = line["order"]
            if order:
                order = [self.judge.value(node, it.row) for node in order]
            else:
                order = [it.score, it.potential]
            most = self.equal(line["most"]["per"], it.row) if line["most"] else None
            group = tuple(self.equal(node, it.row) for node in line["per"])
            res[id(line)] = (group, order, most)
        for line in self.of_kind("together"):
            res[id(line)] = tuple(self.equal(node, it.row) for node in line["by"])
        return res

    def equal(self, node, row):
        """A value in the form in which it compares."""
        it = self.judge.value(node, row)
        return None if is_missing(it) else form(it, node["type"]["name"])

    # Of all declarations

    def order_hash(self, it):
        draws = self.of_kind("random")
        first = self.secret(draws[0]) if draws else self.policy["name"]
        key = blake3.derive_key("tamis 2026 order", first.encode())
        return hashed(key, self.drawn_by(it.row))

    def capacity(self, line, decisions):
        channel = self.rank_of(line["channel"])
        groups = {}
        for it in decisions:
            if it.channel == channel:
                groups.setdefault(it.values[id(line)][0], []).append(it)
        for members in groups.values():
            self.places(line, channel, members)

    def places(self, line, channel, members):
        def before(it):
            order = [(is_missing(part), descending(part)) for part in it.values[id(line)][1]]
            return (it.mandatory < channel, order, self.order_hash(it))

        members = sorted(members, key=before)
        free, taken, placed = line["places"], {}, set()

        def take(it):
            nonlocal free
            free -= 1
            placed.add(id(it))
            most = it.values[id(line)][2]
            if most is not None:
                taken[most] = taken.get(most, 0) + 1

        def may(it):
            if free <= 0:
                return False
            most = it.values[id(line)][2]
            return not line["most"] or most is None or taken.get(most, 0) < line["most"]["count"]

        for it in members:
            if channel <= it.mandatory:
                take(it)
        free = max(free, 0)
        if line["keep"]:
            kept = math.ceil(line["places"] * self.judge.value(line["keep"], None))
            kept = min(kept, free)
            drawn = [it for it in members if id(it) not in placed and it.drawn]
            for it in sorted(drawn, key=self.order_hash):
                if 0 < kept and may(it):
                    kept -= 1
                    take(it)
        for rank, it in enumerate(members):
            it.rank = rank + 1
            if id(it) in placed:
                continue
            if may(it):
                take(it)
                continue
            it.channel = max(self.rank_of(line["overflow"]), it.mandatory)
            it.reason = "capacity"

    def together(self, line, decisions):
        groups = {}
        for it in decisions:
            group = it.values[id(line)]
            if None not in group:
                groups.setdefault(group, []).append(it)
        for members in groups.values():
            best = max(it.channel for it in members)
            for it in members:
                if it.channel < best:
                    it.channel, it.reason = best, "together"


class descending:
    """The larger first."""

    def __init__(self, it):
        self.it = None if isinstance(it, (Missing, Unknown)) else it

    def __lt__(self, other):
        return self.it is not None and other.it is not None and other.it < self.it

    def __eq__(self, other):
        return self.it == other.it


def words(it):
    if isinstance(it, bool):
        return "true" if it else "false"
    return number_text(it) if isinstance(it, Fraction) else str(it)


def hashed(key, parts):
    """Each part with its length, so that no two lists of parts look alike."""
    data = b""
    for part in parts:
        text = (part or "").encode()
        data += struct.pack("<Q", 2**64 - 1 if part is None else len(text)) + text
    return struct.unpack("<Q", blake3.keyed(key, data)[:8])[0]
