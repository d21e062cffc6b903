//! An invoice's arithmetic: whole minor units, nothing wraps, nothing is lost in rounding.

use offline_domain::Rejection;
use offline_protocol::joined;

use crate::{
    check::{MAX_AMOUNT, field_error},
    invoice::{InvoiceLineData, InvoiceTax},
};

/// Basis points in one: a rate of 10,000 is 100 %.
const BASIS_POINTS: i64 = 10_000;

/// What an invoice's lines come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) lines: Vec<InvoiceLineData>,
    pub(crate) taxes: Vec<InvoiceTax>,
    pub(crate) net_minor: i64,
    pub(crate) tax_minor: i64,
    pub(crate) total_minor: i64,
}

/// Adds the lines up, and computes their amounts, whatever these were before. Refuses a sum beyond what JavaScript holds exactly.
///
/// Tax is rounded once for each rate, half away from zero. A line's tax is the growth of its rate's tax when the line is added, so that the lines'
/// taxes add up to it. A line beyond 2^53 is refused as it comes, so that the sums of 1,000 lines stay below 2^63.
pub(crate) fn totals(mut lines: Vec<InvoiceLineData>) -> Result<Totals, Rejection> {
    // In the order of the rates.
    let mut nets: Vec<(i64, i64)> = Vec::new();
    for (index, line) in lines.iter_mut().enumerate() {
        let pointer = joined!["/lines/", index];
        let net = amount(line.quantity.checked_mul(line.unit_price_minor), &pointer)?;
        let place = nets.partition_point(|(rate, _)| *rate < line.tax_rate_bp);
        if nets.get(place).is_none_or(|(rate, _)| *rate != line.tax_rate_bp) {
            nets.insert(place, (line.tax_rate_bp, 0));
        }
        let group = &mut nets[place].1;
        let before = tax(*group, line.tax_rate_bp);
        *group = group.checked_add(net).ok_or_else(|| overflow("/lines"))?;
        let line_tax = tax(*group, line.tax_rate_bp) - before;
        line.net_minor = net;
        line.tax_minor = amount(Some(line_tax), &pointer)?;
    }
    let mut taxes = Vec::with_capacity(nets.len());
    let (mut net_sum, mut tax_sum) = (Some(0_i64), Some(0_i64));
    for (rate, net) in nets {
        let tax = tax(net, rate);
        net_sum = net_sum.and_then(|sum| sum.checked_add(net));
        tax_sum = tax_sum.and_then(|sum| sum.checked_add(tax));
        taxes.push(InvoiceTax {
            tax_rate_bp: rate,
            net_minor: amount(Some(net), "/lines")?,
            tax_minor: amount(Some(tax), "/lines")?,
        });
    }
    let (net_minor, tax_minor) = (amount(net_sum, "/lines")?, amount(tax_sum, "/lines")?);
    let total_minor = amount(Some(net_minor + tax_minor), "/lines")?;
    Ok(Totals { lines, taxes, net_minor, tax_minor, total_minor })
}

/// The whole units of 10,000 and the rest apart, because the product of both with the rate might not fit.
fn tax(net: i64, rate_bp: i64) -> i64 {
    let (units, rest) = (net / BASIS_POINTS, net % BASIS_POINTS);
    let half = BASIS_POINTS / 2 * net.signum();
    units * rate_bp + (rest * rate_bp + half) / BASIS_POINTS
}

/// A sum within the range; `None` is one beyond any.
fn amount(sum: Option<i64>, pointer: &str) -> Result<i64, Rejection> {
    sum.filter(|sum| (-MAX_AMOUNT..=MAX_AMOUNT).contains(sum)).ok_or_else(|| overflow(pointer))
}

fn overflow(pointer: &str) -> Rejection {
    Rejection {
        title: "The invoice's amounts are too large".into(),
        errors: vec![field_error(pointer, "overflow", "comes to more than an amount can hold")],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(quantity: i64, unit_price_minor: i64, tax_rate_bp: i64) -> InvoiceLineData {
        let (net_minor, tax_minor) = (-7, 7);
        InvoiceLineData {
            description: "a".into(),
            quantity,
            unit_price_minor,
            tax_rate_bp,
            net_minor,
            tax_minor,
        }
    }

    #[test]
    fn tax_is_rounded_half_away_from_zero() {
        assert_eq!((tax(50, 100), tax(49, 100), tax(-50, 100), tax(-49, 100)), (1, 0, -1, 0));
        assert_eq!((tax(1999, 1900), tax(0, 1900), tax(100, 0)), (380, 0, 0));
    }

    #[test]
    fn tax_is_rounded_once_for_each_rate() {
        let sum =
            totals(vec![line(1, 33, 1900), line(1, 33, 1900), line(1, 33, 1900), line(2, 500, 700)]).unwrap();
        assert_eq!(sum.taxes.len(), 2);
        let nineteen = sum.taxes.iter().find(|tax| tax.tax_rate_bp == 1900).unwrap();
        // 99 * 0.19 = 18.81, where three times 33 * 0.19 = 6.27 would have come to 18.
        assert_eq!((nineteen.net_minor, nineteen.tax_minor), (99, 19));
        assert_eq!((sum.net_minor, sum.tax_minor, sum.total_minor), (1099, 89, 1188));
        let of_lines: Vec<_> = sum.lines.iter().map(|line| line.tax_minor).collect();
        assert_eq!(of_lines, [6, 7, 6, 70]);
    }

    #[test]
    fn a_sum_beyond_the_range_is_refused_not_wrapped() {
        let refused = totals(vec![line(1, 1, 0), line(1_000_000, MAX_AMOUNT, 10_000)]).unwrap_err();
        assert_eq!(refused.errors[0].pointer, "/lines/1");
        let refused = totals(vec![line(1, MAX_AMOUNT, 0), line(1, 1, 100)]).unwrap_err();
        assert_eq!(
            (refused.errors[0].pointer.as_str(), refused.errors[0].code.as_str()),
            ("/lines", "overflow")
        );
    }

    #[test]
    fn an_invoice_without_lines_comes_to_nothing() {
        let sum = totals(Vec::new()).unwrap();
        assert_eq!((sum.net_minor, sum.tax_minor, sum.total_minor, sum.taxes.len()), (0, 0, 0, 0));
    }

    proptest! {
        #[test]
        fn tax_is_that_of_wider_arithmetic(net in any::<i64>(), rate in 0..=10_000i64) {
            let exact = i128::from(net) * i128::from(rate);
            prop_assert_eq!(i128::from(tax(net, rate)), (exact + 5000 * exact.signum()) / 10_000);
        }

        #[test]
        fn the_parts_add_up(lines in proptest::collection::vec((1..=1000i64, -1_000_000..=1_000_000i64, 0..=10_000i64), 0..50)) {
            let sum = totals(lines.iter().map(|&(quantity, price, rate)| line(quantity, price, rate)).collect()).unwrap();
            prop_assert_eq!(sum.lines.iter().map(|line| line.net_minor).sum::<i64>(), sum.net_minor);
            prop_assert_eq!(sum.lines.iter().map(|line| line.tax_minor).sum::<i64>(), sum.tax_minor);
            prop_assert_eq!(sum.taxes.iter().map(|tax| tax.tax_minor).sum::<i64>(), sum.tax_minor);
            prop_assert_eq!(sum.net_minor + sum.tax_minor, sum.total_minor);
        }

        #[test]
        fn nothing_panics(lines in proptest::collection::vec((1..=1_000_000i64, -MAX_AMOUNT..=MAX_AMOUNT, 0..=10_000i64), 0..20)) {
            let _ = totals(lines.iter().map(|&(quantity, price, rate)| line(quantity, price, rate)).collect());
        }
    }
}
