//! How numbers are written: with how many digits, and whether as somebody writes who means exact ones.

#[derive(Clone, Default)]
pub struct Digits {
    pub n: u64,
    /// Numbers that are digits with at most a sign and a point.
    n_plain: u64,
    /// The most digits in front of the point and behind it.
    whole: usize,
    pub scale: usize,
    /// Whether one is written with a point.
    pub has_point: bool,
    /// Whether one ends in a zero that no printer of floats writes, as `1.50` does.
    pub is_padded: bool,
    /// Whether one begins with a zero that no number needs, as `007` does.
    pub has_leading_zero: bool,
    /// Numbers with the digits that are left when floats are computed with, as 0.30000000000000004 has them; the first of
    /// them, and the most digits behind the point of the others.
    pub n_noisy: u64,
    pub first_noisy: Option<String>,
    pub scale_without_noise: usize,
    /// Numbers with a comma in the place of the point, and the most digits behind it.
    n_comma: u64,
    comma_scale: usize,
}

impl Digits {
    pub fn add(&mut self, text: &str) {
        self.n += 1;
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some((whole, behind)) = unsigned.split_once(',')
            && !whole.is_empty()
            && !behind.is_empty()
            && are_digits(whole)
            && are_digits(behind)
        {
            self.n_comma += 1;
            self.comma_scale = self.comma_scale.max(behind.len());
        }
        if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) || unsigned.ends_with('.') {
            return;
        }
        self.n_plain += 1;
        if is_noise(whole, fraction) {
            self.n_noisy += 1;
            self.first_noisy.get_or_insert_with(|| text.to_string());
        } else {
            self.scale_without_noise = self.scale_without_noise.max(fraction.len());
        }
        self.whole = self.whole.max(whole.len());
        self.scale = self.scale.max(fraction.len());
        self.has_point |= !fraction.is_empty();
        self.is_padded |= fraction.len() > 1 && fraction.ends_with('0');
        self.has_leading_zero |= whole.len() > 1 && whole.starts_with('0');
    }

    pub fn merge(&mut self, other: &Digits) {
        self.n += other.n;
        self.n_plain += other.n_plain;
        self.whole = self.whole.max(other.whole);
        self.scale = self.scale.max(other.scale);
        self.n_noisy += other.n_noisy;
        self.first_noisy = self.first_noisy.take().or_else(|| other.first_noisy.clone());
        self.scale_without_noise = self.scale_without_noise.max(other.scale_without_noise);
        self.n_comma += other.n_comma;
        self.comma_scale = self.comma_scale.max(other.comma_scale);
        self.has_point |= other.has_point;
        self.is_padded |= other.is_padded;
        self.has_leading_zero |= other.has_leading_zero;
    }

    pub fn are_plain(&self) -> bool {
        self.n > 0 && self.n == self.n_plain
    }

    /// The most digits behind the comma, if all are whole numbers or have a comma in the place of the point.
    pub fn comma(&self) -> Option<usize> {
        let are_all = self.n_comma + self.n_plain == self.n && !self.has_point;
        (are_all && self.n_comma > 0).then_some(self.comma_scale)
    }

    /// The decimal that holds all of them exactly, if one does that is read without a detour.
    pub fn decimal(&self) -> Option<usize> {
        (self.are_plain() && self.scale <= 18 && self.whole + self.scale <= 38).then_some(self.scale)
    }
}

/// A float has 15 digits that mean something, and is printed with up to 17. Nobody writes so many.
fn is_noise(whole: &str, fraction: &str) -> bool {
    let n_digits = (whole.len() + fraction.len())
        - (whole.bytes().chain(fraction.bytes())).take_while(|b| *b == b'0').count();
    n_digits > 15 && fraction.len() > 9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Digits {
        let mut digits = Digits::default();
        texts.iter().for_each(|text| digits.add(text));
        digits
    }

    #[test]
    fn the_decimal_has_room_for_all() {
        assert_eq!(of(&["1.5", "-20.25", "7"]).decimal(), Some(2));
        assert_eq!(of(&["1.5", "1e3"]).decimal(), None);
        assert_eq!(of(&[&"9".repeat(37), "0.25"]).decimal(), None);
        for text in ["", "-", ".5", "5.", "1.2.3", "0x1", "NaN"] {
            assert_eq!(of(&[text]).decimal(), None, "{text}");
        }
    }

    #[test]
    fn what_is_left_of_computing_with_floats_is_noise() {
        let digits = of(&["1.5", "0.30000000000000004", "434.99999999999994", "2.25"]);
        assert_eq!((digits.n_noisy, digits.scale_without_noise), (2, 2));
        assert_eq!(digits.first_noisy.as_deref(), Some("0.30000000000000004"));
        assert_eq!(of(&["12345678901234567.25", "0.000000000001", "0.1234567890"]).n_noisy, 0);
    }

    #[test]
    fn zeros_tell_what_is_meant() {
        assert!(of(&["1.50"]).is_padded && !of(&["1.5", "2.0"]).is_padded);
        assert!(of(&["007"]).has_leading_zero && !of(&["0", "0.5", "700"]).has_leading_zero);
    }
}
