//! Maps. What they share with lists is in [`super::lists`].

use super::{Result, misuse, partial, total, whole};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub static FUNCTIONS: &[ScalarFunction] = &[
    total("keys", keys),
    total("values", values_of),
    total("has_key", has_key),
    partial("map_of", map_of),
    partial("map_put", map_put),
    total("map_remove", map_remove),
    partial("map_merge", map_merge),
];

type Entries = BTreeMap<Arc<str>, Value>;

/// Of a map, or of a json object.
fn keys(types: &CallTypes, values: &[Value]) -> Result {
    match values {
        [Value::Map(map)] => Ok(Value::List(map.keys().map(|key| Value::String(key.clone())).collect())),
        [Value::Json(json)] => {
            let names = json.as_object().map(|members| members.keys().map(Value::string).collect());
            Ok(names.map_or(Value::Null, Value::List))
        }
        _ => misuse(types),
    }
}

fn values_of(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Map(map)] = values else { return misuse(types) };
    Ok(Value::List(map.values().cloned().collect()))
}

fn has_key(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Map(map), Value::String(key)] = values else { return misuse(types) };
    Ok(Value::Bool(map.contains_key(key)))
}

fn map_of(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::List(keys), Value::List(items)] = values else { return misuse(types) };
    if keys.len() != items.len() {
        return Err(format!("a map of {} keys cannot have {} values", keys.len(), items.len()));
    }
    let mut map = Entries::new();
    for (key, item) in keys.iter().zip(items.iter()) {
        let Value::String(key) = key else { return misuse(types) };
        map.insert(key.clone(), item.clone());
    }
    whole(Value::Map(Arc::new(map)), "map")
}

fn map_put(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Map(map), Value::String(key), value] = values else { return misuse(types) };
    let mut map = Entries::clone(map);
    map.insert(key.clone(), value.clone());
    whole(Value::Map(Arc::new(map)), "map")
}

fn map_remove(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Map(map), Value::String(key)] = values else { return misuse(types) };
    let mut map = Entries::clone(map);
    map.remove(key);
    Ok(Value::Map(Arc::new(map)))
}

fn map_merge(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Map(first), Value::Map(second)] = values else { return misuse(types) };
    let mut map = Entries::clone(first);
    map.extend(second.iter().map(|(key, value)| (key.clone(), value.clone())));
    whole(Value::Map(Arc::new(map)), "map")
}
