//! What the values of one place of the input look like: of which kinds they are, how often they are missing, and what
//! is inside.

use super::scalars::{Scalars, Seen};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Records and lists inside of more of them are not looked into.
const MOST_LEVELS: usize = 8;
/// With more keys than this, or with so many of which each is rare, an object is a map.
const MOST_FIELDS: usize = 200;
const FEW_FIELDS: usize = 20;
/// Fields of the rows themselves, which are no map; the others are left out.
const MOST_COLUMNS: usize = 2000;

#[derive(Default)]
pub struct Shape {
    /// Values, nulls among them.
    pub n: u64,
    pub nulls: u64,
    pub bools: u64,
    pub numbers: Scalars,
    pub texts: Scalars,
    pub lists: u64,
    pub records: u64,
    /// Of lists, and of objects that are maps.
    pub elements: Option<Box<Shape>>,
    pub fields: Fields,
    /// Whether something inside was not looked at.
    pub is_deep: bool,
}

impl Shape {
    pub fn add(&mut self, json: &Json, level: usize) {
        self.n += 1;
        match json {
            Json::Null => self.nulls += 1,
            Json::Bool(_) => self.bools += 1,
            Json::Number(_) => self.numbers.add(Seen::Json(json)),
            Json::String(_) => self.texts.add(Seen::Json(json)),
            Json::Array(elements) => {
                self.lists += 1;
                if level == MOST_LEVELS {
                    self.is_deep = true;
                    return;
                }
                let all = self.elements.get_or_insert_default();
                elements.iter().for_each(|element| all.add(element, level + 1));
            }
            Json::Object(members) => {
                self.records += 1;
                if level == MOST_LEVELS {
                    self.is_deep = true;
                    return;
                }
                self.fields.n += 1;
                for (name, value) in members {
                    match &mut self.elements {
                        // Objects that are a map have no fields of their own.
                        Some(values) if self.lists == 0 => values.add(value, level + 1),
                        _ => self.fields.add(name, value, level + 1),
                    }
                }
                if self.fields.named.len() > MOST_FIELDS && self.lists == 0 {
                    self.become_map();
                }
            }
        }
    }

    /// A field between delimiters; one with nothing in it is absent.
    pub fn add_cell(&mut self, text: &str) {
        self.n += 1;
        if text.is_empty() {
            self.nulls += 1;
        } else {
            self.texts.add(Seen::Cell(text));
        }
    }

    /// Takes objects of many keys, each of which is rare, for maps.
    pub fn find_maps(&mut self) {
        self.elements.iter_mut().for_each(|elements| elements.find_maps());
        self.fields.named.iter_mut().for_each(|(_, field)| field.find_maps());
        let n_keys = self.fields.named.len();
        let n_values: u64 = self.fields.named.iter().map(|(_, field)| field.n).sum();
        if n_keys > FEW_FIELDS && n_values * 2 < self.fields.n * n_keys as u64 && self.lists == 0 {
            self.become_map();
        }
    }

    fn become_map(&mut self) {
        let values = self.elements.get_or_insert_default();
        std::mem::take(&mut self.fields.places);
        for (_, field) in std::mem::take(&mut self.fields.named) {
            values.merge(field);
        }
    }

    fn merge(&mut self, other: Shape) {
        self.n += other.n;
        self.nulls += other.nulls;
        self.bools += other.bools;
        self.numbers.merge(other.numbers);
        self.texts.merge(other.texts);
        self.lists += other.lists;
        self.records += other.records;
        self.is_deep |= other.is_deep;
        if let Some(elements) = other.elements {
            self.elements.get_or_insert_default().merge(*elements);
        }
        self.fields.n += other.fields.n;
        for (name, field) in other.fields.named {
            self.fields.place(&name).merge(field);
        }
        let is_map = self.elements.is_some() && self.lists == 0;
        if is_map && !self.fields.named.is_empty() {
            self.become_map();
        }
    }
}

/// The fields of records, in the order in which they came first.
#[derive(Default)]
pub struct Fields {
    /// Records.
    pub n: u64,
    pub named: Vec<(String, Shape)>,
    places: BTreeMap<String, usize>,
    /// Whether there were more fields than are remembered.
    pub is_cut: bool,
}

impl Fields {
    pub fn add(&mut self, name: &str, value: &Json, level: usize) {
        if let Some(shape) = self.column(name) {
            shape.add(value, level);
        }
    }

    /// What is known of a field; none where there are too many.
    pub fn column(&mut self, name: &str) -> Option<&mut Shape> {
        if self.named.len() >= MOST_COLUMNS && !self.places.contains_key(name) {
            self.is_cut = true;
            return None;
        }
        Some(self.place(name))
    }

    fn place(&mut self, name: &str) -> &mut Shape {
        let next = self.named.len();
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.places.insert(name.to_string(), next);
                self.named.push((name.to_string(), Shape::default()));
                next
            }
        };
        &mut self.named[place].1
    }

    /// What comes now is of another partition, which has an order of its own.
    pub fn begin_partition(&mut self) {
        for (_, field) in &mut self.named {
            field.numbers.begin_partition();
            field.texts.begin_partition();
        }
    }
}
