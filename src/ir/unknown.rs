//! What to say of a name that nothing has.

use crate::diagnostic::Code;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::did_you_mean;
use crate::ir::E;
use crate::ir::from_schema;
use crate::ir::lower::Lowering;
use crate::ir::lower::Scope;
use crate::schema::Type;
use crate::syntax::ast;
use crate::value::country;

impl Lowering<'_> {
    pub fn unknown_qualifier(&mut self, record: &ast::Name, scope: &Scope) -> E {
        let relations = self
            .schema
            .lineage(scope.record)
            .into_iter()
            .flat_map(|it| self.schema.record(it).refers.iter().map(|it| it.name.clone()))
            .collect::<Vec<String>>();
        let names = self
            .schema
            .records
            .iter()
            .map(|it| it.name.clone())
            .chain(self.profiles.keys().map(|it| (*it).to_owned()))
            .chain(relations)
            .collect::<Vec<String>>();
        let help = did_you_mean(&record.text, names.iter().map(String::as_str))
            .unwrap_or_else(|| "declare it: a `profile`, or `refers` in the schema".to_owned());
        let message = format!("unknown record, relation or profile `{}`", record.text);
        self.push(Diagnostic::new(Code::T2101, record.span, message).help(help));
        self.error(record.span)
    }

    pub fn unknown(&mut self, name: &ast::Name, expected: Option<&Type>, scope: &Scope) -> E {
        if let Some(it) = expected.and_then(|it| unknown_word(name, it)) {
            self.push(it);
            return self.error(name.span);
        }
        let lineage = self.schema.lineage(scope.record);
        let fields: Vec<String> = lineage
            .iter()
            .flat_map(|it| self.schema.record(*it).fields.iter().map(|it| it.name.clone()))
            .chain(
                self.derived.keys().filter(|it| lineage.contains(&it.0)).map(|it| it.1.to_owned()),
            )
            .chain(self.parameters.iter().map(|it| it.name.to_string()))
            .chain(self.defines.keys().map(|it| (*it).to_owned()))
            .chain(scope.arguments.keys().cloned())
            .collect();
        let record = &self.schema.record(scope.record).name;
        let renamed = lineage
            .iter()
            .flat_map(|it| &self.schema.record(*it).fields)
            .find(|it| it.formerly.as_deref() == Some(name.text.as_str()));
        let help = match renamed {
            Some(field) => format!("it is called `{}` now", field.name),
            None => did_you_mean(&name.text, fields.iter().map(String::as_str))
                .unwrap_or_else(|| format!("declare it as a field of `{record}` in the schema")),
        };
        let message = format!("unknown name `{}`", name.text);
        self.push(
            Diagnostic::new(Code::T2101, name.span, message)
                .here(format!("not a field of `{record}`"))
                .help(help),
        );
        self.error(name.span)
    }
}

fn unknown_word(name: &ast::Name, expected: &Type) -> Option<Diagnostic> {
    match expected {
        Type::Country => Some(from_schema::unknown_country(name)),
        Type::Currency => {
            let message = format!("unknown currency `{}`", name.text);
            let help = did_you_mean(&name.text, country::CURRENCIES.iter().copied())
                .unwrap_or_else(|| "write the three letters of ISO 4217, such as `EUR`".into());
            Some(Diagnostic::new(Code::T2107, name.span, message).help(help))
        }
        Type::Choice(choice) => {
            let message = format!("`{}` is not one of {}", name.text, choice.name);
            let help = did_you_mean(&name.text, choice.values.iter().map(String::as_str))
                .unwrap_or_else(|| format!("its values are {}", choice.values.join(", ")));
            Some(Diagnostic::new(Code::T2107, name.span, message).help(help))
        }
        _ => None,
    }
}
