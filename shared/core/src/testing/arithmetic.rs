//! Exact sums of decimal numbers, as `ADD`, `+` and `-` make them.

use std::cmp::Ordering;

use crate::error::Error;
use crate::expression::decimal::Decimal;
use crate::expression::validation;

/// The most significant digits DynamoDB keeps.
const MAX_DIGITS: usize = 38;
/// Numbers lie below ten to this power.
const MAX_MAGNITUDE: i64 = 126;
/// Numbers are not nearer to zero than ten to this power.
const MIN_MAGNITUDE: i64 = -129;

/// `a + b`, in DynamoDB's plain spelling.
///
/// # Errors
/// A `ValidationException` when the sum is no number of DynamoDB.
pub(super) fn add(a: &Decimal, b: &Decimal) -> Result<String, Error> {
    let sum = sum(a, b)?;
    if sum.digits.len() > MAX_DIGITS {
        return Err(validation("Attempting to store more than 38 significant digits in a Number"));
    }
    if sum.magnitude() > MAX_MAGNITUDE {
        return Err(validation(
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ));
    }
    if !sum.digits.is_empty() && sum.magnitude() < MIN_MAGNITUDE {
        return Err(validation(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ));
    }
    Ok(plain(&sum))
}

/// `-a`.
pub(super) fn negated(a: Decimal) -> Decimal {
    Decimal { negative: !a.negative && !a.digits.is_empty(), ..a }
}

fn sum(a: &Decimal, b: &Decimal) -> Result<Decimal, Error> {
    let exponent = a.exponent.min(b.exponent);
    let width = a.magnitude().max(b.magnitude()) - exponent + 1;
    let width = usize::try_from(width).ok().filter(|width| *width < 1000);
    let width = width.ok_or_else(|| {
        validation("Number overflow. Attempting to store a number with magnitude larger than supported range")
    })?;
    let (x, y) = (aligned(a, exponent, width), aligned(b, exponent, width));
    let (negative, digits) = match (a.negative == b.negative, x.cmp(&y)) {
        (true, _) => (a.negative, plus(&x, &y)),
        (false, Ordering::Less) => (b.negative, minus(&y, &x)),
        (false, Ordering::Equal | Ordering::Greater) => (a.negative, minus(&x, &y)),
    };
    Ok(Decimal { negative, digits, exponent }.normal())
}

/// The digits from ten to the power of `exponent` upwards, `width` of them, most significant first.
fn aligned(number: &Decimal, exponent: i64, width: usize) -> Vec<u8> {
    let zeros = if number.digits.is_empty() { 0 } else { usize::try_from(number.exponent - exponent).unwrap_or(0) };
    let mut digits = vec![0; width.saturating_sub(number.digits.len() + zeros)];
    digits.extend_from_slice(&number.digits);
    digits.resize(width, 0);
    digits
}

fn plus(x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = (x.iter().rev().zip(y.iter().rev()))
        .map(|(x, y)| {
            let sum = x + y + carry;
            carry = sum / 10;
            sum % 10
        })
        .collect();
    digits.push(carry);
    digits.reverse();
    digits
}

// x >= y.
fn minus(x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = (x.iter().rev().zip(y.iter().rev()))
        .map(|(x, y)| {
            let difference = 10 + x - y - borrow;
            borrow = u8::from(difference < 10);
            difference % 10
        })
        .collect();
    digits.reverse();
    digits
}

fn plain(number: &Decimal) -> String {
    if number.digits.is_empty() {
        return "0".to_owned();
    }
    let digits: String = number.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
    let sign = if number.negative { "-" } else { "" };
    let point = number.magnitude();
    match usize::try_from(point) {
        Ok(point) if point >= digits.len() => format!("{sign}{digits:0<point$}"),
        Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        Ok(_) | Err(_) => format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
    }
}
