//! Typed files whose rows hold lists of rows: a record for each list of structs.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::UInt32Array;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::Fields;

use crate::data::columnar;
use crate::data::nested;
use crate::data::survey::guess::Marks;
use crate::data::survey::seen::Seen;

/// Rows in lists: the way to them from the rows around, and what they hold.
pub struct Child {
    /// `goods.items`
    pub within: String,
    pub columns: Vec<Seen>,
    pub children: Vec<Child>,
    pub unread: Vec<Unread>,
}

impl Child {
    pub fn remarks(&self) -> Vec<String> {
        let own = self.unread.iter().map(Unread::sentence);
        own.chain(self.children.iter().flat_map(Child::remarks)).collect()
    }
}

/// A column that no field can be made of.
#[derive(Debug, Clone)]
pub struct Unread {
    pub name: String,
    pub why: String,
}

impl Unread {
    pub fn sentence(&self) -> String {
        match self.name.as_str() {
            "" => format!("A column {}.", self.why),
            name => format!("Column `{name}` {}.", self.why),
        }
    }
}

/// Rows with their columns, and the lists in them.
pub struct Node {
    fields: Vec<Part>,
    next: u64,
}

enum Part {
    Column(Box<Seen>),
    List { way: Vec<String>, node: Node },
    Unread(Unread),
}

impl Node {
    pub fn of(fields: &Fields) -> Node {
        let parts = fields.iter().map(|it| Part::of(it.name(), it.data_type()));
        Node { fields: parts.collect(), next: 0 }
    }

    /// The columns of some rows; `around` is the number of the row that each stands in.
    pub fn see(&mut self, columns: &[ArrayRef], around: Option<&[u64]>) {
        let rows = columns.first().map_or(0, |it| it.len());
        for (part, column) in self.fields.iter_mut().zip(columns) {
            match part {
                Part::Column(seen) => see(seen, column, around),
                Part::List { way, node } => {
                    if let Some((inside, rows)) = opened(column, &way[1..], self.next) {
                        node.see(inside.as_struct().columns(), Some(&rows));
                    }
                }
                Part::Unread(_) => {}
            }
        }
        self.next += rows as u64;
    }

    /// What was seen of its columns, of the lists in it, and what cannot be read.
    pub fn end(self, marks: &Marks) -> (Vec<Seen>, Vec<Child>, Vec<Unread>) {
        let (mut columns, mut children, mut unread) = (Vec::new(), Vec::new(), Vec::new());
        for part in self.fields {
            match part {
                Part::Column(mut seen) => {
                    seen.conclude(marks);
                    match seen.refused() {
                        Some(found) => unread.push(Unread {
                            name: seen.name.clone(),
                            why: format!("is {found}: no field can be made of it"),
                        }),
                        None => columns.push(*seen),
                    }
                }
                Part::List { way, node } => {
                    let (columns, children_of, unread) = node.end(marks);
                    let within = way.join(".");
                    children.push(Child { within, columns, children: children_of, unread });
                }
                Part::Unread(it) => unread.push(it),
            }
        }
        (columns, children, unread)
    }
}

impl Part {
    fn of(name: &str, ty: &DataType) -> Part {
        if let Some((way, fields)) = list_of(name, ty) {
            return Part::List { way, node: Node::of(fields) };
        }
        if ty.is_nested() {
            let why = "is nested, and no list of structs: no field can be made of it".to_owned();
            return Part::Unread(Unread { name: name.to_owned(), why });
        }
        Part::Column(Box::new(Seen::new(name.to_owned(), Some(ty.clone()))))
    }
}

/// The way to a list of structs: the column itself, or the only one in it through structs.
fn list_of<'a>(name: &str, ty: &'a DataType) -> Option<(Vec<String>, &'a Fields)> {
    if let Some(fields) = nested::members(ty, true) {
        return Some((vec![name.to_owned()], fields));
    }
    let fields = nested::members(ty, false)?;
    let mut found = fields.iter().filter_map(|it| list_of(it.name(), it.data_type()));
    let (way, members) = found.next()?;
    Some((std::iter::once(name.to_owned()).chain(way).collect(), members))
}

fn see(seen: &mut Seen, column: &ArrayRef, around: Option<&[u64]>) {
    let Some(texts) = columnar::as_text(column) else { return };
    let texts = texts.as_string::<i32>();
    for at in 0..texts.len() {
        let cell = if texts.is_null(at) { "" } else { texts.value(at) };
        seen.add_within(cell, around.map(|it| it[at]));
    }
}

/// The structs in the lists at the end of the way, and for each the number of its row.
fn opened(column: &ArrayRef, way: &[String], first: u64) -> Option<(ArrayRef, Vec<u64>)> {
    let mut column = column.clone();
    let mut given: Vec<bool> = (0..column.len()).map(|it| column.is_valid(it)).collect();
    for step in way {
        let inside = column.as_struct_opt()?.column_by_name(step)?.clone();
        for (at, given) in given.iter_mut().enumerate() {
            *given &= inside.is_valid(at);
        }
        column = inside;
    }
    let list = nested::as_list(&column)?;
    let (outer, inner) = nested::opened(&list)?;
    let kept = |at: usize| given[outer.value(at) as usize] && inner.is_valid(at);
    let places: Vec<usize> = (0..outer.len()).filter(|at| kept(*at)).collect();
    let wanted: UInt32Array = places.iter().map(|at| inner.value(*at)).collect();
    let rows = places.iter().map(|at| first + u64::from(outer.value(*at))).collect();
    Some((take(list.values(), &wanted, None).ok()?, rows))
}
