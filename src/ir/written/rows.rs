//! What is said of names and of many rows.

use std::sync::Arc;

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::ir::E;
use crate::ir::Kind;
use crate::ir::from_schema::Derived;
use crate::ir::lower::Scope;
use crate::ir::written::Place;
use crate::ir::written::Writer;
use crate::ir::written::literal;
use crate::schema::RecordId;
use crate::schema::Type;
use crate::syntax::ast;
use crate::syntax::ast::Quantifier;
use crate::syntax::ast::Statistic;

impl<'a> Writer<'a> {
    pub fn path(&mut self, path: &[ast::Name], typed: &E, at: &Place) -> Json {
        match path {
            [name] => self.name(name, typed, at),
            [this, name] if this.text == "this" => match at.judged.clone() {
                Some(judged) => self.judged(name, &judged),
                None => self.name(name, typed, at),
            },
            [first, name] => self.qualified(first, name, typed, at),
            _ => json!({"kind": "error"}),
        }
    }

    fn judged(&mut self, name: &ast::Name, judged: &Place) -> Json {
        let path = ast::ExprKind::Path(vec![name.clone()]);
        let expr = ast::Expr { kind: path, span: name.span };
        json!({"kind": "judged", "value": self.node(&expr, None, judged)})
    }

    fn name(&mut self, name: &ast::Name, typed: &E, at: &Place) -> Json {
        if let Some(it) = at.arguments.get(&name.text) {
            return it.clone();
        }
        if let Some(judged) = at.judged.clone()
            && judged.arguments.contains_key(&name.text)
        {
            return self.judged(name, &judged);
        }
        let lineage = self.lowering.schema.lineage(at.scope.record);
        match &typed.kind {
            Kind::Field(_) | Kind::Literal(_) => return self.leaf(typed),
            Kind::Total(it) => return json!({"kind": "total", "of": it.words()}),
            _ => {}
        }
        let derived = lineage.into_iter().find_map(|it| self.derived(it, &name.text));
        if let Some(it) = derived {
            return self.derived_value(it);
        }
        if let Kind::Parameter(..) = &typed.kind {
            return json!({"kind": "parameter", "name": name.text});
        }
        self.definition(name, &[], at)
    }

    fn derived(&self, record: RecordId, name: &str) -> Option<&'a Derived> {
        self.lowering.derived.get(&(record, name)).copied()
    }

    fn leaf(&self, typed: &E) -> Json {
        let Kind::Field(id) = &typed.kind else { return literal(typed) };
        let field = &self.lowering.schema.field(*id).name;
        json!({"kind": "field", "record": self.record(id.record), "field": field})
    }

    fn derived_value(&mut self, it: &Derived) -> Json {
        let value = self.node(&it.value, None, &Place::of(it.record));
        let record = self.record(it.record);
        json!({"kind": "derived", "record": record, "field": it.name.text, "value": value})
    }

    /// A derived field of the schema.
    pub fn derived_field(&mut self, it: &Derived) -> Json {
        let mut node = self.derived_value(it);
        if let Json::Object(it) = &mut node {
            it.remove("kind");
        }
        node
    }

    /// A stored or derived field of this very record.
    fn own(&mut self, record: RecordId, name: &ast::Name) -> Json {
        if let Some(id) = self.lowering.schema.find_field(record, &name.text) {
            let field = json!({
                "kind": "field", "record": self.record(record), "field": name.text,
            });
            let ty = self.lowering.schema.field(id).ty.clone();
            return self.placed(field, &ty, name.span);
        }
        let Some(derived) = self.derived(record, &name.text) else {
            return json!({"kind": "error"});
        };
        let node = self.derived_value(derived);
        let ty = self.typed(&derived.value, None, &Place::of(record)).ty.clone();
        self.placed(node, &ty, name.span)
    }

    fn qualified(&mut self, first: &ast::Name, name: &ast::Name, typed: &E, at: &Place) -> Json {
        if let Some(block) = self.lowering.profiles.get(first.text.as_str()).copied() {
            return self.profile(block, first, name, at);
        }
        let lineage = self.lowering.schema.lineage(at.scope.record);
        let refers = lineage.iter().find_map(|record| {
            let all = &self.lowering.schema.record(*record).refers;
            all.iter().find(|it| it.name == first.text).map(|it| (*record, it.clone()))
        });
        if let Some((record, refers)) = refers {
            let by = ast::Name { text: refers.by.clone(), span: first.span };
            return json!({
                "kind": "related", "relation": refers.name,
                "by": self.own(record, &by),
                "to": self.record(refers.to).to_owned(),
                "value": self.own(refers.to, name),
            });
        }
        match self.lowering.schema.find_record(&first.text) {
            Some(record) => self.own(record, name),
            None => self.leaf(typed),
        }
    }

    pub fn call(&mut self, name: &ast::Name, arguments: &[ast::Expr], at: &Place) -> Json {
        if self.lowering.defines.contains_key(name.text.as_str()) {
            return self.definition(name, arguments, at);
        }
        if let (true, [ast::Expr { kind: ast::ExprKind::Path(path), .. }]) =
            (name.text == "hit", arguments)
        {
            let rule = path.first().map(|it| it.text.as_str());
            return json!({"kind": "hit", "rule": rule});
        }
        let arguments = self.nodes(arguments, None, at);
        json!({"kind": "call", "function": name.text, "arguments": arguments})
    }

    fn definition(&mut self, name: &ast::Name, arguments: &[ast::Expr], at: &Place) -> Json {
        let Some(block) = self.lowering.defines.get(name.text.as_str()).copied() else {
            return json!({"kind": "error"});
        };
        let ast::Head::Define { formals, .. } = &block.head else {
            return json!({"kind": "error"});
        };
        let mut inner = self.level_of(block, at);
        for (formal, argument) in formals.iter().zip(arguments) {
            let mut quiet = Vec::new();
            let schema = self.lowering.schema.clone();
            let ty = crate::ir::from_schema::ty(&formal.ty, &schema, &mut quiet);
            let typed = self.typed(argument, Some(&ty), at);
            inner.scope.arguments.insert(formal.name.text.clone(), typed);
            let node = self.node(argument, Some(&ty), at);
            inner.arguments.insert(formal.name.text.clone(), node);
        }
        let value = self.definition_value(block, &inner);
        json!({"kind": "definition", "name": name.text, "value": value})
    }

    /// The place of a definition's body: its level, no arguments but its own.
    fn level_of(&self, block: &ast::Block, at: &Place) -> Place {
        let named = block.lines.iter().find_map(|line| match &line.kind {
            ast::LineKind::For { record, .. } => self.lowering.schema.find_record(&record.text),
            _ => None,
        });
        let record = named.unwrap_or(at.scope.record);
        let bare = |it: &Arc<Scope>| {
            Arc::new(Scope { arguments: std::collections::BTreeMap::new(), ..(**it).clone() })
        };
        let mut res = Place::of(record);
        res.scope.judged = at.scope.judged.as_ref().map(bare);
        res.scope.valid = at.scope.valid;
        res.judged = at.judged.as_ref().map(|it| {
            let arguments = std::collections::BTreeMap::new();
            let mut bare = Place { arguments, ..(**it).clone() };
            bare.scope.arguments.clear();
            Arc::new(bare)
        });
        res
    }

    pub fn lookup(&mut self, base: &ast::Expr, column: &ast::Name, at: &Place) -> Json {
        let ast::ExprKind::Call { arguments, .. } = &base.kind else {
            return json!({"kind": "error"});
        };
        let list = match arguments.first().map(|it| &it.kind) {
            Some(ast::ExprKind::Path(path)) if path.len() == 1 => &path[0],
            Some(ast::ExprKind::List(name)) => name,
            _ => return json!({"kind": "error"}),
        };
        let found = self.lowering.lists.iter().find(|it| *it.name == list.text);
        let keys: Vec<Type> = found
            .map(|it| it.key.iter().map(|at| it.columns[*at].ty.clone()).collect())
            .unwrap_or_default();
        let mut nodes = Vec::new();
        for (ty, argument) in keys.iter().zip(arguments.iter().skip(1)) {
            nodes.push(self.node(argument, Some(ty), at));
        }
        json!({"kind": "lookup", "list": list.text, "keys": nodes, "column": column.text})
    }

    /// Which rows, and the place of a condition on one of them.
    fn rows(&mut self, rows: &ast::Rows, at: &Place) -> Option<(Map<String, Json>, Place)> {
        let record = self.lowering.record_of_rows(&rows.record)?;
        let mut inner = Place::of(record);
        inner.scope.judged = Some(Arc::new(at.scope.clone()));
        inner.scope.valid = at.scope.valid;
        inner.judged = Some(Arc::new(at.clone()));
        let mut res = Map::new();
        res.insert("record".to_owned(), json!(self.record(record)));
        res.insert("past".to_owned(), json!(rows.past));
        let others = rows.others.as_ref().map(|by| {
            let name = by.clone().unwrap_or_else(|| ast::Name {
                text: "importer_id".to_owned(),
                span: rows.record.span,
            });
            let path = ast::ExprKind::Path(vec![name]);
            self.pair(&ast::Expr { kind: path, span: rows.record.span }, &inner, at)
        });
        res.insert("others".to_owned(), json!(others));
        let filter = rows.filter.as_ref().map(|it| self.node(it, None, &inner));
        res.insert("where".to_owned(), json!(filter));
        res.insert("same".to_owned(), json!(self.pairs(&rows.same, &inner, at)));
        let window = match &rows.window {
            None => Json::Null,
            Some(ast::Window::SameDay) => json!("same day"),
            Some(ast::Window::Last(it)) => self.node(it, None, at),
        };
        res.insert("window".to_owned(), window);
        res.insert("partial".to_owned(), json!(rows.partial));
        let smoothed = rows.smoothed.as_ref().map(|it| {
            let towards = it.towards.as_ref().map(|it| self.node(it, None, at));
            json!({"by": self.node(&it.by, None, at), "towards": towards})
        });
        res.insert("smoothed".to_owned(), json!(smoothed));
        Some((res, inner))
    }

    /// A key of the rows, and of the judged row.
    fn pair(&mut self, it: &ast::Expr, inner: &Place, outer: &Place) -> Json {
        json!({"rows": self.node(it, None, inner), "judged": self.node(it, None, outer)})
    }

    fn pairs(&mut self, all: &[ast::Expr], inner: &Place, outer: &Place) -> Vec<Json> {
        all.iter().map(|it| self.pair(it, inner, outer)).collect()
    }

    pub fn aggregate(&mut self, it: &ast::Aggregate, at: &Place) -> Json {
        let Some((rows, inner)) = self.rows(&it.rows, at) else { return json!({"kind": "error"}) };
        let (value, weight) = self.measure(it.measure.as_ref(), &inner);
        json!({
            "kind": "statistic", "statistic": statistic(it.statistic), "rank": rank(it.statistic),
            "value": value, "weight": weight, "rows": rows,
        })
    }

    fn measure(&mut self, it: Option<&ast::Measure>, inner: &Place) -> (Json, Json) {
        let Some(it) = it else { return (Json::Null, Json::Null) };
        let weight = it.weight.as_ref().map(|it| self.node(it, None, inner));
        (self.node(&it.value, None, inner), json!(weight))
    }

    pub fn quantified(
        &mut self,
        quantifier: Quantifier,
        condition: &ast::Expr,
        rows: &ast::Rows,
        at: &Place,
    ) -> Json {
        let Some((rows, inner)) = self.rows(rows, at) else { return json!({"kind": "error"}) };
        let (word, n) = match quantifier {
            Quantifier::Any => ("any", None),
            Quantifier::Every => ("every", None),
            Quantifier::No => ("no", None),
            Quantifier::AtLeast(n) => ("at least", Some(n)),
            Quantifier::AtMost(n) => ("at most", Some(n)),
            Quantifier::Exactly(n) => ("exactly", Some(n)),
        };
        let condition = self.node(condition, None, &inner);
        json!({
            "kind": "quantified", "quantifier": word, "n": n, "condition": condition, "rows": rows,
        })
    }

    pub fn known_for(
        &mut self,
        value: &ast::Expr,
        op: ast::TestOp,
        duration: &ast::Expr,
        at: &Place,
    ) -> Json {
        let Some((record, _)) = self.lowering.known_of(value, &at.scope) else {
            return json!({"kind": "error"});
        };
        let op = match op {
            ast::TestOp::Less => "<",
            ast::TestOp::LessOrEqual => "<=",
            ast::TestOp::GreaterOrEqual => ">=",
            _ => ">",
        };
        let key = match self.referring(value, at) {
            Some(name) => {
                let path = ast::ExprKind::Path(vec![name]);
                self.node(&ast::Expr { kind: path, span: value.span }, None, at)
            }
            None => self.node(value, None, at),
        };
        json!({
            "kind": "known_for", "record": self.record(record), "value": key, "op": op,
            "duration": self.node(duration, None, at),
        })
    }

    /// The field behind the name of a relation.
    fn referring(&self, value: &ast::Expr, at: &Place) -> Option<ast::Name> {
        let ast::ExprKind::Path(path) = &value.kind else { return None };
        let [name] = path.as_slice() else { return None };
        let schema = &self.lowering.schema;
        let lineage = schema.lineage(at.scope.record);
        let mut refers = lineage.iter().flat_map(|it| &schema.record(*it).refers);
        let by = refers.find(|it| it.name == name.text)?.by.clone();
        Some(ast::Name { text: by, span: value.span })
    }

    fn profile(
        &mut self,
        block: &ast::Block,
        name: &ast::Name,
        asked: &ast::Name,
        at: &Place,
    ) -> Json {
        let of = block.lines.iter().find_map(|it| match &it.kind {
            ast::LineKind::Of(measure, rows) => Some((measure, rows)),
            _ => None,
        });
        let Some((measure, rows)) = of else { return json!({"kind": "error"}) };
        let Some((mut res, inner)) = self.rows(rows, at) else { return json!({"kind": "error"}) };
        let (value, weight) = self.measure(Some(measure), &inner);
        let (mut groups, mut exact, mut require) = (Vec::new(), false, Json::Null);
        for line in &block.lines {
            match &line.kind {
                ast::LineKind::By { keys, .. } => {
                    let words: Vec<String> =
                        keys.iter().map(|it| self.lowering.words(it)).collect();
                    let keys = self.pairs(keys, &inner, at);
                    groups.push(json!({"level": words.join(", "), "same": keys}));
                }
                ast::LineKind::Window(it) => {
                    res.insert("window".to_owned(), self.node(it, None, at));
                }
                ast::LineKind::Refresh { exact: it } => exact = *it,
                ast::LineKind::AllowPartial => {
                    res.insert("partial".to_owned(), json!(true));
                }
                ast::LineKind::Require { values, support } => {
                    let support = support.as_ref().map(
                        |(least, key)| json!({"values": least, "of": self.node(key, None, &inner)}),
                    );
                    require = json!({"values": values, "support": support});
                }
                _ => {}
            }
        }
        let node = json!({
            "kind": "profile", "profile": name.text, "statistic": asked.text, "value": value,
            "weight": weight, "rows": res, "groups": groups, "exact": exact, "require": require,
        });
        node
    }
}

fn statistic(it: Statistic) -> &'static str {
    match it {
        Statistic::Count => "count",
        Statistic::DistinctCount => "distinct count",
        Statistic::Sum => "sum",
        Statistic::Average => "average",
        Statistic::Percentile(_) => "percentile",
        Statistic::Smallest => "smallest",
        Statistic::Largest => "largest",
        Statistic::Share => "share",
        Statistic::FirstDate => "first date",
        Statistic::LastDate => "last date",
    }
}

fn rank(it: Statistic) -> Option<u32> {
    match it {
        Statistic::Percentile(it) => Some(it),
        Statistic::Count
        | Statistic::DistinctCount
        | Statistic::Sum
        | Statistic::Average
        | Statistic::Smallest
        | Statistic::Largest
        | Statistic::Share
        | Statistic::FirstDate
        | Statistic::LastDate => None,
    }
}
