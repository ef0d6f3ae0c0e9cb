//! Places on the earth.

use super::{Result, misuse, partial, total};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::text::quote;
use millstream_ir::value::{Value, canonical_nan};

pub static FUNCTIONS: &[ScalarFunction] = &[
    total("haversine", haversine),
    total("bearing", bearing),
    partial("geohash", geohash),
    partial("geohash_latitude", |t, v| geohash_middle(t, v, |(latitude, _)| latitude)),
    partial("geohash_longitude", |t, v| geohash_middle(t, v, |(_, longitude)| longitude)),
    partial("in_polygon", in_polygon),
];

/// The earth's mean radius in meters.
const RADIUS: f64 = 6_371_008.8;

/// Latitude and longitude of two places, in radians.
fn two_places(types: &CallTypes, values: &[Value]) -> Result<[f64; 4]> {
    let [Value::Float(a), Value::Float(b), Value::Float(c), Value::Float(d)] = values else {
        return misuse(types);
    };
    Ok([*a, *b, *c, *d].map(|degrees| degrees * (std::f64::consts::PI / 180.0)))
}

fn haversine(types: &CallTypes, values: &[Value]) -> Result {
    let [latitude1, longitude1, latitude2, longitude2] = two_places(types, values)?;
    let half_square = |angle: f64| {
        let sine = libm::sin(angle / 2.0);
        sine * sine
    };
    let square = half_square(latitude2 - latitude1)
        + libm::cos(latitude1) * libm::cos(latitude2) * half_square(longitude2 - longitude1);
    // Rounding can lead beyond 1 for places opposite each other.
    let root = libm::sqrt(square);
    let angle = 2.0 * libm::asin(if root > 1.0 { 1.0 } else { root });
    Ok(Value::Float(canonical_nan(angle * RADIUS)))
}

fn bearing(types: &CallTypes, values: &[Value]) -> Result {
    let [latitude1, longitude1, latitude2, longitude2] = two_places(types, values)?;
    let east = longitude2 - longitude1;
    let y = libm::sin(east) * libm::cos(latitude2);
    let x = libm::cos(latitude1) * libm::sin(latitude2)
        - libm::sin(latitude1) * libm::cos(latitude2) * libm::cos(east);
    let degrees = libm::atan2(y, x) * (180.0 / std::f64::consts::PI);
    let turned = libm::fmod(degrees + 360.0, 360.0);
    Ok(Value::Float(canonical_nan(turned)))
}

const GEOHASH_DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// Each bit halves, by turns, the longitudes and the latitudes that are left.
struct Cell {
    latitudes: (f64, f64),
    longitudes: (f64, f64),
    of_longitude: bool,
}

impl Cell {
    fn whole_earth() -> Cell {
        Cell { latitudes: (-90.0, 90.0), longitudes: (-180.0, 180.0), of_longitude: true }
    }

    fn middle(&self) -> (f64, f64) {
        let middle = |(low, high): (f64, f64)| (low + high) / 2.0;
        (middle(self.latitudes), middle(self.longitudes))
    }

    fn halve(&mut self, upper: bool) {
        let (latitude, longitude) = self.middle();
        let (range, middle) = if self.of_longitude {
            (&mut self.longitudes, longitude)
        } else {
            (&mut self.latitudes, latitude)
        };
        if upper {
            range.0 = middle;
        } else {
            range.1 = middle;
        }
        self.of_longitude = !self.of_longitude;
    }
}

fn geohash(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Float(latitude), Value::Float(longitude), Value::Int(precision)] = values else {
        return misuse(types);
    };
    if !(-90.0..=90.0).contains(latitude) || !(-180.0..=180.0).contains(longitude) {
        return Err(format!("there is no place at latitude {latitude:?}, longitude {longitude:?}"));
    }
    if !(1..=12).contains(precision) {
        return Err(format!("a geohash has 1 to 12 characters, not {precision}"));
    }
    let mut cell = Cell::whole_earth();
    let mut result = String::new();
    for _ in 0..*precision {
        let mut digit = 0;
        for _ in 0..5 {
            let (middle_latitude, middle_longitude) = cell.middle();
            let upper =
                if cell.of_longitude { *longitude >= middle_longitude } else { *latitude >= middle_latitude };
            cell.halve(upper);
            digit = digit << 1 | upper as usize;
        }
        result.push(GEOHASH_DIGITS[digit & 31] as char);
    }
    Ok(Value::string(result))
}

fn geohash_middle(types: &CallTypes, values: &[Value], part: fn((f64, f64)) -> f64) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    let mut cell = Cell::whole_earth();
    for byte in text.bytes() {
        let digit = GEOHASH_DIGITS.iter().position(|d| *d == byte.to_ascii_lowercase());
        let digit = digit.ok_or_else(|| format!("{} is no geohash", quote(text)))?;
        (0..5).rev().for_each(|bit| cell.halve(digit >> bit & 1 == 1));
    }
    Ok(Value::Float(part(cell.middle())))
}

/// By how many sides a ray to the east crosses.
fn in_polygon(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Float(latitude), Value::Float(longitude), Value::List(corners)] = values else {
        return misuse(types);
    };
    let mut places = Vec::with_capacity(corners.len());
    for corner in corners.iter() {
        match corner {
            Value::List(place) => match &**place {
                [Value::Float(y), Value::Float(x)] => places.push((*y, *x)),
                _ => return Err("a corner is a list of a latitude and a longitude".to_string()),
            },
            _ => return misuse(types),
        }
    }
    let mut inside = false;
    let mut previous = places.last().copied();
    for place in places {
        if let Some((y1, x1)) = previous {
            let (y2, x2) = place;
            if (y1 > *latitude) != (y2 > *latitude)
                && *longitude < (x2 - x1) * (latitude - y1) / (y2 - y1) + x1
            {
                inside = !inside;
            }
        }
        previous = Some(place);
    }
    Ok(Value::Bool(inside))
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;
    use millstream_ir::types::Type;

    fn floats(numbers: &[f64]) -> Vec<(Value, Type)> {
        numbers.iter().map(|x| (Value::Float(*x), Type::FLOAT)).collect()
    }

    #[test]
    fn opposite_places_are_half_the_earth_apart() {
        let half = std::f64::consts::PI * RADIUS;
        match call("haversine", &floats(&[12.3, 45.6, -12.3, -134.4]), Type::FLOAT) {
            Ok(Value::Float(x)) => assert!((x - half).abs() < 1.0, "{x}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_geohash_leads_back_near_its_place() {
        for (latitude, longitude) in [(57.64911, 10.40744), (-89.9, 179.9), (0.0, 0.0), (90.0, -180.0)] {
            let mut arguments = floats(&[latitude, longitude]);
            arguments.push((Value::Int(12), Type::INT));
            let text = call("geohash", &arguments, Type::STRING).unwrap();
            for (name, expected) in [("geohash_latitude", latitude), ("geohash_longitude", longitude)] {
                match call(name, &[(text.clone(), Type::STRING)], Type::FLOAT) {
                    Ok(Value::Float(x)) => assert!((x - expected).abs() < 1e-5, "{x} {expected}"),
                    other => panic!("{other:?}"),
                }
            }
        }
        let mut nowhere = floats(&[91.0, f64::NAN]);
        nowhere.push((Value::Int(5), Type::INT));
        assert!(call("geohash", &nowhere, Type::STRING).is_err());
    }
}
