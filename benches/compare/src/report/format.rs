//! Numbers as people read them.

/// With three digits that count.
fn significant(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        n if n >= 0.9995 => 2,
        n if n >= 0.09995 => 3,
        _ => 4,
    };
    format!("{number:.decimals$}")
}

/// Per second.
pub fn rate(number: f64) -> String {
    match number {
        n if n >= 999_500.0 => format!("{} M", significant(n / 1e6)),
        n if n >= 999.5 => format!("{} k", significant(n / 1e3)),
        n => significant(n),
    }
}

/// Powers of ten, short.
pub fn power(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.0} M", n / 1e6),
        n if n >= 1e3 => format!("{:.0} k", n / 1e3),
        n => n.to_string(),
    }
}

pub fn micros(number: f64) -> String {
    if number >= 9_999.5 {
        return format!("{} k", significant(number / 1e3));
    }
    significant(number)
}

pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn ratio(number: f64) -> String {
    match number {
        n if n >= 9.95 => format!("{n:.0}×"),
        n if n >= 0.0995 => format!("{n:.2}×"),
        n => format!("{n:.3}×"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let numbers = [0.06331, 0.9996, 9.9951, 99.96, 12345.6];
        let texts = ["0.0633", "1.00", "10.0", "100", "12346"];
        assert_eq!(numbers.map(significant), texts);
    }

    #[test]
    fn rates_have_a_unit_from_a_thousand_on() {
        let numbers = [999.4, 999.6, 263_160.0, 999_600.0, 21_468_911.0];
        assert_eq!(
            numbers.map(rate),
            ["999", "1.00 k", "263 k", "1.00 M", "21.5 M"]
        );
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(
            [0.0, 999.0, 1000.0, 1234567.0].map(whole),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn small_ratios_have_more_digits() {
        assert_eq!([12.34, 1.5, 0.0123].map(ratio), ["12×", "1.50×", "0.012×"]);
    }
}
