//! Each rival breaks the promises that it is held to, and so does grace, whose limits are stated.

use session_model::explore::refute;
use session_model::variants;

#[test]
fn each_rival_logs_out_an_honest_device_or_lets_a_thief_follow() {
    for contender in variants::contenders().into_iter().chain(variants::limits()) {
        for property in contender.breaks {
            let history = refute(&contender.config, property).ok().flatten();
            assert!(history.is_some(), "{}: “{property}” holds", contender.name);
        }
    }
}
