//! Rules and the bodies of definitions: bullets, dates, and what follows.

use serde_json::Value as Json;
use serde_json::json;

use crate::ir::written::Place;
use crate::ir::written::Writer;
use crate::ir::written::types;
use crate::schema::Type;
use crate::syntax::ast;
use crate::value::calendar;

impl Writer<'_> {
    /// A rule; nothing of other blocks.
    pub fn rule(&mut self, block: &ast::Block) -> Option<Json> {
        let ast::Head::Rule { name, title } = &block.head else { return None };
        let level = self.lowering.level(name, block)?;
        let mut at = Place::of(level);
        let (from, to) = validity(block);
        at.scope.valid = (from, to);
        let mut res = json!({
            "id": name.text, "title": title.as_ref().map(|it| it.text.as_str()),
            "level": self.record(level),
            "valid": {"from": types::day(from), "to": types::day(to)},
            "status": meta(block, ast::MetaKey::Status).first(),
            "tags": meta(block, ast::MetaKey::Tags),
            "file": self.lowering.sources.get(block.span.file).path,
            "line": self.lowering.sources.place(block.span).line,
            "when": Json::Null, "unless": [], "score": Json::Null, "channel": Json::Null,
            "mandatory": false, "show": [], "because": [],
        });
        for (index, line) in block.lines.iter().enumerate() {
            let bullets = &block.lines[index + 1..];
            match &line.kind {
                ast::LineKind::When(body) => res["when"] = self.body(body, bullets, 1, &at),
                ast::LineKind::Unless(body) => res["unless"] = self.exceptions(body, bullets, &at),
                ast::LineKind::Score(it) => res["score"] = self.node(it, None, &at),
                ast::LineKind::Channel { name, mandatory } => {
                    res["channel"] = json!(name.text);
                    res["mandatory"] = json!(mandatory);
                }
                ast::LineKind::Show(all) => res["show"] = json!(self.nodes(all, None, &at)),
                ast::LineKind::Because(it) => res["because"] = self.message(it, &at),
                _ => {}
            }
        }
        Some(res)
    }

    fn message(&mut self, it: &ast::Message, at: &Place) -> Json {
        let mut piece = |it: &ast::Piece| match it {
            ast::Piece::Text(it) => json!(it),
            ast::Piece::Value(it) => self.node(it, None, at),
        };
        json!(it.pieces.iter().map(&mut piece).collect::<Vec<Json>>())
    }

    /// What a definition says.
    pub fn definition_value(&mut self, block: &ast::Block, at: &Place) -> Json {
        for (index, line) in block.lines.iter().enumerate() {
            if let ast::LineKind::As(body) = &line.kind {
                return self.body(body, &block.lines[index + 1..], 1, at);
            }
        }
        json!({"kind": "error"})
    }

    fn body(&mut self, body: &ast::Body, lines: &[ast::Line], depth: u8, at: &Place) -> Json {
        let (combiner, span) = match body {
            ast::Body::Expr(it) => return self.node(it, None, at),
            ast::Body::Combiner(combiner, span) => (*combiner, *span),
        };
        let parts = self.bullets(lines, depth, at);
        let node = match combiner {
            ast::Combiner::All => json!({"kind": "all", "parts": parts}),
            ast::Combiner::Any => json!({"kind": "any", "parts": parts}),
            ast::Combiner::None => json!({"kind": "none", "parts": parts}),
            ast::Combiner::AtLeast(n) => json!({"kind": "at_least", "n": n, "parts": parts}),
        };
        self.placed(node, &Type::Truth, span)
    }

    /// The bullets of `depth`; one with dates is a node of its own around what it says.
    fn bullets(&mut self, lines: &[ast::Line], depth: u8, at: &Place) -> Vec<Json> {
        let mut res = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let ast::LineKind::Bullet(bullet) = &line.kind else { break };
            if bullet.depth < depth {
                break;
            }
            if depth < bullet.depth {
                continue;
            }
            let mut node = self.body(&bullet.body, &lines[index + 1..], depth + 1, at);
            if bullet.since.is_some() || bullet.until.is_some() {
                let dated = json!({
                    "kind": "dated", "since": types::day(day(bullet.since.as_ref())),
                    "until": types::day(day(bullet.until.as_ref())), "part": node,
                });
                node = self.placed(dated, &Type::Truth, line.span);
            }
            if let Some(name) = &bullet.name {
                node["bullet"] = json!(name.text);
            }
            res.push(node);
        }
        res
    }

    fn exceptions(&mut self, body: &ast::Body, lines: &[ast::Line], at: &Place) -> Json {
        match body {
            ast::Body::Combiner(ast::Combiner::Any, _) => json!(self.bullets(lines, 1, at)),
            _ => json!([self.body(body, lines, 1, at)]),
        }
    }
}

fn day(it: Option<&ast::Date>) -> Option<i32> {
    it.and_then(|it| calendar::days(it.date))
}

fn validity(block: &ast::Block) -> (Option<i32>, Option<i32>) {
    let found = block.lines.iter().find_map(|it| match &it.kind {
        ast::LineKind::Valid { from, to } => Some((day(from.as_ref()), day(to.as_ref()))),
        _ => None,
    });
    found.unwrap_or((None, None))
}

fn meta(block: &ast::Block, wanted: ast::MetaKey) -> Vec<String> {
    let values = block.lines.iter().filter_map(|line| match &line.kind {
        ast::LineKind::Meta { key, values } if *key == wanted => Some(values),
        _ => None,
    });
    let text = |it: &ast::MetaValue| match it {
        ast::MetaValue::Text(it) => it.text.clone(),
        ast::MetaValue::Date(it) => it.date.to_string(),
        ast::MetaValue::Name(it) => it.text.clone(),
    };
    values.flatten().map(text).collect()
}
