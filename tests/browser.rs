//! The dashboard in a real browser: each test plays one scenario of `tests/browser/`, named by its title. At the end
//! of each the console and the policy were silent, no request left the host, axe found nothing serious in either
//! theme and nothing scrolled sideways.

mod line;
mod stage;

use stage::Stage;

#[tokio::test]
async fn the_first_walk_from_setup_to_a_signed_url() {
    Stage::fresh().await.play("walk").await;
}

#[tokio::test]
async fn d_01_from_start_to_the_first_visible_image() {
    Stage::fresh().await.play("d01").await;
}

#[tokio::test]
async fn d_02_setup_cannot_be_taken_over() {
    Stage::fresh().await.play("d02").await;
}

#[tokio::test]
async fn d_03_signing_in_tells_nothing_and_slows_down_guessing() {
    Stage::fresh().await.at_fernhill().await.play("d03").await;
}

#[tokio::test]
async fn d_05_many_files_with_progress() {
    Stage::fresh().await.at_fernhill().await.play("d05").await;
}

#[tokio::test]
async fn d_06_drop_paste_folder() {
    Stage::fresh().await.at_fernhill().await.play("d06").await;
}

#[tokio::test]
async fn d_07_clear_errors_no_dead_ends() {
    Stage::with(|config| config.form.max_upload_bytes = 5_000_000)
        .await
        .at_fernhill()
        .await
        .play("d07")
        .await;
}

#[tokio::test]
async fn d_08_pause_resume_cancel_retry() {
    Stage::fresh().await.at_fernhill().await.play("d08").await;
}

#[tokio::test]
async fn d_09_a_retry_never_makes_two_images() {
    Stage::fresh().await.at_fernhill().await.play("d09").await;
}

#[tokio::test]
async fn d_11_upload_without_javascript() {
    Stage::fresh().await.at_fernhill().await.play("d11").await;
}

#[tokio::test]
async fn d_17_build_see_and_copy_a_url() {
    Stage::fresh().await.at_fernhill().await.play("d17").await;
}

#[tokio::test]
async fn d_20_a_variant_is_created_used_and_protected() {
    Stage::fresh().await.at_fernhill().await.play("d20").await;
}

#[tokio::test]
async fn d_18_signed_url_with_an_expiry() {
    Stage::fresh().await.at_fernhill().await.play("d18").await;
}

#[tokio::test]
async fn d_21_rotation_with_overlap() {
    Stage::fresh().await.at_fernhill().await.play("d21").await;
}

#[tokio::test]
async fn d_22_revoking_a_signing_key_in_use_shows_the_damage() {
    Stage::fresh().await.at_fernhill().await.play("d22").await;
}

#[tokio::test]
async fn d_25_theme_phone_and_no_script_path() {
    Stage::fresh().await.at_fernhill().await.play("d25").await;
}

#[tokio::test]
async fn the_tray_lives_on_while_pages_change_and_a_session_ends() {
    Stage::fresh().await.at_fernhill().await.play("tray").await;
}

#[tokio::test]
async fn acts_are_quicker_with_javascript_and_lose_nothing() {
    Stage::fresh().await.at_fernhill().await.play("acts").await;
}

#[tokio::test]
async fn every_act_works_without_javascript() {
    Stage::fresh().await.at_fernhill().await.play("plain").await;
}

#[tokio::test]
async fn a_scheme_is_reported_then_enforced_and_its_key_revoked() {
    Stage::fresh().await.at_fernhill().await.play("schemes").await;
}

#[tokio::test]
async fn the_api_is_read_by_everybody() {
    Stage::fresh().await.at_fernhill().await.play("apiDocs").await;
}

#[tokio::test]
async fn a_url_is_checked_as_if_somebody_else_asked() {
    Stage::fresh().await.at_fernhill().await.play("checks").await;
}

#[tokio::test]
async fn rules_say_what_they_break_and_revocations_hold_at_once() {
    Stage::fresh().await.at_fernhill().await.play("rules").await;
}

#[tokio::test]
async fn the_audit_log_says_who_did_and_fetched_what() {
    Stage::fresh().await.at_fernhill().await.play("audit").await;
}

#[tokio::test]
async fn delivery_and_audit_work_without_javascript() {
    Stage::fresh().await.at_fernhill().await.play("plainDelivery").await;
}

#[tokio::test]
async fn every_page_keeps_its_budget() {
    Stage::fresh().await.at_fernhill().await.play("budgets").await;
}
