//! From typed tests to tests of columns, literals brought into the measure or form of the column.

use std::collections::BTreeMap;

use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::InList;
use crate::ir::Kind;
use crate::ir::TextTest;
use crate::plan;
use crate::plan::cell::Shape;
use crate::plan::fact::Operand;
use crate::plan::kernel::Kernel;
use crate::plan::multiple;
use crate::plan::multiple::Multiple;
use crate::plan::number;
use crate::plan::number::Measure;
use crate::plan::rule_set::Compiler;
use crate::plan::rule_set::NodeId;
use crate::plan::test::Pair;
use crate::plan::test::Side;
use crate::plan::test::Test;
use crate::plan::words;
use crate::plan::words::Day;
use crate::plan::words::Spans;
use crate::plan::words::What;
use crate::plan::words::WordTest;
use crate::schema::Type;
use crate::value::Value;
use crate::value::text;
use crate::value::text::Form;

impl Compiler<'_> {
    /// A test as a node.
    pub fn test(&mut self, expr: &E) -> NodeId {
        match &expr.kind {
            Kind::IsMissing(it) => match self.operand(it) {
                Operand::Literal(value) => self.constant(Some(value.is_missing())),
                Operand::Column { name, shape } => {
                    let column = self.column(name, shape);
                    self.add_test(format!("missing {column}"), |_| Test::Missing(column))
                }
            },
            Kind::Compare(op, left, right) => self.compare(*op, left, right, expr),
            Kind::TextTest(op, left, right) => self.text_test(*op, left, right, expr),
            Kind::Member(it, words) => {
                let key = format!("member {words:?}");
                let words = words.clone();
                self.word(it, it.ty.form(), Day::Any, expr, key, |_| What::Member(words))
            }
            Kind::Under(it, prefixes) => {
                let key = format!("under {prefixes:?}");
                let prefixes = prefixes.clone();
                self.word(it, it.ty.form(), Day::Any, expr, key, |_| What::Under(prefixes))
            }
            Kind::OneOf(it, values) => self.one_of(it, values, expr),
            Kind::InGroup(it, name, date) => {
                let Some(day) = self.day(date.as_ref()) else { return self.constant(None) };
                let key = format!("group {name} {day:?}");
                self.word(it, Form::Exact, day, expr, key, |it| {
                    words::in_group(&it.schema.groups[&**name], day)
                })
            }
            Kind::InList(it) => self.in_list(it, expr),
            Kind::Literal(_)
            | Kind::Field(_)
            | Kind::Named(..)
            | Kind::Parameter(..)
            | Kind::Negate(_)
            | Kind::Arithmetic(..)
            | Kind::Widen(_)
            | Kind::Call(..)
            | Kind::OrElse(..)
            | Kind::AtDigits(..)
            | Kind::Lookup(_)
            | Kind::Established(_)
            | Kind::Not(_)
            | Kind::And(_)
            | Kind::Or(_)
            | Kind::AtLeast(..)
            | Kind::Fact(_)
            | Kind::Guard(..)
            | Kind::Judged(_)
            | Kind::Open(..)
            | Kind::Total(_)
            | Kind::Hit(_) => self.held(expr),
        }
    }

    /// A condition that a column or literal holds.
    fn held(&mut self, expr: &E) -> NodeId {
        match self.operand(expr) {
            Operand::Literal(Value::Truth(it)) => self.constant(Some(it)),
            Operand::Column { name, shape } if shape.ty == Type::Truth => {
                let column = self.column(name, shape);
                self.add_test(format!("truth {column}"), |_| Test::Truth(column))
            }
            Operand::Literal(_) | Operand::Column { .. } => self.constant(None),
        }
    }

    /// A test of literals only, by the kernel that computes it.
    fn folded(&mut self, expr: &E, values: &[Value]) -> NodeId {
        let shapes = expr.parts().iter().map(|it| Shape::of(self.set, it)).collect();
        let result = Shape::of(self.set, expr);
        let kernel = Kernel::new(plan::op(self.set, expr), shapes, result);
        match kernel.compute(values) {
            Value::Truth(it) => self.constant(Some(it)),
            _ => self.constant(None),
        }
    }

    fn compare(&mut self, op: Comparison, left: &E, right: &E, expr: &E) -> NodeId {
        let multiple = self.compare_multiple(op, left, right);
        if let Some(it) =
            multiple.or_else(|| self.compare_multiple(number::flipped(op), right, left))
        {
            return it;
        }
        match (self.operand(left), self.operand(right)) {
            (Operand::Literal(a), Operand::Literal(b)) => self.folded(expr, &[a, b]),
            (Operand::Column { name, shape }, Operand::Literal(value)) => {
                self.compare_literal(op, (name, shape), &value, left, right)
            }
            (Operand::Literal(value), Operand::Column { name, shape }) => {
                self.compare_literal(number::flipped(op), (name, shape), &value, left, right)
            }
            (Operand::Column { name: a, shape: x }, Operand::Column { name: b, shape: y }) => {
                self.compare_columns(op, (a, x), (b, y), left.ty.form().max(right.ty.form()))
            }
        }
    }

    /// Against a fixed multiple of a column.
    fn compare_multiple(&mut self, op: Comparison, left: &E, right: &E) -> Option<NodeId> {
        let (factor, right) = multiple::parts(right)?;
        if multiple::literal(left).is_some() {
            return None;
        }
        let (Operand::Column { name: a, shape: x }, Operand::Column { name: b, shape: y }) =
            (self.operand(left), self.operand(right))
        else {
            return None;
        };
        let (Measure::Decimal(i), Measure::Decimal(j)) = (Measure::of(&x)?, Measure::of(&y)?)
        else {
            return None;
        };
        let (a, b) = (self.column(a, x), self.column(b, y));
        let test = Test::Multiple(Multiple::new(op, i, factor, j), a, b);
        Some(self.add_test(format!("{test:?}"), |_| test))
    }

    fn compare_literal(
        &mut self,
        op: Comparison,
        (name, shape): (String, Shape),
        value: &Value,
        left: &E,
        right: &E,
    ) -> NodeId {
        let form = left.ty.form().max(right.ty.form());
        if let Some(measure) = Measure::of(&shape) {
            let Some((bound, exact)) = measure.floor(value) else { return self.constant(None) };
            let column = self.column(name, shape);
            return self.compare_number(op, column, bound, exact);
        }
        let (Value::Text(word), true) = (value, shape.ty.is_textual()) else {
            return self.constant(None);
        };
        let what = match &left.ty {
            Type::Choice(choice) => match choice.rank(word) {
                Some(rank) => What::Rank(op, rank, choice.clone()),
                None => return self.constant(None),
            },
            _ => What::Compare(op, text::form(word, form)),
        };
        let key = format!("{what:?}");
        self.word_of(name, shape, form, Day::Any, key, || what)
    }

    /// Against a bound that is the floor of a literal that no value of the column may equal.
    fn compare_number(
        &mut self,
        op: Comparison,
        column: usize,
        bound: i128,
        exact: bool,
    ) -> NodeId {
        let test = match op {
            _ if exact => Test::Number(column, op, bound),
            Comparison::Less | Comparison::LessOrEqual => {
                Test::Number(column, Comparison::LessOrEqual, bound)
            }
            Comparison::Greater | Comparison::GreaterOrEqual => {
                Test::Number(column, Comparison::Greater, bound)
            }
            Comparison::Equal => Test::Given(column, false),
        };
        self.add_test(format!("{test:?}"), |_| test)
    }

    fn compare_columns(
        &mut self,
        op: Comparison,
        (a, x): (String, Shape),
        (b, y): (String, Shape),
        form: Form,
    ) -> NodeId {
        match (Measure::of(&x), Measure::of(&y)) {
            (Some(i), Some(j)) if i.compares_with(j) => {
                let left = Side { column: self.column(a, x), measure: i };
                let right = Side { column: self.column(b, y), measure: j };
                let test = Test::Numbers(op, left, right);
                self.add_test(format!("{test:?}"), |_| test)
            }
            (None, None) if x.ty.is_textual() && y.ty.is_textual() => {
                let pair = match &x.ty {
                    Type::Choice(choice) => Pair::Rank(op, choice.clone()),
                    _ => Pair::Compare(op),
                };
                self.pair(pair, form, (a, x), (b, y))
            }
            _ => self.constant(None),
        }
    }

    fn pair(
        &mut self,
        pair: Pair,
        form: Form,
        (a, x): (String, Shape),
        (b, y): (String, Shape),
    ) -> NodeId {
        let (left, right) = (self.column(a, x), self.column(b, y));
        let test = Test::Words(pair, form, left, right);
        self.add_test(format!("{test:?}"), |_| test)
    }

    fn text_test(&mut self, op: TextTest, left: &E, right: &E, expr: &E) -> NodeId {
        let form = left.ty.form().max(right.ty.form());
        match (self.operand(left), self.operand(right)) {
            (Operand::Literal(a), Operand::Literal(b)) => self.folded(expr, &[a, b]),
            (Operand::Column { name, shape }, Operand::Literal(Value::Text(it))) => {
                let what = What::Part(op, text::form(&it, form));
                let key = format!("{what:?}");
                self.word_of(name, shape, form, Day::Any, key, || what)
            }
            (Operand::Literal(Value::Text(it)), Operand::Column { name, shape }) => {
                let what = What::PartOf(op, text::form(&it, form));
                let key = format!("{what:?}");
                self.word_of(name, shape, form, Day::Any, key, || what)
            }
            (Operand::Column { name: a, shape: x }, Operand::Column { name: b, shape: y }) => {
                self.pair(Pair::Part(op), form, (a, x), (b, y))
            }
            (Operand::Column { .. }, Operand::Literal(_))
            | (Operand::Literal(_), Operand::Column { .. }) => self.constant(None),
        }
    }

    fn one_of(&mut self, it: &E, values: &[Value], expr: &E) -> NodeId {
        match self.operand(it) {
            Operand::Literal(value) => self.folded(expr, &[value]),
            Operand::Column { name, shape } => {
                let Some(measure) = Measure::of(&shape) else { return self.constant(None) };
                let column = self.column(name, shape);
                let mut values: Vec<i128> =
                    values.iter().filter_map(|it| measure.exact(it)).collect();
                values.sort_unstable();
                values.dedup();
                let test = Test::OneOf(column, values);
                self.add_test(format!("{test:?}"), |_| test)
            }
        }
    }

    /// The date at which a validity is read; `None` when it is surely missing.
    fn day(&mut self, date: Option<&E>) -> Option<Day> {
        let Some(date) = date else { return Some(Day::Any) };
        match self.operand(date) {
            Operand::Literal(Value::Date(it)) => Some(Day::Fixed(it)),
            Operand::Column { name, shape } if shape.ty == Type::Date => {
                Some(Day::Column(self.column(name, shape)))
            }
            Operand::Literal(_) | Operand::Column { .. } => None,
        }
    }

    fn in_list(&mut self, it: &InList, expr: &E) -> NodeId {
        let Some(day) = self.day(it.date.as_ref()) else { return self.constant(None) };
        let list = &self.set.lists[it.list];
        let held = &list.columns[list.key.first().copied().unwrap_or(0)].ty;
        let form = it.key.ty.form().max(held.form());
        let matching = it.matching;
        let key = format!("list {} {matching:?} {day:?}", it.list);
        if it.key.ty.is_textual() {
            let at = it.list;
            return self.word(&it.key, form, day, expr, key, |set| {
                words::in_list(&set.lists[at], matching, day, form)
            });
        }
        match self.operand(&it.key) {
            Operand::Literal(value) => self.folded_at(expr, value, day),
            Operand::Column { name, shape } => {
                let Some(measure) = Measure::of(&shape) else { return self.constant(None) };
                let column = self.column(name, shape);
                let date = date_column(day);
                let list = &self.set.lists[it.list];
                self.add_test(format!("{key} {column}"), |_| {
                    let mut entries: BTreeMap<i128, Spans> = BTreeMap::new();
                    for (value, spans) in words::in_values(list, day) {
                        if let Some(at) = measure.exact(&value) {
                            entries.entry(at).or_default().extend(spans);
                        }
                    }
                    for spans in entries.values_mut() {
                        *spans = words::merged(std::mem::take(spans));
                    }
                    Test::Listed(column, entries, date)
                })
            }
        }
    }

    /// A literal in a list or group: the date, if any, is a literal too, or a column.
    fn folded_at(&mut self, expr: &E, value: Value, day: Day) -> NodeId {
        match day {
            Day::Any => self.folded(expr, &[value]),
            Day::Fixed(day) => self.folded(expr, &[value, Value::Date(day)]),
            Day::Column(_) => self.computed(expr),
        }
    }

    /// A test that no column holds the tested value of: computed as a fact.
    fn computed(&mut self, expr: &E) -> NodeId {
        match self.operand(expr) {
            Operand::Column { name, shape } => {
                let column = self.column(name, shape);
                self.add_test(format!("truth {column}"), |_| Test::Truth(column))
            }
            Operand::Literal(_) => self.constant(None),
        }
    }

    fn word(
        &mut self,
        tested: &E,
        form: Form,
        day: Day,
        expr: &E,
        key: String,
        what: impl FnOnce(&crate::ir::RuleSet) -> What,
    ) -> NodeId {
        match self.operand(tested) {
            Operand::Literal(value) => self.folded_at(expr, value, day),
            Operand::Column { name, shape } => {
                let set = self.set;
                self.word_of(name, shape, form, day, key, || what(set))
            }
        }
    }

    fn word_of(
        &mut self,
        name: String,
        shape: Shape,
        form: Form,
        day: Day,
        key: String,
        what: impl FnOnce() -> What,
    ) -> NodeId {
        if !shape.ty.is_textual() {
            return self.constant(None);
        }
        let column = self.column(name, shape);
        let date = date_column(day);
        self.add_test(format!("word {column} {form:?} {key}"), |network| {
            let test = WordTest { form, what: what() };
            Test::Word(column, network.columns[column].words.add(test), date)
        })
    }
}

fn date_column(day: Day) -> Option<usize> {
    match day {
        Day::Any | Day::Fixed(_) => None,
        Day::Column(it) => Some(it),
    }
}
