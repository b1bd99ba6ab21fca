//! Durations as FIS writes them: ISO 8601, such as `PT1M` or `PT1H30M`.
//!
//! Main function: [`parse`]. Invariant: what it answers lies between one minute and twelve hours, the range
//! of every duration in <https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html>.

use jiff::SignedDuration;

/// Reads a duration; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<SignedDuration, String> {
    let seconds = seconds(text)
        .ok_or_else(|| format!("`{text}` is not an ISO 8601 duration, such as PT10M"))?;
    if !(60..=12 * 3600).contains(&seconds) {
        return Err(format!("`{text}` is not between one minute (PT1M) and 12 hours (PT12H)"));
    }
    Ok(SignedDuration::from_secs(seconds))
}

/// The seconds of `P[nD][T[nH][nM][nS]]`; each part at most once and in this order.
fn seconds(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = rest.split_once('T').map_or((rest, None), |(days, time)| (days, Some(time)));
    let mut total = parts(days, &[('D', 86_400)])?;
    if let Some(time) = time {
        if time.is_empty() {
            return None;
        }
        total = total.checked_add(parts(time, &[('H', 3600), ('M', 60), ('S', 1)])?)?;
    }
    (rest.len() > 1).then_some(total)
}

fn parts(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut total: i64 = 0;
    for (unit, factor) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let part = number.parse::<i64>().ok()?.checked_mul(*factor)?;
            total = total.checked_add(part)?;
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_iso_8601_writes_them() {
        let cases = [
            ("PT1M", Some(60)),
            ("PT10M", Some(600)),
            ("PT1H30M", Some(5400)),
            ("PT90S", Some(90)),
            ("PT12H", Some(43_200)),
            ("P0DT2H", Some(7200)),
            ("PT30S", None),
            ("PT13H", None),
            ("P1D", None),
            ("10M", None),
            ("PT", None),
            ("P", None),
            ("", None),
            ("PTM", None),
            ("PT1.5M", None),
            ("PT1M1H", None),
            ("PT-5M", None),
            ("PT99999999999999999999M", None),
            ("pt1m", None),
        ];
        for (text, expected) in cases {
            let actual = parse(text).ok().map(|duration| duration.as_secs());
            assert_eq!(actual, expected, "{text:?}");
        }
    }
}
