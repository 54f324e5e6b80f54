//! What every engine must do, as tests: one function per property, each run against an empty store of its own.
//!
//! An engine's tests need one line, and `tokio` with `macros` and `rt-multi-thread` among the development dependencies:
//!
//! ```
//! # use session_store::memory::MemoryStore;
//! // The second part is kept while the property runs: a temporary directory, a server's handle.
//! async fn open() -> (MemoryStore, ()) {
//!     (MemoryStore::new(), ())
//! }
//!
//! session_store::conformance_suite!(open);
//! # fn main() {}
//! ```
//!
//! [`draft_conformance_suite!`](crate::draft_conformance_suite) does the same for the drafts of an engine,
//! [`event_conformance_suite!`](crate::event_conformance_suite) for its log of security events.
//!
//! Times are arguments everywhere, and lie far in the future where a record is to be kept, so that an engine whose server
//! expires records by its own clock does not lose them.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests: a property that does not hold panics"
)]

mod copying;
mod draft_sweeping;
mod drafts;
mod event_log;
mod feed;
mod listing;
mod records;
mod revoking;
mod sample;
mod sweeping;

pub use copying::*;
pub use draft_sweeping::*;
pub use drafts::*;
pub use event_log::*;
pub use feed::*;
pub use listing::*;
pub use records::*;
pub use revoking::*;
pub use sweeping::*;

/// Expands to one `#[tokio::test]` per property. Its argument names an `async fn() -> (impl SessionStore + 'static, T)` that
/// opens an empty store; the `T` is dropped after the property has run.
#[macro_export]
macro_rules! conformance_suite {
    ($open:path) => {
        $crate::conformance_suite! { @tests $open;
            a_record_comes_back_whole
            a_working_store_says_so
            creating_twice_with_one_version_is_one_creation
            creating_over_another_session_is_refused
            one_of_many_concurrent_creations_wins
            what_was_never_stored_is_missing
            a_swap_on_the_right_version_replaces_the_record
            a_swap_on_another_version_writes_nothing
            a_repeated_swap_is_done
            one_of_many_concurrent_swaps_wins
            a_revocation_happens_once
            a_repeated_revocation_is_done
            one_of_many_concurrent_revocations_wins
            no_swap_replaces_a_revoked_record
            a_revocation_outlasts_racing_swaps
            a_list_holds_the_live_sessions_of_its_subject
            a_list_shows_the_newest_records
            alike_subjects_are_told_apart
            the_feed_tells_each_revocation_once_and_in_order
            a_follower_misses_nothing_and_hears_nothing_twice
            an_unknown_position_reads_from_the_start
            waiting_for_news_ends_with_them
            waiting_without_news_ends_with_patience
            what_is_there_is_told_without_waiting
            appended_entries_are_told_like_revocations
            what_is_due_is_swept_and_the_rest_stays
            a_swap_moves_the_end_of_a_record
            a_refused_swap_does_not_move_the_end_of_a_record
            a_limit_ends_a_pass_early
            revoked_records_stay_until_they_are_due
            old_feed_entries_are_swept_and_positions_stay_good
            the_ends_of_time_are_times
            an_empty_store_is_copied_as_nothing
            a_copy_holds_every_record_with_its_end
            a_limit_bounds_a_page
            an_unknown_place_copies_from_the_start
            what_was_swept_is_not_copied
            records_that_stay_are_copied_while_others_come_and_go
        }
    };
    (@tests $open:path; $($property:ident)+) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $property() {
                let (store, _kept) = $open().await;
                $crate::conformance::$property(::std::sync::Arc::new(store)).await;
            }
        )+
    };
}

/// As [`conformance_suite!`](crate::conformance_suite), for a store of drafts.
#[macro_export]
macro_rules! draft_conformance_suite {
    ($open:path) => {
        $crate::conformance_suite! { @tests $open;
            a_draft_comes_back_whole
            a_put_against_anything_else_writes_no_draft
            a_repeated_put_of_a_draft_is_done
            one_of_many_concurrent_puts_of_a_draft_wins
            a_deleted_draft_is_gone
            alike_drafts_are_told_apart
            all_drafts_of_a_subject_can_be_deleted
            a_copy_finds_every_draft
            drafts_that_are_due_are_swept_and_the_rest_stays
            a_put_moves_the_end_of_a_draft
            a_draft_that_is_written_anew_has_its_own_end
            a_limit_ends_a_sweep_of_drafts_early
            drafts_may_be_kept_to_the_end_of_time
        }
    };
}

/// As [`conformance_suite!`](crate::conformance_suite), for a log of security events.
#[macro_export]
macro_rules! event_conformance_suite {
    ($open:path) => {
        $crate::conformance_suite! { @tests $open;
            events_are_read_in_their_order
            events_come_back_byte_for_byte
            concurrent_events_are_all_kept
            an_unreadable_position_begins_at_the_oldest_event
            old_events_are_swept_and_who_missed_some_is_told
            the_oldest_events_give_way
            one_delivers_events_at_a_time
            one_of_many_claims_to_deliver_wins
        }
    };
}
