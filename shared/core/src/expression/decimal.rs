//! Exact decimal numbers: DynamoDB's have up to 38 digits, more than any number type of the machine.

use std::cmp::Ordering;

/// A number: sign, digits without zeros at either end, power of ten of the last digit. Zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Below zero.
    pub negative: bool,
    /// The digits, 0 to 9 each, most significant first.
    pub digits: Vec<u8>,
    /// The power of ten of the last digit.
    pub exponent: i64,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { negative: false, digits: Vec::new(), exponent: 0 };

    /// Reads a number in any spelling DynamoDB takes: `-12.50`, `+7`, `1E-3`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            // No number of DynamoDB is near this bound; it keeps the arithmetic on exponents from overflowing.
            Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i16>().ok()?)),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut digits = Vec::with_capacity(mantissa.len());
        for byte in whole.bytes().chain(fraction.bytes()) {
            digits.push(byte.is_ascii_digit().then_some(byte.wrapping_sub(b'0'))?);
        }
        Some(Decimal { negative, digits, exponent: exponent - i64::try_from(fraction.len()).ok()? }.normal())
    }

    /// The same number with its one spelling.
    #[must_use]
    pub fn normal(mut self) -> Decimal {
        while self.digits.last() == Some(&0) {
            self.digits.pop();
            self.exponent += 1;
        }
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        if self.digits.is_empty() { Decimal::ZERO } else { self }
    }

    /// The power of ten above the first digit.
    pub fn magnitude(&self) -> i64 {
        self.exponent.saturating_add(i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
    }

    fn cmp_absolute(&self, other: &Decimal) -> Ordering {
        // Without zeros at the end, the longer of two numbers with a common beginning is the greater one.
        self.magnitude().cmp(&other.magnitude()).then_with(|| self.digits.cmp(&other.digits))
    }

    // -1, 0 or 1.
    fn signum(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        self.signum().cmp(&other.signum()).then_with(|| match self.signum() {
            0 => Ordering::Equal,
            1 => self.cmp_absolute(other),
            _ => other.cmp_absolute(self),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
