//! A rule set for cases that give the same: what they give directly is a stored field of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ir::Comparison;
use crate::ir::E;
use crate::ir::Expr;
use crate::ir::FactId;
use crate::ir::Kind;
use crate::ir::OpenRows;
use crate::ir::Parameter;
use crate::ir::Policy;
use crate::ir::Reach;
use crate::ir::Rule;
use crate::ir::RuleId;
use crate::ir::RuleSet;
use crate::ir::Statistic;
use crate::ir::cases::Case;
use crate::ir::cases::ExpectKind;
use crate::ir::cases::Place;
use crate::ir::cases::Subject;
use crate::ir::cases::Test;
use crate::ir::relation;
use crate::ir::rewrite::Rewriter;
use crate::schema::Field;
use crate::schema::FieldId;
use crate::schema::Nomenclature;
use crate::schema::RecordId;
use crate::schema::Schema;
use crate::schema::Type;
use crate::source::Span;
use crate::testing;
use crate::testing::CaseId;
use crate::value::Value;

/// The field that says to which case a row belongs.
pub const CASE: &str = "tamis.case";

pub struct Shape {
    pub set: RuleSet,
    pub level: RecordId,
    /// The rules that the cases are about.
    pub rules: Vec<RuleId>,
    /// The rule that stands for an expected value of a case, by its place in it.
    pub values: BTreeMap<(CaseId, usize), RuleId>,
    /// Where the number of the case stands, by outermost record.
    pub case: BTreeMap<RecordId, FieldId>,
    pub instead: BTreeMap<Place, FieldId>,
    pub derived: BTreeMap<(RecordId, Arc<str>), FieldId>,
    /// With the policy, without what looks at other declarations or draws, where a case expects a
    /// channel of it.
    pub decided: Option<RuleSet>,
}

/// What makes two cases one shape.
pub fn key(test: &Test, case: &Case) -> String {
    let judged = case.rows.iter().flat_map(|row| row.derived.keys().map(|it| (row.record, it)));
    let judged: BTreeSet<_> = judged.collect();
    let past = case.past.iter().flat_map(|row| row.derived.keys().map(|it| (row.record, it)));
    let past: BTreeSet<_> = past.collect();
    let instead: Vec<&Place> = case.instead.keys().collect();
    format!(
        "{} {judged:?} {past:?} {instead:?} {:?} {:?} {:?}",
        test.level.0, case.lists, case.parameters, case.hits
    )
}

/// The shape of cases of one key.
pub fn shape(set: &RuleSet, cases: &[CaseId]) -> Shape {
    let (test, first) = testing::test(set, cases[0]);
    let mut shape = Shape {
        set: RuleSet { schema: Arc::new(bare(&set.schema)), policy: None, ..set.clone() },
        level: test.level,
        rules: Vec::new(),
        values: BTreeMap::new(),
        case: BTreeMap::new(),
        instead: BTreeMap::new(),
        derived: BTreeMap::new(),
        decided: None,
    };
    shape.fields(first, test.level);
    for (list, rows) in &first.lists {
        let it = shape.set.lists[*list].with_rows(rows.clone());
        shape.set.lists[*list] = Arc::new(it);
    }
    for (at, value) in &first.parameters {
        let Parameter { name, ty, .. } = shape.set.parameters[*at].clone();
        let values = if value.is_missing() { Vec::new() } else { vec![(None, value.clone())] };
        shape.set.parameters[*at] = Parameter { name, ty, values };
    }
    for id in cases {
        shape.asked(set, *id);
    }
    shape.rewrite(set, first);
    let channel = |it: &ExpectKind| matches!(it, ExpectKind::Channel(_));
    let expects =
        |id: &CaseId| testing::test(set, *id).1.expects.iter().any(|it| channel(&it.kind));
    if let Some(policy) = set.policy.as_ref().filter(|_| cases.iter().any(expects)) {
        let (draws, capacities, together) = (Vec::new(), Vec::new(), Vec::new());
        let policy = Policy { draws, capacities, together, ..policy.clone() };
        shape.decided = Some(RuleSet { policy: Some(policy), ..shape.set.clone() });
    }
    shape
}

/// Without what only reading and checking needs: nothing is required, numbers are in base units.
fn bare(schema: &Schema) -> Schema {
    let mut records = schema.records.clone();
    for it in records.iter_mut().flat_map(|it| &mut it.fields) {
        it.required = false;
        it.unit = None;
        it.formerly = None;
    }
    let bare = |it: &Nomenclature| Nomenclature {
        name: it.name.clone(),
        levels: it.levels.clone(),
        extends: it.extends.clone(),
        codes: None,
    };
    Schema {
        records,
        choices: schema.choices.clone(),
        groups: schema.groups.clone(),
        nomenclatures: schema.nomenclatures.iter().map(|it| (it.0.clone(), bare(it.1))).collect(),
    }
}

fn field(name: &str, ty: Type) -> Field {
    Field {
        name: name.to_owned(),
        label: String::new(),
        ty,
        unit_of: None,
        unit: None,
        required: false,
        personal: false,
        formerly: None,
        known: None,
    }
}

fn outermost(schema: &Schema, record: RecordId) -> RecordId {
    schema.lineage(record).pop().unwrap_or(record)
}

impl Shape {
    fn fields(&mut self, case: &Case, level: RecordId) {
        let mut schema = Schema::clone(&self.set.schema);
        let mut add = |record: RecordId, name: &str, ty: Type| {
            let fields = &mut schema.records[record.0].fields;
            fields.push(field(name, ty));
            FieldId { record, field: fields.len() - 1 }
        };
        let records = (0..self.set.schema.records.len()).map(RecordId);
        for record in records.filter(|it| self.set.schema.record(*it).parent.is_none()) {
            self.case.insert(record, add(record, CASE, Type::Whole));
        }
        let top = outermost(&self.set.schema, level);
        for (place, (ty, _)) in &case.instead {
            // The day since when it is known.
            let ty = if matches!(place, Place::KnownFor(..)) { Type::Date } else { ty.clone() };
            self.instead.insert(place.clone(), add(top, place.words(), ty));
        }
        let judged = case.rows.iter().map(|it| (it.record, &it.derived));
        let past = case.past.iter().map(|it| (it.record, &it.derived));
        for (record, all) in judged.chain(past) {
            for (name, (ty, _)) in all {
                let key = (record, name.clone());
                self.derived.entry(key).or_insert_with(|| add(record, name, ty.clone()));
            }
        }
        for (record, it) in &self.case {
            schema.records[record.0].key.insert(0, it.field);
        }
        self.set.schema = Arc::new(schema);
    }

    /// The rule of a case, and one for each value that it expects.
    fn asked(&mut self, set: &RuleSet, id: CaseId) {
        let (test, case) = testing::test(set, id);
        if let Subject::Rule(rule) = test.subject
            && !self.rules.contains(&rule)
        {
            self.rules.push(rule);
        }
        for (at, it) in case.expects.iter().enumerate() {
            let ExpectKind::Value { words, condition, value, .. } = &it.kind else { continue };
            self.values.insert((id, at), RuleId(self.set.rules.len()));
            self.set.rules.push(Rule {
                id: Arc::from(format!("expectation {}.{}.{at}", id.test, id.case)),
                title: String::new(),
                owner: String::new(),
                status: None,
                reviewed: None,
                tags: Vec::new(),
                see: Vec::new(),
                channel: None,
                mandatory: false,
                level: test.level,
                outcome: condition.clone(),
                condition: condition.clone(),
                exceptions: Vec::new(),
                score: None,
                show: vec![(words.clone(), value.clone())],
                because: Vec::new(),
                span: it.span,
            });
        }
    }

    /// Every rule and fact that the cases ask about, with what is given in its place.
    fn rewrite(&mut self, set: &RuleSet, case: &Case) {
        for (rule, truth) in &case.hits {
            self.set.rules[rule.0].outcome = fixed(&set.rules[rule.0], *truth);
        }
        let derived_of = |record: RecordId, past: bool| -> BTreeMap<Arc<str>, FieldId> {
            let judged = case.rows.iter().map(|it| (it.record, &it.derived)).filter(|_| !past);
            let gone = case.past.iter().map(|it| (it.record, &it.derived)).filter(|_| past);
            let lineage = set.schema.lineage(record);
            let seen = judged.chain(gone).filter(|it| lineage.contains(&it.0));
            seen.flat_map(|(record, all)| all.keys().map(move |it| (record, it.clone())))
                .filter_map(|key| Some((key.1.clone(), *self.derived.get(&key)?)))
                .collect()
        };
        let given: BTreeSet<usize> = case.parameters.keys().copied().collect();
        let instead = self.instead.clone();
        let of = |derived: BTreeMap<Arc<str>, FieldId>| {
            let (instead, given) = (instead.clone(), given.clone());
            Rewriter::new(move |it: &E| replaced(set, it, &derived, &instead, &given))
        };
        let mut judged = of(derived_of(self.level, false));
        let mut rules = self.asked_rules();
        rules.extend(self.values.values().copied());
        rules.retain(|it| !case.hits.contains_key(it));
        let facts: Vec<FactId> = self.set.facts_of(&rules, true);
        for id in &rules {
            let rule = &mut self.set.rules[id.0];
            rule.outcome = judged.rewrite(&rule.outcome);
            rule.condition = judged.rewrite(&rule.condition);
            for it in &mut rule.exceptions {
                it.condition = judged.rewrite(&it.condition);
            }
            rule.score = rule.score.as_ref().map(|it| judged.rewrite(it));
            for it in &mut rule.show {
                it.1 = judged.rewrite(&it.1);
            }
            for it in &mut rule.because {
                if let crate::ir::Piece::Value(it) = it {
                    *it = judged.rewrite(it);
                }
            }
        }
        let level = outermost(&set.schema, self.level);
        for id in facts {
            let it = &mut self.set.facts[id.0];
            let inside = it.reach == Reach::All && it.statistic != Statistic::Latest;
            let mut rows = of(derived_of(it.rows, !inside));
            let theirs = outermost(&set.schema, it.rows);
            let pairs = it.keys.iter_mut().chain(&mut it.own).chain(&mut it.others);
            for pair in pairs.chain(&mut it.dates).chain(&mut it.instants) {
                *pair = (rows.rewrite(&pair.0), judged.rewrite(&pair.1));
            }
            for single in [&mut it.filter, &mut it.value, &mut it.weight, &mut it.known_from] {
                *single = single.as_ref().map(|it| rows.rewrite(it));
            }
            for from in &mut it.results_from {
                *from = rows.rewrite(from);
            }
            let case = |record: RecordId| column(self.case[&record], Type::Whole);
            it.keys.push((case(theirs), case(level)));
        }
    }

    /// The rules that stand for the values that a case expects, by their places in it.
    pub fn values_of(&self, id: CaseId) -> Vec<(usize, RuleId)> {
        self.values.iter().filter(|it| it.0.0 == id).map(|it| (it.0.1, *it.1)).collect()
    }

    /// The rules of the cases and those that they ask about.
    fn asked_rules(&self) -> Vec<RuleId> {
        let mut res = BTreeSet::new();
        for it in &self.rules {
            res.extend(crate::ir::given::with_asked(*it, &self.set.rules));
        }
        res.into_iter().collect()
    }
}

fn column(id: FieldId, ty: Type) -> E {
    let span = Span::file(crate::source::FileId(0));
    Arc::new(Expr { kind: Kind::Field(id), ty, span })
}

fn fixed(rule: &Rule, truth: Option<bool>) -> E {
    let kind = match truth {
        Some(it) => Kind::Literal(Value::Truth(it)),
        None => {
            let asked = vec![rule.id.to_string()];
            Kind::Open(Arc::new(OpenRows { asked, ..OpenRows::default() }))
        }
    };
    Arc::new(Expr { kind, ty: Type::Truth, span: rule.span })
}

/// What stands in the place of an expression, where a case gives it.
fn replaced(
    set: &RuleSet,
    it: &E,
    derived: &BTreeMap<Arc<str>, FieldId>,
    instead: &BTreeMap<Place, FieldId>,
    parameters: &BTreeSet<usize>,
) -> Option<E> {
    let node = |kind: Kind| Arc::new(Expr { kind, ty: it.ty.clone(), span: it.span });
    let field = |id: FieldId| node(Kind::Field(id));
    match &it.kind {
        Kind::Named(name, _) => {
            let place = Place::Profile(name.clone());
            let id = derived.get(name).or_else(|| instead.get(&place))?;
            Some(node(Kind::Named(name.clone(), field(*id))))
        }
        Kind::Fact(id) if set.facts[id.0].statistic == Statistic::Latest => {
            let place = Place::Relation(set.facts[id.0].words.clone());
            instead.get(&place).map(|it| field(*it))
        }
        Kind::Parameter(at, _) if parameters.contains(at) => Some(node(Kind::Parameter(*at, None))),
        Kind::Guard(..) => {
            let (key, op, limit) = relation::known_parts(set, it)?;
            let key = crate::ir::print::identity(key);
            let known = |place: &&Place| match place {
                Place::KnownFor(_, own) => **own == *key,
                Place::Profile(_) | Place::Relation(_) => false,
            };
            let id = instead.iter().find(|it| known(&it.0)).map(|it| *it.1)?;
            let since = column(id, Type::Date);
            let op: Comparison = op;
            Some(node(Kind::Compare(op, since, limit.clone())))
        }
        _ => None,
    }
}
