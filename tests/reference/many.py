"""What is asked of many rows: statistics, quantifiers, profiles, registers, how long known.

The manual: docs/language/history.md, relations.md, missing.md (M6, M7).
"""

import datetime
from fractions import Fraction

import naming
from values import (
    SCALE_MAX,
    Missing,
    Unknown,
    at_least,
    conjunction,
    form,
    is_missing,
    lacking,
    negation,
    open_test,
    rounded,
    shifted,
)


INCOMPLETE = "history incomplete"


def fields_in(node, found=None):
    """The fields of a row that an expression reads, as (record, field)."""
    found = set() if found is None else found
    if isinstance(node, list):
        for it in node:
            fields_in(it, found)
    elif isinstance(node, dict):
        if node.get("kind") == "judged":
            return found
        if node.get("kind") == "field":
            found.add((node["record"], node["field"]))
        for key, it in node.items():
            if key != "type":
                fields_in(it, found)
    return found


def judged_in(node, found=None):
    """The values of the judged row that a condition on others reads."""
    found = [] if found is None else found
    if isinstance(node, list):
        for it in node:
            judged_in(it, found)
    elif isinstance(node, dict):
        if node.get("kind") == "judged":
            found.append(node)
        else:
            for key, it in node.items():
                if key != "type":
                    judged_in(it, found)
    return found


def key_of(it, ty):
    return form(it, ty["name"])


class Many:
    def __init__(self, judge):
        self.judge = judge
        self.world = judge.world
        # By record and nodes, which stay where they are.
        self.known, self.asked = {}, {}

    # Which rows

    def rows(self, asked, row, same, reads, exact=False):
        """The rows that a statistic looks at, or `Missing`: what the judged row lacks.

        `same` are pairs of keys; `reads` the expressions whose results may be known later.
        """
        record, lacks, found, blind = asked["record"], [], [], None
        if row.absent and self.judge.deciding:
            # Which rows a record has that is nowhere, no policy can tell.
            return Missing([["no such record"]])
        if asked["past"] or asked["window"] == "same day":
            timed = self.timed(asked, row, reads, exact)
            if isinstance(timed, Missing):
                lacks.append(timed)
                blind = timed
            else:
                found = [it for it in self.world.all(record) if timed(it)]
        else:
            found = self.world.inside(row, record)
        pairs = [(it, True) for it in same]
        if asked["others"]:
            pairs.append((asked["others"], False))
        for pair, wanted in pairs:
            own = self.judge.value(pair["judged"], row)
            if is_missing(own):
                lacks.append(own)
                continue
            own = key_of(own, pair["judged"]["type"])
            found = [it for it in found if self.fits(pair["rows"], it, own, wanted)]
        if asked["where"]:
            lacks += [
                it
                for it in (self.judge.value(part, row, row) for part in self.judged(asked["where"]))
                if is_missing(it)
            ]
        if lacks:
            # Fields that are missing are told before what the data do not reach back to.
            given = [it for it in lacks if getattr(it, "reason", None) != INCOMPLETE]
            ways = lacking([as_missing(it) for it in given or lacks])
            return Missing(ways, None if given else INCOMPLETE, blind)
        if asked["where"]:
            found = [it for it in found if self.judge.value(asked["where"], it, row) is True]
        return found

    def fits(self, node, it, own, wanted):
        value = self.judge.value(node, it)
        if is_missing(value):
            return False
        return (key_of(value, node["type"]) == own) == wanted

    def timed(self, asked, row, reads, exact):
        """Whether a row is in the window and known, as a function; or what is missing."""
        world, record, window = self.world, asked["record"], asked["window"]
        day = self.judge.accepted(row)
        now = world.lineage_field(row, "event")
        if window == "same day":
            return self.that_day(record, row, day, now, asked["partial"], asked["text"])
        length = self.judge.value(window, row) if window else None
        by_time = length is not None and (length.microseconds is not None or exact)
        known = self.known_fields(record, reads)
        needs_now = by_time or any(world.type_of(*it) == "date-time" for it in known)
        lacks = [it for it in [day] + [now] * needs_now if is_missing(it)]
        if lacks:
            return Missing(lacking(lacks))
        if length is not None:
            start = shifted(now if by_time else day, length.negated())
            first = start.date() if by_time and start else start
            since = world.complete_since(record)
            if since and not asked["partial"] and (first is None or first < since):
                return Missing([[f"{asked['text']} ({INCOMPLETE})"]], INCOMPLETE)
        until = world.complete_until(record)
        last = now - datetime.timedelta(microseconds=1) if by_time else day - datetime.timedelta(1)
        last = last.date() if by_time else last
        if until and not asked["partial"] and until < last:
            return Missing([[f"{asked['text']} ({INCOMPLETE})"]], INCOMPLETE)

        def is_in(it):
            happened = world.given(it, "event" if by_time else "date")
            if happened is None:
                return False
            if not happened < (now if by_time else day):
                return False
            if length is not None and start is not None and happened < start:
                return False
            return all(self.is_known(it, field, day, now) for field in known)

        return is_in

    def that_day(self, record, row, day, now, partial, text):
        """Rows of the civil day: its own ones, and those of others that are known by then."""
        if is_missing(day):
            return day
        known = self.known_fields(record, [])
        if any(self.world.type_of(*it) == "date-time" for it in known) and is_missing(now):
            return now
        until = self.world.complete_until(record)
        if until and not partial and until < day:
            return Missing([[f"{text} ({INCOMPLETE})"]], INCOMPLETE)
        own = self.world.root(row)

        def is_in(it):
            if self.world.given(it, "date") != day:
                return False
            if self.world.root(it) is own:
                return True
            return all(self.is_known(it, field, day, now) for field in known)

        return is_in

    def known_fields(self, record, reads):
        """The fields that say from when on a row counts: of its record, and of what is read."""
        key = (record, tuple(id(it) for it in reads))
        if key not in self.known:
            self.known[key] = self._known_fields(record, reads)
        return self.known[key]

    def _known_fields(self, record, reads):
        world = self.world
        res = []
        field = world.lineage_name(record, "known_from")
        if field and field not in (
            world.lineage_name(record, "date"),
            world.lineage_name(record, "event"),
        ):
            res.append(field)
        for read in sorted(fields_in(reads)):
            later = world.known_from(*read)
            if later and later not in res:
                res.append(later)
        return res

    def is_known(self, it, field, day, now):
        value = it.field(*field)
        if value is None:
            return False
        return value <= (now if isinstance(value, datetime.datetime) else day)

    def judged(self, node):
        """`judged_in`, found once."""
        if id(node) not in self.asked:
            self.asked[id(node)] = judged_in(node)
        return self.asked[id(node)]

    # Statistics

    def statistic(self, node, row):
        asked = dict(node["rows"], text=node["text"])
        reads = [node["value"], node["weight"], asked["where"]]
        found = self.rows(asked, row, asked["same"], reads)
        if isinstance(found, Missing):
            return found
        name = node["statistic"]
        if name == "share":
            return self.share(node, node["value"], asked, found, row)
        return self.of_rows(node, name, node["rank"], found, row)

    def of_rows(self, node, name, rank, found, row):
        if name in ("first date", "last date"):
            days = [self.world.given(it, "date") for it in found]
            return (min if name == "first date" else max)(days) if days else few(node)
        if node["value"] is None:
            return Fraction(len(found))
        values = [self.judge.value(node["value"], it, row) for it in found]
        given = [it for it in values if not is_missing(it)]
        ty = node["value"]["type"]
        if name == "count":
            return Fraction(len(given))
        if name == "distinct count":
            return Fraction(len({key_of(it, ty) for it in given}))
        if name == "average" and node["weight"]:
            return self.weighted(node, values, found, row)
        if not given:
            return few(node)
        if name == "sum":
            return sum(given)
        if name == "average":
            return rounded(sum(given) / len(given), SCALE_MAX)
        if name in ("smallest", "largest"):
            return min(given) if name == "smallest" else max(given)
        if name == "percentile":
            rank = -(-len(given) * rank // 100)
            return sorted(given)[rank - 1]
        raise ValueError(name)

    def weighted(self, node, values, found, row):
        weights = [self.judge.value(node["weight"], it, row) for it in found]
        pairs = [it for it in zip(values, weights) if not any(is_missing(part) for part in it)]
        total = sum(weight for _, weight in pairs)
        if not pairs:
            return few(node)
        if total == 0:
            return Missing([[f"{node['text']} (division by zero)"]], "zero")
        return rounded(sum(a * b for a, b in pairs) / total, SCALE_MAX)

    def share(self, node, condition, asked, found, row):
        values = [self.judge.value(condition, it, row) for it in found]
        sure = sum(1 for it in values if it is True)
        known = sum(1 for it in values if not is_missing(it))
        smoothed = asked["smoothed"]
        if not smoothed:
            if known == 0:
                return few(node)
            return rounded(Fraction(sure, known), SCALE_MAX)
        by = self.judge.value(smoothed["by"], row)
        towards = self.judge.value(smoothed["towards"], row) if smoothed["towards"] else Fraction(0)
        parts = [by, towards]
        if any(is_missing(it) for it in parts):
            return Missing(lacking(parts))
        if known + by == 0:
            return Missing([[f"{node['text']} (division by zero)"]], "zero")
        return rounded((sure + rounded(by * towards, SCALE_MAX)) / (known + by), SCALE_MAX)

    # Profiles

    def profile(self, node, row):
        """A statistic of the first group that has enough values."""
        asked = dict(node["rows"], text=node["text"])
        reads = [node["value"], node["weight"], asked["where"]]
        last, ways = None, []
        for group in node["groups"]:
            same = asked["same"] + group["same"]
            found = self.rows(asked, row, same, reads, node["exact"])
            if isinstance(found, Missing):
                last = found
                ways += found.ways
                continue
            # Without `require` the last group stands for those that have no value.
            stands = not node["require"] and group is node["groups"][-1]
            if not stands and not self.enough(node, found, row):
                last = few(node)
                ways += last.ways
                continue
            return self.of_group(node, asked, group, found, row)
        # Each group could answer.
        return Missing(ways, last.reason, last.blind)

    def enough(self, node, found, row):
        values = [(it, self.judge.value(node["value"], it, row)) for it in found]
        given = [it for it, value in values if not is_missing(value)]
        require = node["require"]
        if not require:
            return 0 < len(given)
        if len(given) < require["values"]:
            return False
        support = require["support"]
        if not support:
            return True
        keys = [self.judge.value(support["of"], it, row) for it in given]
        ty = support["of"]["type"]
        return support["values"] <= len({key_of(it, ty) for it in keys if not is_missing(it)})

    def of_group(self, node, asked, group, found, row):
        name = node["statistic"]
        if name == "level":
            return group["level"]
        if name == "share":
            return self.share(node, node["value"], asked, found, row)
        names = {"distinct": "distinct count", "first_date": "first date", "last_date": "last date"}
        if name == "median":
            return self.of_rows(node, "percentile", 50, found, row)
        if name[:1] == "p" and name[1:].isdigit():
            return self.of_rows(node, "percentile", int(name[1:]), found, row)
        return self.of_rows(node, names.get(name, name), None, found, row)

    # Quantifiers

    def quantified(self, node, row):
        asked = dict(node["rows"], text=node["text"])
        found = self.rows(asked, row, asked["same"], [node["condition"], asked["where"]])
        if isinstance(found, Missing):
            return open_test([found])
        answers = [self.judge.value(node["condition"], it, row) for it in found]
        past = asked["past"] or asked["window"] == "same day"
        named = self.named(node["condition"], past, asked["record"], found, answers, row)
        quantifier, n = node["quantifier"], node["n"]
        match quantifier:
            case "any":
                return counted(1, answers, named)
            case "no":
                return negation(counted(1, answers, named))
            case "every":
                turned = [negation(it) for it in answers]
                return negation(counted(1, turned, named))
            case "at least":
                return counted(n, answers, named)
            case "at most":
                return negation(counted(n + 1, answers, named))
            case "exactly":
                more = negation(counted(n + 1, answers, named))
                return conjunction([counted(n, answers, named), more])

    def named(self, condition, past, record, found, answers, row):
        """What leaves a quantifier open; only asked where a row does."""
        unsure = [it for it, answer in zip(found, answers) if isinstance(answer, Unknown)]
        return naming.ways(self.judge, condition, unsure, row, past, record) if unsure else []

    def hit_inside(self, rule, row):
        """Whether a rule hits any row inside the judged one: `any item has (…)` of what it says."""
        found = self.world.below(row, rule["level"])
        answers = [self.judge.outcome(rule, it) for it in found]
        condition = naming.as_condition(rule)
        return counted(1, answers, self.named(condition, False, rule["level"], found, answers, row))

    # Elsewhere

    def related(self, node, row):
        """The field of the row that the schema refers to, as it stood at acceptance."""
        own = self.judge.value(node["by"], row)
        truth = node["type"]["name"] == "truth"
        target = node["to"]
        name = self.world.lineage_name(target, "date")
        day = self.judge.accepted(row) if name else None
        # The row that is referred to is found by its key and the date: what is missing is needed.
        needed = [it for it in (own, day) if is_missing(it)]
        if needed:
            return open_test(needed) if truth else Missing(lacking(needed))
        key = self.world.key(target)[0]
        ty = {"name": self.world.type_of(target, key)}
        found = [it for it in self.world.all(target) if it.get(key) is not None]
        found = [it for it in found if key_of(it.get(key), ty) == key_of(own, ty)]
        reason = "no such record"
        if name:
            now = self.world.lineage_field(row, "event")
            known = self.known_fields(target, [])
            found = [
                it
                for it in found
                if it.field(*name) is not None
                and it.field(*name) <= day
                and all(self.is_known(it, field, day, now) for field in known)
            ]
            latest = max((it.field(*name) for it in found), default=None)
            found = [it for it in found if it.field(*name) == latest]
        values = [self.judge.value(node["value"], it) for it in found]
        given = [it for it in values if not is_missing(it)]
        ty = node["type"]
        if len(given) != len(values) or len({key_of(it, ty) for it in given}) != 1:
            ways = [[f"{node['text']} ({reason})"]]
            return open_test([Missing(ways)]) if truth else Missing(ways, reason)
        return given[0]

    def known_for(self, node, row):
        """From the first row before, this one included."""
        own = self.judge.value(node["value"], row)
        day = self.judge.accepted(row)
        if is_missing(own) or is_missing(day):
            return open_test([as_missing(it) for it in (own, day)])
        asked = {
            "record": node["record"], "past": True, "window": None, "others": None,
            "where": None, "partial": True, "text": node["text"],
        }
        pair = {"rows": node["value"], "judged": node["value"]}
        found = self.rows(asked, row, [pair], [])
        if isinstance(found, Missing):
            return open_test([found])
        first = min([self.world.given(it, "date") for it in found] + [day])
        length = self.judge.value(node["duration"], row)
        limit = shifted(day, length.negated())
        since = self.world.complete_since(node["record"])
        until = self.world.complete_until(node["record"])
        # A sighting that is old enough decides, else only complete data at the limit do.
        strictly = node["op"] in ("<=", ">")
        old = first < limit if strictly else first <= limit
        last = limit - datetime.timedelta(1) if strictly else limit
        if not old and (since and limit < since or until and until < last):
            text = f"{node['value']['text']} known for"
            return open_test([Missing([[f"{text} ({INCOMPLETE})"]])])
        match node["op"]:
            case "<":
                return first > limit
            case "<=":
                return first >= limit
            case ">":
                return first < limit
            case ">=":
                return first <= limit


def counted(n, answers, ways):
    """At least `n` are true; where it is open, any of the ways decides."""
    it = at_least(n, answers)
    return Unknown(ways, ways) if isinstance(it, Unknown) else it


def as_missing(it):
    return Missing(it.yes) if isinstance(it, Unknown) else it


def few(node):
    ways = [[f"{node['text']} (too few values)"]]
    return Missing(ways, "too few values")
