//! `keys.rotate_every`, beside what it must fit.

use super::*;

#[test]
fn keys_are_not_rotated_faster_than_what_came_before_allows() {
    let every = |text| fault_of(("SESSION_KEYS__ROTATE_EVERY", text));
    for text in ["59m", "1826d"] {
        assert!(every(text).contains("must be 1h to 1825d"), "{}", every(text));
    }
    // 90 days and a day, for each of a hundred secrets.
    let many = every("21h");
    assert!(
        many.contains("more than 100 secrets at once, so at least 22h is needed"),
        "{many}"
    );
    let set = [("SESSION_KEYS__ROTATE_EVERY", "22h")];
    assert_eq!(good(LEAST, &set).keys.rotate_every, Some(Duration::from_hours(22)));
    let faults = faults(
        LEAST,
        &[("SESSION_KEYS__ROTATE_EVERY", "24h"), ("SESSION_KEYS__OVERLAP", "24h")],
    );
    assert!(
        faults[0].contains("24h (keys.overlap)") || faults[0].contains("1day (keys.overlap)"),
        "{faults:?}"
    );
    assert!(faults[0].contains("at least 1day 16m 30s is needed"), "{faults:?}");
}
