//! Which fields a file may have. Whoever fills a file in wrongly is told the field, and never finds out later that
//! what they wrote was not read.

use super::{node::Node, reading::Reading};

/// What may stand somewhere.
#[derive(Debug)]
pub enum Shape {
    /// A value without fields of its own, or a list of such.
    Value,
    /// Anything: nobody reads it.
    Anything,
    /// An object with these fields and no other.
    Object(&'static [Field]),
    /// A list of such.
    List(&'static Shape),
    /// An object whose field names are data.
    Map(&'static Shape),
}

/// A field that a file may have.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What may stand in it.
    pub shape: Shape,
    /// Whether anybody reads it.
    pub read: bool,
}

/// Declares an object: each of its fields is `read` or `unused`, and is a value unless it says otherwise.
macro_rules! object {
    ($($usage:ident $name:ident $(: $shape:expr)?;)*) => {
        $crate::files::schema::Shape::Object(&[$($crate::files::schema::Field {
            name: stringify!($name),
            shape: $crate::files::schema::object!(@shape $($shape)?),
            read: $crate::files::schema::object!(@ $usage),
        },)*])
    };
    (@shape) => { $crate::files::schema::Shape::Value };
    (@shape $shape:expr) => { $shape };
    (@ read) => { true };
    (@ unused) => { false };
}
pub(super) use object;

/// The rule behind every field that is refused.
pub const SCHEMA: &str = "the file's schema";
const NO_PATIENTS: &str = "GDPR Art 9: no patient data";

impl Shape {
    /// Every field of `node` that the shape does not have is wrong. Gives those that are there and that nobody reads,
    /// by their path below `node`, those of all entries of a list as one: `providers[].note`.
    pub fn check(&self, node: &Node, path: &str, reading: &mut Reading) -> Vec<String> {
        let mut unused = Vec::new();
        self.walk(node, path, reading, &mut |found| {
            let below = found.strip_prefix(path).unwrap_or(found).trim_start_matches('.');
            let digits_left_out = below.split('[').map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
            let name = digits_left_out.collect::<Vec<_>>().join("[");
            if !unused.contains(&name) {
                unused.push(name);
            }
        });
        unused
    }

    fn walk(&self, node: &Node, path: &str, reading: &mut Reading, unused: &mut dyn FnMut(&str)) {
        match (self, node) {
            (Self::Value, Node::Object(_)) => {
                reading.wrong(path, SCHEMA, "is an object, and this field has none below it")
            }
            (Self::Value, Node::List(entries)) => {
                for (i, entry) in entries.iter().enumerate() {
                    Self::Value.walk(entry, &format!("{path}[{i}]"), reading, unused);
                }
            }
            (Self::List(shape), Node::List(entries)) => {
                for (i, entry) in entries.iter().enumerate() {
                    shape.walk(entry, &format!("{path}[{i}]"), reading, unused);
                }
            }
            (Self::Map(shape), Node::Object(fields)) => {
                for (name, value) in fields {
                    shape.walk(value, &below(path, name), reading, unused);
                }
            }
            (Self::Object(known), Node::Object(fields)) => {
                for (name, value) in fields {
                    let path = below(path, name);
                    match known.iter().find(|field| field.name == name) {
                        Some(field) if field.read => field.shape.walk(value, &path, reading, unused),
                        Some(field) => {
                            unused(&path);
                            field.shape.walk(value, &path, reading, &mut |_| {});
                        }
                        None => refuse(&path, name, known, reading),
                    }
                }
            }
            // What a value must be is said where it is read.
            (Self::Anything | Self::Value | Self::Object(_) | Self::List(_) | Self::Map(_), _) => {}
        }
    }
}

/// The path of a field below `path`.
pub fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn refuse(path: &str, name: &str, known: &[Field], reading: &mut Reading) {
    if name.to_lowercase().contains("patient") {
        return reading.wrong(
            path,
            NO_PATIENTS,
            "is no field of the schema; patient data must not be sent: give counts",
        );
    }
    let near = known.iter().find(|field| is_near(field.name, name));
    let meant = near.map_or_else(String::new, |field| format!("; '{}' is one", field.name));
    reading.wrong(path, SCHEMA, format_args!("is no field of the schema{meant}"));
}

/// Whether two names are the same but for one letter too many, too few, or wrong, or two that changed places.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.to_lowercase().chars().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = |of: &[char], skip: usize| of.get(same + skip..).map(<[char]>::to_vec);
    let swapped = || {
        let (Some([a1, a2]), Some([b1, b2])) = (a.get(same..same + 2), b.get(same..same + 2)) else { return false };
        a1 == b2 && a2 == b1 && rest(&a, 2) == rest(&b, 2)
    };
    a == b
        || [(1, 0), (0, 1), (1, 1)].iter().any(|(of_a, of_b)| {
            let (rest_a, rest_b) = (rest(&a, *of_a), rest(&b, *of_b));
            rest_a.is_some() && rest_a == rest_b
        })
        || swapped()
}
