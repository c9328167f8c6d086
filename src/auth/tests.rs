//! Who is let in, and why not.

use super::*;

const NOW_MS: i64 = 1_000;

fn record(text: &str) -> KeyRecord {
    KeyRecord {
        id: KeyId::known("key_one"),
        workspace: WorkspaceId::known("ws_one"),
        digest: digest(text),
        scopes: vec!["images".to_owned()],
        mode: Mode::Live,
        plan: "starter".to_owned(),
        status: KeyStatus::Active,
        expires_at_ms: None,
        joins_repeats: false,
        name: "the shop".to_owned(),
    }
}

fn ask(key: KeyRecord, suspended: &[WorkspaceId]) -> Result<Caller, AuthError> {
    KeyRing::new([key], suspended).authenticate(Some("right"), NOW_MS)
}

#[test]
fn a_known_key_proves_its_workspace() {
    let caller = ask(record("right"), &[]).unwrap();
    assert_eq!(caller.workspace().as_str(), "ws_one");
    assert_eq!(caller.key().as_str(), "key_one");
    assert_eq!((caller.plan(), caller.mode()), ("starter", Mode::Live));
}

#[test]
fn nothing_and_blanks_are_a_missing_key_and_other_text_an_unknown_one() {
    let ring = KeyRing::new([record("right")], &[]);
    for (presented, why) in [
        (None, AuthError::Missing),
        (Some(""), AuthError::Missing),
        (Some("  "), AuthError::Missing),
        (Some("wrong"), AuthError::Unknown),
        (Some("righ"), AuthError::Unknown),
        (Some("right!"), AuthError::Unknown),
    ] {
        assert_eq!(ring.authenticate(presented, NOW_MS).unwrap_err(), why);
    }
}

#[test]
fn a_key_out_of_use_says_why() {
    for (status, why) in
        [(KeyStatus::Suspended, AuthError::Suspended), (KeyStatus::Revoked, AuthError::Revoked)]
    {
        let key = KeyRecord { status, ..record("right") };
        assert_eq!(ask(key, &[]).unwrap_err(), why);
    }
}

#[test]
fn a_key_is_good_until_the_moment_it_expires() {
    let until = |end_ms| KeyRecord { expires_at_ms: Some(end_ms), ..record("right") };
    assert!(ask(until(NOW_MS + 1), &[]).is_ok());
    assert_eq!(ask(until(NOW_MS), &[]).unwrap_err(), AuthError::Expired);
}

#[test]
fn a_suspended_workspace_shuts_out_all_its_keys() {
    let suspended = [WorkspaceId::known("ws_one")];
    let why = ask(record("right"), &suspended).unwrap_err();
    assert_eq!(why, AuthError::WorkspaceSuspended);
}

#[test]
fn digests_that_share_their_first_bytes_are_told_apart() {
    let mut twin = record("right");
    twin.digest[31] ^= 1;
    twin.id = KeyId::known("key_twin");
    let ring = KeyRing::new([twin, record("right")], &[]);
    let caller = ring.authenticate(Some("right"), NOW_MS).unwrap();
    assert_eq!((ring.len(), caller.key().as_str()), (2, "key_one"));
}

#[test]
fn a_star_grants_every_scope() {
    let own = ask(record("right"), &[]).unwrap();
    assert!(own.has_scope("images") && !own.has_scope("admin"));
    let all = KeyRecord { scopes: vec![EVERY_SCOPE.to_owned()], ..record("right") };
    assert!(ask(all, &[]).unwrap().has_scope("admin"));
}

#[test]
fn a_new_key_says_its_mode_and_never_repeats() {
    let (live, test) = (new_key_text(KEY_PREFIX, Mode::Live), new_key_text("ndsk", Mode::Test));
    assert!(live.starts_with("pg_live_") && test.starts_with("ndsk_test_"));
    assert_eq!((live.len(), test.len()), (48, 50));
    assert_ne!(live, new_key_text(KEY_PREFIX, Mode::Live));
}

#[test]
fn a_caller_never_prints_the_text_of_its_key() {
    let caller = ask(record("right"), &[]).unwrap();
    assert!(!format!("{caller:?}").contains("right"));
}
