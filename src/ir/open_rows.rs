//! What may leave a condition on rows open: what the rows lack, and what the judged row does.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ir::Arithmetic;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::Lookup;
use crate::ir::OpenRows;
use crate::ir::RATES;
use crate::ir::Statistic;
use crate::ir::judged::judged_in;
use crate::ir::lower::Lowering;
use crate::ir::lower::truth;
use crate::ir::many::Source;
use crate::ir::many::fields_of;
use crate::ir::print;
use crate::ir::typing;
use crate::schema::FieldId;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::source::Span;
use crate::value::Reason;

/// What a row may lack: the test that it does, and what is named then.
struct Lack {
    test: E,
    names: Vec<String>,
}

/// What may leave a condition open.
#[derive(Default)]
struct Leaving {
    fields: BTreeSet<FieldId>,
    /// Each once, by what it says.
    lookups: BTreeMap<String, E>,
}

impl Lowering<'_> {
    /// What may leave the rows open: fields of theirs and cells of lists, and what the judged row
    /// has a say in.
    pub fn open_rows(&mut self, condition: &E, source: &Source, span: Span) -> OpenRows {
        let record = source.fact.rows;
        let is_inside = source.fact.dates.is_none();
        let judged = source.scope.judged.as_ref().map(|it| it.record).filter(|_| is_inside);
        let around = judged.map(|it| self.schema.lineage(it)).unwrap_or_default();
        // A record around both has one row for both.
        let own = self.schema.lineage(record).into_iter().skip(1);
        let shared: Vec<RecordId> = own.filter(|it| around.contains(it)).collect();
        let mut res = OpenRows {
            record: self.schema.record(record).name.clone(),
            judged: judged_in(condition).into_iter().cloned().collect(),
            ..OpenRows::default()
        };
        res.judged.extend(in_common(condition, &shared));
        let of_rows = |name: &str| format!("{}: {name}", res.record);
        // Past rows count by their date: it is given.
        let day = source.fact.dates.as_ref().map(|it| fields_of(&it.0)).unwrap_or_default();
        let mut names: BTreeSet<String> = self.judged_names(condition).into_iter().collect();
        let (mut own, mut lacks) = (Vec::new(), Vec::new());
        let leaving = self.leaving_open(condition);
        for id in leaving.fields {
            let field = self.schema.field(id);
            let name = field.name.clone();
            if shared.contains(&id.record) {
                names.insert(name);
                continue;
            }
            names.insert(of_rows(&name));
            if field.required || day.contains(&id) {
                continue;
            }
            own.push(of_rows(&name));
            let ty = field.ty.clone();
            let value = Arc::new(Expr { kind: Kind::Field(id), ty, span });
            lacks.push(Lack { test: missing(value), names: vec![name] });
        }
        let mut known = BTreeMap::new();
        for it in leaving.lookups.values().filter(|it| asks_rows(it, &shared, &mut known)) {
            lacks.extend(self.without_entry(it));
        }
        names.extend(lacks.iter().flat_map(|it| &it.names).map(|it| of_rows(it)));
        if is_inside {
            let number = self.number_of(record, judged);
            for lack in lacks {
                let fact = self.of_open(condition, lack.test, number, source, span);
                let found = if number.is_some() { &mut res.first } else { &mut res.some };
                found.extend(fact.map(|it| (it, lack.names)));
            }
        } else {
            res.asked = own.clone();
        }
        res.names = names.into_iter().collect();
        let unsure = self.unsure(condition).into_iter().filter(|it| !shared.contains(&it.record));
        let unsure: BTreeSet<String> =
            unsure.map(|it| of_rows(&self.schema.field(it).name)).collect();
        res.own = if unsure.is_empty() { own } else { unsure.into_iter().collect() };
        res
    }

    /// The fields and lookups of a condition that can leave it open: neither `is missing` nor a
    /// replacement that is always given does.
    fn leaving_open(&self, condition: &E) -> Leaving {
        let (mut res, mut seen, mut todo) = (Leaving::default(), BTreeSet::new(), vec![condition]);
        while let Some(it) = todo.pop() {
            if !seen.insert(Arc::as_ptr(it)) {
                continue;
            }
            match &it.kind {
                Kind::IsMissing(_) | Kind::Established(_) => continue,
                Kind::OrElse(_, right) if !typing::may_be_missing(&self.schema, right) => continue,
                Kind::Field(id) => {
                    res.fields.insert(*id);
                }
                Kind::Lookup(_) => {
                    res.lookups.insert(print::identity(it), it.clone());
                }
                _ => {}
            }
            todo.extend(it.parts());
        }
        res
    }

    /// The fields by whose values a computation may have none, though they are given: those that a
    /// condition divides by, codes of which digits are taken, amounts that rates convert.
    fn unsure(&self, condition: &E) -> BTreeSet<FieldId> {
        let (mut res, mut seen, mut todo) = (BTreeSet::new(), BTreeSet::new(), vec![condition]);
        while let Some(it) = todo.pop() {
            if !seen.insert(Arc::as_ptr(it)) {
                continue;
            }
            match &it.kind {
                Kind::IsMissing(_) | Kind::Established(_) | Kind::Judged(_) => continue,
                Kind::OrElse(_, right) if !typing::may_be_missing(&self.schema, right) => continue,
                Kind::Arithmetic(Arithmetic::Divide, _, it) | Kind::AtDigits(it, _) => {
                    res.extend(fields_of(it));
                }
                Kind::Guard(_, converted, Reason::NoRate) => {
                    if let Kind::Arithmetic(_, amount, _) = &converted.kind {
                        res.extend(fields_of(amount));
                    }
                }
                _ => {}
            }
            todo.extend(it.parts());
        }
        res
    }

    /// That a list has no entry for the keys of a row, and that the entry leaves the cell empty. Of
    /// rates it is the conversion that tells.
    fn without_entry(&self, it: &E) -> Vec<Lack> {
        let Kind::Lookup(lookup) = &it.kind else { return Vec::new() };
        let list = &self.lists[lookup.list];
        let Some(key) = list.key.first().filter(|_| &*list.name != RATES) else {
            return Vec::new();
        };
        // The key of an entry is never empty.
        let ty = list.columns[*key].ty.clone();
        let kind = Kind::Lookup(Lookup { column: *key, ..lookup.clone() });
        let entry = Arc::new(Expr { kind, ty, span: it.span });
        let keys_given = lookup.keys.iter().chain(&lookup.date).cloned().map(given);
        let unlisted = keys_given.chain([missing(entry.clone())]).collect();
        let keys = lookup.keys.iter().flat_map(fields_of);
        let no_entry = Reason::NotInList.words();
        let names = keys.map(|it| format!("{} ({no_entry})", self.schema.field(it).name));
        let blank = vec![given(entry), missing(it.clone())];
        vec![
            Lack { test: truth(Kind::And(unlisted), it.span), names: names.collect() },
            Lack {
                test: truth(Kind::And(blank), it.span),
                names: vec![list.column_name(lookup.column)],
            },
        ]
    }

    /// The one whole number that tells rows right inside the judged one apart.
    fn number_of(&self, record: RecordId, judged: Option<RecordId>) -> Option<FieldId> {
        let it = self.schema.record(record);
        let ([field], true) = (it.key.as_slice(), judged.is_some() && it.parent == judged) else {
            return None;
        };
        let key = FieldId { record, field: *field };
        (self.schema.field(key).ty == Type::Whole).then_some(key)
    }

    /// Of the rows that stay open and lack something, the first one's number, or how many they are.
    fn of_open(
        &mut self,
        condition: &E,
        lacks: E,
        number: Option<FieldId>,
        source: &Source,
        span: Span,
    ) -> Option<FactId> {
        let field_of = |id: FieldId, ty: Type| Arc::new(Expr { kind: Kind::Field(id), ty, span });
        let open = [missing(condition.clone()), lacks];
        let mut fact = source.fact.clone();
        fact.filter = Some(truth(Kind::And(fact.filter.into_iter().chain(open).collect()), span));
        fact.ty = Type::Whole;
        fact.statistic = if number.is_some() { Statistic::Smallest } else { Statistic::Count };
        fact.value = number.map(|it| field_of(it, Type::Whole));
        match self.fact(fact, span).kind {
            Kind::Fact(fact) => Some(fact),
            _ => None,
        }
    }
}

fn missing(it: E) -> E {
    let span = it.span;
    truth(Kind::IsMissing(it), span)
}

fn given(it: E) -> E {
    let span = it.span;
    truth(Kind::Not(missing(it)), span)
}

/// The largest parts of a condition on rows that ask nothing of the rows themselves: their values
/// are those of the judged row, which shares the records around.
fn in_common(condition: &E, shared: &[RecordId]) -> Vec<E> {
    let (mut res, mut todo) = (Vec::new(), vec![condition]);
    let (mut seen, mut known) = (BTreeSet::new(), BTreeMap::new());
    while let Some(it) = todo.pop() {
        if !seen.insert(Arc::as_ptr(it)) {
            continue;
        }
        match it.kind {
            Kind::Literal(_) | Kind::IsMissing(_) | Kind::Established(_) | Kind::Judged(_) => {}
            _ if asks_rows(it, shared, &mut known) => todo.extend(it.parts()),
            _ => res.push(it.clone()),
        }
    }
    res
}

/// Whether an expression asks for what the rows do not share with the judged row, or looks at that
/// row from theirs. Each part is asked once.
fn asks_rows(it: &E, shared: &[RecordId], known: &mut BTreeMap<*const Expr, bool>) -> bool {
    if let Some(known) = known.get(&Arc::as_ptr(it)) {
        return *known;
    }
    let res = match &it.kind {
        Kind::Field(id) => !shared.contains(&id.record),
        Kind::Judged(_) => true,
        _ => it.parts().into_iter().any(|it| asks_rows(it, shared, known)),
    };
    known.insert(Arc::as_ptr(it), res);
    res
}
