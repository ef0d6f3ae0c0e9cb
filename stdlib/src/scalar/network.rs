//! IP addresses and URLs.

use super::{Result, misuse, partial, total};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::text::quote;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub static FUNCTIONS: &[ScalarFunction] = &[
    total("is_ip", |t, v| test(t, v, |s| s.parse::<IpAddr>().is_ok())),
    total("is_ipv4", |t, v| test(t, v, |s| s.parse::<Ipv4Addr>().is_ok())),
    total("is_ipv6", |t, v| test(t, v, |s| s.parse::<Ipv6Addr>().is_ok())),
    partial("is_private_ip", is_private_ip),
    partial("cidr_contains", cidr_contains),
    partial("ip_network", ip_network),
    partial("ip_to_int", ip_to_int),
    partial("ip_from_int", ip_from_int),
    total("url_scheme", |t, v| {
        url_part(t, v, |url| url.scheme.map(|s| Value::string(s.to_ascii_lowercase())))
    }),
    total("url_host", |t, v| url_part(t, v, |url| url.host().map(|s| Value::string(s.to_lowercase())))),
    total("url_port", |t, v| url_part(t, v, |url| url.port().map(Value::Int))),
    total("url_path", |t, v| url_part(t, v, |url| Some(Value::string(url.path)))),
    total("url_query", |t, v| url_part(t, v, |url| url.query.map(Value::string))),
    total("url_fragment", |t, v| url_part(t, v, |url| url.fragment.map(Value::string))),
    total("url_param", url_param),
    total("url_params", url_params),
    total("url_encode", url_encode),
    partial("url_decode", url_decode),
    total("email_domain", email_domain),
];

fn test(types: &CallTypes, values: &[Value], test: fn(&str) -> bool) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    Ok(Value::Bool(test(text)))
}

/// An IPv4 address written as IPv6 is that IPv4 address.
fn address(text: &str) -> Result<IpAddr> {
    let address: IpAddr = text.parse().map_err(|_| format!("{} is no IP address", quote(text)))?;
    Ok(address.to_canonical())
}

fn is_private_ip(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    Ok(Value::Bool(match address(text)? {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }))
}

/// The address as a number of so many bits.
fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(ip) => (ip.to_bits() as u128, 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    }
}

fn cidr_contains(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(network), Value::String(text)] = values else { return misuse(types) };
    let wrong = || format!("{} is no network such as \"10.0.0.0/8\"", quote(network));
    let (base, prefix) = network.split_once('/').ok_or_else(wrong)?;
    let base: IpAddr = base.parse().map_err(|_| wrong())?;
    let (base, width) = bits_of(base);
    let prefix = prefix.parse::<u32>().ok().filter(|p| *p <= width).ok_or_else(wrong)?;
    let (bits, address_width) = bits_of(address(text)?);
    let host_bits = width - prefix;
    // Shifting by the whole width leaves nothing to compare.
    let same = (base ^ bits).checked_shr(host_bits).unwrap_or(0) == 0;
    Ok(Value::Bool(width == address_width && same))
}

fn ip_network(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::Int(prefix)] = values else { return misuse(types) };
    let address = address(text)?;
    let (bits, width) = bits_of(address);
    let Some(prefix) = u32::try_from(*prefix).ok().filter(|p| *p <= width) else {
        return Err(format!("a network of this kind has 0 to {width} bits, not {prefix}"));
    };
    let kept = bits & u128::MAX.checked_shl(width - prefix).unwrap_or(0);
    let network: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::from_bits(kept as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(kept).into(),
    };
    Ok(Value::string(format!("{network}/{prefix}")))
}

fn ip_to_int(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    match address(text)? {
        IpAddr::V4(ip) => Ok(Value::Int(ip.to_bits() as i64)),
        IpAddr::V6(_) => Err(format!("{} is no IPv4 address", quote(text))),
    }
}

fn ip_from_int(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Int(number)] = values else { return misuse(types) };
    let bits = u32::try_from(*number).map_err(|_| format!("{number} is no IPv4 address"))?;
    Ok(Value::string(Ipv4Addr::from_bits(bits).to_string()))
}

/// The parts of a URL as they are written (RFC 3986, appendix B).
struct Url<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn split(text: &'a str) -> Url<'a> {
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Url { scheme, authority, path, query, fragment }
    }

    /// Host and port, without the user.
    fn host_and_port(&self) -> Option<(&'a str, Option<&'a str>)> {
        let authority = self.authority?;
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match place.split_once(']') {
            Some((address, rest)) => (address.strip_prefix('[').unwrap_or(address), rest.strip_prefix(':')),
            None => cut(place, ':'),
        };
        Some((host, port))
    }

    fn host(&self) -> Option<&'a str> {
        self.host_and_port().map(|(host, _)| host).filter(|host| !host.is_empty())
    }

    fn port(&self) -> Option<i64> {
        self.host_and_port()?.1?.parse::<u16>().ok().map(i64::from)
    }

    fn params(&self) -> impl Iterator<Item = (String, String)> + use<'a> {
        let pairs = self.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = cut(pair, '=');
            let decoded = |text: &str| decode(&text.replace('+', " ")).unwrap_or_else(|| text.to_string());
            (decoded(name), decoded(value.unwrap_or_default()))
        })
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// What stands before and after the first such character.
fn cut(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn url_part(types: &CallTypes, values: &[Value], part: fn(Url) -> Option<Value>) -> Result {
    let [Value::String(url)] = values else { return misuse(types) };
    Ok(part(Url::split(url)).unwrap_or(Value::Null))
}

fn url_param(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(url), Value::String(name)] = values else { return misuse(types) };
    let found = Url::split(url).params().find(|(known, _)| *known == **name);
    Ok(found.map_or(Value::Null, |(_, value)| Value::string(value)))
}

fn url_params(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(url)] = values else { return misuse(types) };
    let mut map = BTreeMap::new();
    for (name, value) in Url::split(url).params() {
        map.entry(Arc::from(name)).or_insert_with(|| Value::string(value));
    }
    Ok(Value::Map(Arc::new(map)))
}

fn url_encode(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    let mut result = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            result.push(byte as char);
        } else {
            result.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(Value::string(result))
}

fn url_decode(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    let decoded = decode(text).ok_or_else(|| format!("{} is not a part of a URL", quote(text)))?;
    Ok(Value::string(decoded))
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|d| (*d as char).to_digit(16));
        bytes.push(if *byte == b'%' { (digit()? << 4 | digit()?) as u8 } else { *byte });
    }
    String::from_utf8(bytes).ok()
}

fn email_domain(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    let domain = text.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty());
    Ok(domain.map_or(Value::Null, |domain| Value::string(domain.to_lowercase())))
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;
    use millstream_ir::types::Type;

    fn text(s: &str) -> (Value, Type) {
        (Value::string(s), Type::STRING)
    }

    #[test]
    fn networks_of_both_kinds() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", Some(true)),
            ("10.0.0.0/8", "11.0.0.1", Some(false)),
            ("0.0.0.0/0", "255.255.255.255", Some(true)),
            ("10.0.0.1/32", "10.0.0.2", Some(false)),
            ("::/0", "2001:db8::1", Some(true)),
            ("2001:db8::/32", "2001:db9::1", Some(false)),
            ("10.0.0.0/8", "::ffff:10.0.0.1", Some(true)),
            ("10.0.0.0/8", "::1", Some(false)),
            ("10.0.0.0/33", "10.0.0.1", None),
            ("10.0.0.0", "10.0.0.1", None),
            ("10.0.0.0/8", "ten", None),
        ];
        for (network, address, expected) in cases {
            let result = call("cidr_contains", &[text(network), text(address)], Type::BOOL);
            assert_eq!(result.ok(), expected.map(Value::Bool), "{address} in {network}");
        }
    }

    #[test]
    fn urls_with_odd_parts() {
        let cases = [
            ("url_host", "http://[2001:DB8::1]:8080/x", Value::string("2001:db8::1")),
            ("url_port", "http://[2001:DB8::1]:8080/x", Value::Int(8080)),
            ("url_host", "http://a@b@c.org?x", Value::string("c.org")),
            ("url_host", "mailto:me@example.org", Value::Null),
            ("url_port", "http://h:99999/", Value::Null),
            ("url_path", "mailto:me@example.org", Value::string("me@example.org")),
            ("url_path", "/a:b/c?d", Value::string("/a:b/c")),
            ("url_scheme", "1a:b", Value::Null),
            ("url_host", "file:///etc", Value::Null),
            ("url_query", "a?b?c", Value::string("b?c")),
        ];
        for (name, url, expected) in cases {
            assert_eq!(call(name, &[text(url)], Type::STRING), Ok(expected), "{name}({url})");
        }
        let param =
            |name: &str| call("url_param", &[text("?a=1&a=2&b&c=%zz&d=%2B"), text(name)], Type::STRING);
        assert_eq!(param("a"), Ok(Value::string("1")));
        assert_eq!(param("b"), Ok(Value::string("")));
        assert_eq!(param("c"), Ok(Value::string("%zz")));
        assert_eq!(param("d"), Ok(Value::string("+")));
        assert_eq!(param("e"), Ok(Value::Null));
    }
}
