//! The conformance suite: what the answers of a store mean, as tests that every store must pass.
//!
//! A store crate writes one function that opens a fresh, empty store as a [`Subject`] and stamps the suite out:
//!
//! ```text
//! async fn open() -> impl Subject { … }
//! qadiya_store::conformance!(open, scripts = qadiya_devkit::trials::count(1_000, 10_000).unwrap());
//! ```
//!
//! [`conformance_of_tables!`](crate::conformance_of_tables) adds what can be asked of a database only: damaged rows, and
//! tables that nobody may change.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test suite: a broken promise must stop the test"
)]
#![expect(missing_docs, reason = "the names of the tests are the promises")]

pub mod append;
pub mod cases;
pub mod ledger;
pub mod make;
pub mod races;
pub mod records;
pub mod scripts;
pub mod tables;
pub mod transfer;
pub mod work;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{MemoryStore, Store};

/// A fresh, empty store under test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Lets lease time pass: as if every lease and heartbeat had been taken that much earlier.
    async fn let_pass(&self, by: Duration);

    /// Runs one SQL statement past the store, as an insider would, with the rights of the program's own role.
    /// The text is plain SQL that both databases read. `Err` holds what the database said.
    async fn insider(&self, sql: &str) -> Result<(), String>;
}

/// What [`Subject::let_pass`] means for a database: statements for its owner, `$1` being microseconds.
pub const LET_PASS: [&str; 4] = [
    "UPDATE worker SET seen = seen - $1",
    "UPDATE fence SET until = until - $1",
    "UPDATE deadline SET until = until - $1",
    "UPDATE job SET until = until - $1",
];

/// The store in memory as a subject.
#[derive(Debug, Clone)]
pub struct InMemory(pub Arc<MemoryStore>);

impl InMemory {
    /// An empty one.
    pub fn open() -> Self {
        Self(Arc::new(MemoryStore::new(make::at(0))))
    }
}

#[async_trait]
impl Subject for InMemory {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    async fn let_pass(&self, by: Duration) {
        self.0.advance(by);
    }

    async fn insider(&self, _sql: &str) -> Result<(), String> {
        Err("memory reads no SQL".to_owned())
    }
}

/// Stamps out one test per promise. `$open` is an async function that gives a fresh [`Subject`]; `scripts` is how many
/// random scripts are run.
#[macro_export]
macro_rules! conformance {
    ($open:path, scripts = $scripts:expr) => {
        $crate::conformance_tests! { $open,
            append:
                a_batch_of_many_streams_is_committed_whole,
                every_loser_of_a_batch_is_named_and_nothing_is_written,
                a_loser_has_the_first_of_its_reasons,
                a_batch_that_breaks_the_contract_is_refused,
                a_request_key_is_bound_by_an_accepted_append_only,
                a_request_key_holds_for_its_stream_and_principal,
                a_known_request_brings_its_seal_and_place,
                requests_of_one_append_are_bound_each_with_its_place,
                a_lookup_belongs_to_one_stream,
                a_reference_and_an_alias_belong_to_one_case,
                two_appends_of_a_batch_cannot_share_a_key,
                a_changed_alias_frees_the_old_one,
                a_case_opens_under_the_active_definition_only,
                every_field_of_an_event_returns,
                huge_and_foreign_values_return,
                every_field_of_a_row_returns,
                an_access_record_of_a_known_id_undoes_the_batch;
            cases:
                streams_are_loaded_in_the_order_asked_for,
                a_case_is_found_by_id_reference_and_alias,
                each_filter_restricts_lists_and_counts,
                pages_are_complete_and_hold_nothing_twice,
                events_are_read_from_a_number_on,
                cases_of_several_groups_are_counted_at_once,
                the_first_events_of_cases_come_in_pages,
                events_of_several_streams_come_in_order_without_secrets,
                entities_are_listed_by_kind_and_parent,
                counters_and_pending_moves_make_the_counts,
                clocks_are_written_removed_and_listed,
                clocks_before_an_instant_are_paged_by_limit;
            work:
                clocks_are_claimed_earliest_first_and_once,
                a_step_settled_under_an_old_epoch_changes_nothing,
                a_changed_clock_is_free_and_its_old_lease_is_void,
                a_clock_that_starts_again_fits_no_lease_of_before,
                an_append_takes_back_the_jobs_its_case_waits_for_no_longer,
                a_settled_step_that_leaves_its_row_is_free_again,
                a_clock_is_given_back,
                a_clock_is_held_by_its_lease_only,
                a_postponed_job_has_not_been_tried,
                an_incident_is_raised_once,
                a_lease_of_no_time_is_over_at_once,
                a_lease_ends_when_its_time_has_passed,
                jobs_are_claimed_by_queue_earliest_first,
                a_known_job_is_not_queued_again,
                a_job_runs_again_after_a_fault,
                a_job_handed_back_has_not_been_tried,
                an_incident_waits_for_people_and_runs_again,
                a_lease_that_was_extended_holds_longer,
                a_job_is_settled_by_the_append_it_causes,
                a_dead_worker_loses_its_leases,
                operations_are_kept_with_their_job,
                health_counts_what_waits;
            ledger:
                one_sequencer_holds_the_fence,
                events_wait_in_order_until_they_are_numbered,
                a_sequencer_with_an_old_epoch_or_size_changes_nothing,
                nodes_and_checkpoints_return,
                the_feed_brings_events_in_order_of_their_numbers;
            records:
                definitions_and_calendars_are_stored_once,
                definitions_come_by_workflow_and_version,
                one_definition_of_a_workflow_is_active,
                a_setting_is_written_once,
                a_token_leads_to_its_official,
                an_access_record_returns_whole,
                who_saw_a_case_is_answered_in_pages;
            races:
                of_many_writers_of_one_version_exactly_one_wins,
                of_many_takers_of_one_key_exactly_one_wins,
                a_job_is_claimed_by_one_of_many_workers,
                no_old_lease_reaches_a_clock_that_starts_again,
                pages_stay_whole_while_others_write,
                counts_hold_while_moves_are_folded;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn random_scripts_have_the_same_answers_as_in_memory() {
            $crate::conformance::scripts::run(|| $open(), $scripts).await;
        }
    };
}

/// What is asked of a database only.
#[macro_export]
macro_rules! conformance_of_tables {
    ($open:path) => {
        $crate::conformance_tests! { $open,
            tables:
                an_insider_can_change_a_case_row,
                add_only_tables_refuse_change_and_removal,
                a_damaged_case_row_is_named_as_corrupt,
                a_damaged_entity_row_is_named_as_corrupt,
                a_damaged_event_is_named_as_corrupt,
                a_damaged_clock_is_named_as_corrupt,
                a_damaged_entry_of_the_feed_stands_in_its_place,
                a_damaged_job_is_an_incident_and_the_others_run,
                a_damaged_clock_is_shown_and_the_others_are_claimed,
                a_damaged_counter_is_named_as_corrupt;
        }
    };
}

/// The stamp behind [`conformance!`](crate::conformance).
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($open:path, $($group:ident: $($name:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::conformance::$group::$name(&$open().await).await;
            }
        )+)+
    };
}
