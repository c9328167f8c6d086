//! Tokens, the audit log, drains and pages: the same on every store.

use serde_json::json;

use crate::auth::{Role, TokenError, digest};
use crate::id::{JobId, RequestId, TokenId};

use super::super::command::{Command, Outcome};
use super::super::{Actor, Deed, Page, Rotation};
use super::world::{START_MS, World, credits, grant};
use super::*;

on_every_store! {
    a_token_proves_until_it_is_revoked_whatever_happened_in_between
    a_change_and_its_audit_row_are_written_together_or_not_at_all
    nobody_changes_or_removes_a_row_of_the_audit_log
    a_drain_stays_until_it_is_resumed
    a_rotated_key_is_good_until_its_end
    pages_of_a_ledger_go_down_to_its_first_entry
}

fn first<T>(limit: u32) -> Page<T> {
    Page { after: None, limit }
}

async fn token(world: &World) -> (TokenId, String) {
    let command = Command::CreateToken {
        name: "ada".to_owned(),
        role: Role::Operator,
        expires_at_ms: Some(START_MS + 60_000),
    };
    let made = world.store().run(command).await.unwrap();
    let Outcome::TokenCreated { token, text } = made else { panic!("{made:?}") };
    (token, text)
}

async fn a_token_proves_until_it_is_revoked_whatever_happened_in_between(mut world: World) {
    let (id, text) = token(&world).await;
    let shown = digest(&text);
    world.reopen().await;
    let operator = world.store().operator(shown).await.unwrap().unwrap();
    assert_eq!((operator.role(), &operator.record().id), (Role::Operator, &id));
    let other = world.store().operator(digest("pgadm_other")).await.unwrap();
    assert_eq!(other.unwrap_err(), TokenError::Unknown);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(world.store().operator(shown).await.unwrap().unwrap_err(), TokenError::Expired);
    world.store().run(Command::RevokeToken { token: id.clone() }).await.unwrap();
    assert_eq!(world.store().operator(shown).await.unwrap().unwrap_err(), TokenError::Revoked);
    let listed = world.store().list_tokens().await.unwrap();
    assert_eq!((listed.len(), listed[0].revoked_at_ms), (1, Some(START_MS + 60_000)));
    let nobody = Command::RevokeToken { token: TokenId::known("adm_nobody") };
    assert!(matches!(world.store().run(nobody).await, Err(StoreError::Unknown { .. })));
}

async fn a_change_and_its_audit_row_are_written_together_or_not_at_all(mut world: World) {
    let (_, text) = token(&world).await;
    let operator = world.store().operator(digest(&text)).await.unwrap().unwrap();
    let actor = || {
        let address = Some("203.0.113.7".parse().unwrap());
        Actor::shown(&operator, address, RequestId::known("req_1"))
    };
    let suspend =
        |suspended| Command::SuspendWorkspace { workspace: world.workspace.clone(), suspended };
    world.store().run_as(actor(), suspend(true)).await.unwrap();
    world.store().run_as(actor(), suspend(true)).await.unwrap();
    let taken = Command::CreateWorkspace { name: "the shop".to_owned() };
    assert!(world.store().run_as(actor(), taken).await.is_err());
    let new = grant(&world.workspace, "g1", 10);
    world.store().run_as(actor(), Command::Grant(new.clone())).await.unwrap();
    world.store().run_as(actor(), Command::Grant(new)).await.unwrap();
    let deed = Deed::new("job.cancel", JobId::known("job_1").as_str());
    world.store().note_deed(actor(), deed).await.unwrap();
    world.reopen().await;
    let log = world.store().audit(first(10)).await.unwrap();
    let told: Vec<&str> = log.iter().map(|line| line.action.as_str()).collect();
    let expected =
        ["job.cancel", "credits.grant", "workspace.suspend", "token.create", "workspace.create"];
    assert_eq!(told, expected, "what was refused or changed nothing is not in it");
    let line = &log[2];
    assert_eq!(
        (line.at_ms, line.name.as_str(), line.role.as_deref()),
        (START_MS, "ada", Some("operator"))
    );
    assert_eq!(line.address.as_deref(), Some("203.0.113.7"));
    assert_eq!(
        (&line.was, &line.became),
        (&Some(json!({ "suspended": false })), &Some(json!({ "suspended": true })))
    );
    assert_eq!((log[4].token.as_deref(), log[4].name.as_str()), (None, "command line"));
    let rest = world.store().audit(Page { after: Some(log[2].seq), limit: 1 }).await.unwrap();
    assert_eq!(rest, [log[3].clone()]);
}

async fn nobody_changes_or_removes_a_row_of_the_audit_log(mut world: World) {
    let before = world.store().audit(first(9)).await.unwrap();
    assert_eq!(before.len(), 1);
    for lie in ["UPDATE audit SET name = 'nobody'", "DELETE FROM audit"] {
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run(lie)));
        assert!(refused.is_err(), "{lie}");
    }
    world.reopen().await;
    assert_eq!(world.store().audit(first(9)).await.unwrap(), before);
}

async fn a_drain_stays_until_it_is_resumed(mut world: World) {
    let drain = |reason: &str| Command::Drain {
        offering: "paint/one".to_owned(),
        reason: reason.to_owned(),
    };
    world.store().run(drain("ill")).await.unwrap();
    world.store().run(drain("again")).await.unwrap();
    world.reopen().await;
    let drains = world.store().drains().await.unwrap();
    assert_eq!((drains.len(), drains[0].reason.as_str(), drains[0].at_ms), (1, "ill", START_MS));
    let resume = || Command::Resume { offering: "paint/one".to_owned() };
    world.store().run(resume()).await.unwrap();
    world.store().run(resume()).await.unwrap();
    assert_eq!(world.store().drains().await.unwrap(), []);
}

async fn a_rotated_key_is_good_until_its_end(mut world: World) {
    let (id, old) = world.create_key().await;
    let rotation = Rotation { old_until_ms: START_MS + 1_000, prefix: Some("ndsk".to_owned()) };
    let command = Command::RotateKey { key: id, rotation };
    let Outcome::KeyCreated { text: new, .. } = world.store().run(command).await.unwrap() else {
        panic!("no key was made");
    };
    assert!(new.starts_with("ndsk_test_"), "{new}");
    world.reopen().await;
    let keys = world.store().keys();
    let is_good = |text: &str, at_ms: i64| keys.authenticate(Some(text), at_ms).is_ok();
    assert!(is_good(&old, START_MS + 999) && is_good(&new, START_MS + 999));
    assert!(!is_good(&old, START_MS + 1_000) && is_good(&new, START_MS + 1_000));
}

async fn pages_of_a_ledger_go_down_to_its_first_entry(world: World) {
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.settle("h1", 3).await.unwrap();
    let id = world.workspace.as_str().to_owned();
    let whole = world.store().entries(&id, first(50)).await.unwrap();
    assert_eq!((whole[0].available_now, whole[0].held_now), (credits(7), credits(0)));
    let mut paged = Vec::new();
    while let [line] = &*world
        .store()
        .entries(&id, Page { after: paged.last().map(|line: &EntryLine| line.seq), limit: 1 })
        .await
        .unwrap()
    {
        paged.push(line.clone());
    }
    assert_eq!(paged, whole);
    assert_eq!(whole.last().unwrap().kind, "grant");
    let balances = world.store().balances(first(9)).await.unwrap();
    assert_eq!(balances[0].balance, world.balance().await);
    let workspace = world.store().workspace(&id).await.unwrap().unwrap();
    assert_eq!(balances[0].workspace, workspace);
    assert_eq!(world.store().workspaces(first(9)).await.unwrap(), [workspace]);
    let grants = world.store().grant_page(&id, first(9)).await.unwrap();
    assert_eq!((grants.len(), grants[0].left), (1, credits(7)));
    assert_eq!(world.store().key_page(first(9), Some(id)).await.unwrap(), []);
    assert_eq!(world.store().job_page(first(9), (None, Some("queued"))).await.unwrap(), []);
    assert_eq!(world.store().job("job_none").await.unwrap(), None);
}
