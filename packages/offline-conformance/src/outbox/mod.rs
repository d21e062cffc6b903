mod append;
mod burst;
mod chain;
mod fixture;
mod flight;
mod journal;
mod list;
mod resolve;
mod settle;
mod whole;

use crate::{StoreCase, case::cases};

/// Every guarantee of [`offline_core::OutboxStore`].
pub fn outbox_store() -> Vec<StoreCase> {
    cases![
        append::seq_starts_at_one_and_has_no_gaps,
        append::commands_of_one_call_stand_together_in_their_order,
        append::seq_is_gap_free_over_two_openers_and_concurrent_appends,
        append::seq_goes_on_after_a_restart,
        append::the_number_of_a_command_that_left_is_not_given_again,
        append::any_value_comes_back_exactly,
        append::a_known_id_is_a_duplicate_and_the_others_are_added,
        append::an_id_twice_in_one_call_is_stored_once,
        append::an_id_of_the_journal_is_a_duplicate,
        append::concurrent_appends_of_one_id_store_it_once,
        append::a_thousand_commands_fit_into_one_call,
        append::an_empty_call_changes_nothing,
        append::what_resolved_survives_a_restart,
        append::a_dropped_call_is_whole_or_nothing,
        append::what_one_opener_has_written_the_other_sees,
        chain::without_chaining_expected_is_stored_as_given,
        chain::a_chained_command_follows_the_latest_own_one_on_its_record,
        chain::a_chained_command_follows_an_earlier_one_of_its_call,
        chain::any_touch_of_an_earlier_command_counts,
        chain::only_the_first_touch_of_the_new_command_counts,
        chain::commands_in_flight_and_parked_ones_are_followed_too,
        chain::a_command_that_left_is_not_followed,
        chain::a_stale_version_follows_the_journal,
        chain::the_highest_version_of_the_journal_counts,
        chain::a_fresh_version_stays,
        chain::no_version_stays_no_version,
        chain::an_unsettled_command_goes_before_the_journal,
        chain::a_command_without_touches_is_stored_as_given,
        chain::concurrent_edits_of_two_openers_make_one_chain,
        burst::pages_of_every_size_go_through_a_burst,
        burst::each_command_of_a_burst_goes_its_own_way,
        burst::what_a_person_decides_about_one_leaves_its_neighbours_alone,
        burst::flights_over_a_burst_are_recovered,
        burst::bursts_and_single_commands_count_on,
        list::pages_go_through_the_outbox_in_order,
        list::ids_come_in_the_order_of_seq,
        list::a_record_lists_all_that_touch_it,
        list::parked_commands_are_listed,
        list::counts_follow_every_step,
        list::an_empty_outbox_lists_nothing,
        flight::take_off_makes_pending_commands_in_flight,
        flight::only_pending_commands_take_off,
        flight::a_flight_of_nothing_is_not_written,
        flight::concurrent_flights_share_no_command,
        flight::flights_survive_a_restart,
        flight::recover_puts_every_flight_back_as_one_that_may_have_been_sent,
        flight::recover_without_flights_changes_nothing,
        flight::a_stale_fence_can_do_nothing,
        flight::a_fence_that_was_never_given_can_do_nothing,
        flight::a_released_fence_can_do_nothing,
        flight::an_expired_lease_that_nobody_took_is_still_current,
        settle::an_applied_command_moves_to_the_journal,
        settle::all_changes_of_a_flight_are_made,
        settle::an_unnamed_command_goes_back_as_it_was,
        settle::a_requeue_sets_the_wait_and_keeps_the_error,
        settle::an_unknown_flight_changes_nothing,
        settle::a_flight_is_settled_once,
        settle::a_command_of_another_flight_is_left_alone,
        settle::what_was_settled_survives_a_restart,
        resolve::a_parked_command_is_retried_in_its_place,
        resolve::an_edited_retry_takes_its_new_content_and_lane,
        resolve::only_a_parked_command_can_be_retried,
        resolve::a_discarded_command_is_journaled,
        resolve::the_journal_says_whether_a_discarded_command_may_have_been_applied,
        resolve::a_discard_takes_others_along_and_rebases_those_that_stay,
        resolve::a_discard_that_cannot_be_whole_changes_nothing,
        resolve::what_was_decided_survives_a_restart,
        journal::the_latest_come_first,
        journal::ids_come_in_the_order_asked_for,
        journal::entries_hold_the_whole_command,
        journal::pruning_keeps_the_latest,
        whole::a_wiped_partition_is_closed_for_every_opener,
        whole::a_wiped_partition_starts_anew,
        whole::a_wipe_without_leave_deletes_nothing_that_is_unsynced,
        whole::dropped_calls_leave_the_store_usable,
        whole::two_openers_that_do_everything_at_once_agree,
    ]
}
