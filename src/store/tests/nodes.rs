//! Several nodes on one store: they sell the same credits, and know of each other.

use crate::auth::AuthError;
use crate::id::JobId;
use crate::job::{JobError, State};
use crate::pledge::{Fingerprint, Named, Scope, Verdict};

use super::jobs::{accept, order};
use super::world::{Place, World, credits, receipt};
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_at_once_on_three_nodes_exactly_as_many_hold_as_there_are_credits_for() {
    let world = World::shared().await;
    world.grant(137).await;
    let nodes = [world.store().clone(), world.other_node().await, world.other_node().await];
    let mut tasks = JoinSet::new();
    for number in 0..1_000 {
        let store = nodes[number % 3].clone();
        let ask = world.ask(&format!("h{number}"), 1);
        tasks.spawn(async move { store.hold(ask).await });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 137);
    for refused in verdicts.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, StoreError::Ledger(LedgerError::Short { .. })), "{refused}");
    }
    let balance = world.balance().await;
    assert_eq!((balance.available, balance.held), (credits(0), credits(137)));
    world.must_balance().await;
}

#[tokio::test]
async fn nodes_that_start_together_on_an_empty_database_take_its_steps_once() {
    let place = Place::database();
    let clock = Arc::new(crate::clock::ManualClock::at(Now { unix_ms: 0, tick_ms: 0 }));
    let open = || place.open(&clock, USUAL_BOUNDS);
    let (one, two, three) = tokio::join!(open(), open(), open());
    one.create_workspace("of one".to_owned()).await.unwrap();
    for other in [two, three] {
        let taken = other.create_workspace("of one".to_owned()).await;
        assert!(matches!(taken, Err(StoreError::NameTaken { .. })));
    }
}

#[tokio::test]
async fn a_key_that_one_node_revokes_is_dead_on_the_others_within_a_second() {
    let world = World::shared().await;
    let other = world.other_node().await;
    let (key, text) = world.create_key().await;
    let ask = || other.keys().authenticate(Some(&text), 0).map(|_| ());
    until(|| ask() == Ok(())).await;
    world.store().set_key_status(key, KeyStatus::Revoked).await.unwrap();
    until(|| ask() == Err(AuthError::Revoked)).await;
}

#[tokio::test]
async fn what_another_node_is_at_is_running_and_unknown_once_that_node_is_gone() {
    let world = World::shared().await;
    world.grant(10).await;
    let other = world.other_node().await;
    let name =
        Named { scope: Scope([1; 32]), fingerprint: Fingerprint([1; 32]), is_implied: false };
    other.hold_once(world.ask("h1", 1), name).await.unwrap();
    world.until_seen().await;
    let (told, _) = world.store().look_up(name).await.unwrap();
    assert!(matches!(told, Verdict::Running { .. }), "{told:?}");
    other.close().await.unwrap();
    world.until_seen().await;
    let (told, _) = world.store().look_up(name).await.unwrap();
    assert!(matches!(told, Verdict::Unknown { .. }), "{told:?}");
    world.store().settle(HoldId::known("h1"), credits(1), receipt()).await.unwrap();
    world.must_balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_closed_is_gone_although_a_beat_of_it_was_under_way() {
    let world = World::shared().await;
    let node = world.other_node().await;
    let (run, client) = (node.run, world.client().await);
    // Beats wait at the door of their table, before they look whether their row is there.
    client
        .batch_execute(
            "CREATE FUNCTION at_the_door() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
             CREATE TRIGGER door BEFORE INSERT ON node FOR EACH ROW EXECUTE FUNCTION at_the_door();
             SELECT pg_advisory_lock(1)",
        )
        .await
        .unwrap();
    let beating = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state = 'active' AND query LIKE 'INSERT INTO node%'";
    let beating = async || client.query_one(beating, &[]).await.unwrap().get::<_, i64>(0);
    while beating().await < 2 {
        tokio::task::yield_now().await;
    }
    let mut closing = std::pin::pin!(node.close());
    // A store that does not wait for its beat would be closed by then.
    let early = tokio::time::timeout(Duration::from_millis(500), &mut closing).await;
    client.batch_execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    match early {
        Ok(closed) => closed.unwrap(),
        Err(_) => closing.await.unwrap(),
    }
    while beating().await > 0 {
        tokio::task::yield_now().await;
    }
    let there = client.query("SELECT 1 FROM node WHERE run = $1", &[&run]).await.unwrap();
    assert!(there.is_empty(), "it lives again");
}

#[tokio::test]
async fn jobs_of_a_node_that_is_gone_are_taken_over_and_are_no_longer_its_own() {
    let world = World::shared().await;
    world.grant(10).await;
    let (mine, other) = (world.store(), world.other_node().await);
    for (job, hold) in [("job_1", "h1"), ("job_2", "h2")] {
        accept(&world, job, hold).await.unwrap();
    }
    let (one, two) = (JobId::known("job_1"), JobId::known("job_2"));
    mine.begin_job(one.clone()).await.unwrap();
    mine.place_job(one.clone(), order()).await.unwrap();
    assert_eq!(other.adopt_jobs().await.unwrap(), [], "their node is there");
    // A node that is there, and that the others do not hear for ten seconds.
    world.run(&format!("UPDATE job SET run = {}", mine.run.wrapping_add(1)));
    let adopted = other.adopt_jobs().await.unwrap();
    let states: Vec<State> = adopted.iter().map(|job| job.state).collect();
    assert_eq!(states, [State::Placed, State::Queued]);
    assert_eq!(other.adopt_jobs().await.unwrap(), adopted, "they stay its own");
    assert_eq!(mine.adopt_jobs().await.unwrap(), [], "and are no other's");
    for refused in [mine.begin_job(one), mine.begin_job(two.clone())].map(Box::pin) {
        let refused = refused.await;
        assert!(matches!(refused, Err(StoreError::Job(JobError::Over))), "{refused:?}");
    }
    // Whoever it belongs to, anyone may say that it is wanted no more.
    assert!(mine.cancel_job(two.clone()).await.unwrap().unwanted);
    let begun = other.begin_job(two).await;
    assert!(matches!(begun, Err(StoreError::Job(JobError::Unwanted))), "{begun:?}");
}

async fn buy_one(store: &Store, ask: HoldAsk) {
    let hold = ask.hold.clone();
    store.hold(ask).await.unwrap();
    store.settle(hold, credits(1), receipt()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_taken_over_in_the_middle_of_other_nodes_batches() {
    let world = World::shared().await;
    world.grant(1_000).await;
    let nodes = [world.store().clone(), world.other_node().await];
    accept(&world, "job_1", "h_job").await.unwrap();
    for round in 0..20 {
        world.run("UPDATE job SET run = NULL");
        let buying = join_all((0..32).map(|number| {
            buy_one(&nodes[number % 2], world.ask(&format!("h{round}_{number}"), 1))
        }));
        let adopting = join_all(nodes.iter().map(Store::adopt_jobs));
        let (_, adopted) = tokio::join!(buying, adopting);
        let adopted: usize = adopted.into_iter().map(|jobs| jobs.unwrap().len()).sum();
        assert_eq!(adopted, 1, "one node has it");
    }
    assert_eq!(world.balance().await.spent, credits(640));
    world.must_balance().await;
}

#[tokio::test]
async fn entries_of_the_shared_store_are_never_changed_or_removed() {
    let world = World::shared().await;
    world.grant(10).await;
    let client = world.client().await;
    for forbidden in ["UPDATE entry SET amount_nanos = 1", "DELETE FROM entry", "TRUNCATE entry"] {
        let refused = client.batch_execute(forbidden).await.unwrap_err();
        let said = refused.as_db_error().unwrap().message();
        assert!(said.contains("an entry is never"), "{said}");
    }
    world.must_balance().await;
}

#[tokio::test]
async fn a_lie_in_the_shared_books_is_found_and_told_in_words() {
    let world = World::shared().await;
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.settle("h1", 3).await.unwrap();
    world.hold("h2", 2).await.unwrap();
    world.must_balance().await;
    let free = "ALTER TABLE entry DISABLE TRIGGER USER";
    for (lie, told) in [
        (free, "trigger is gone"),
        ("UPDATE entry SET amount_nanos = 1 WHERE kind = 'grant'", "not where its entries put it"),
        ("DELETE FROM entry WHERE kind = 'hold' AND hold = 'h1'", "entries are missing"),
        ("UPDATE usage SET charged_nanos = charged_nanos + 1", "not those of the usage rows"),
        ("UPDATE hold SET amount_nanos = 9 WHERE id = 'h2'", "not those of the open holds"),
    ] {
        world.run(lie);
        let faults = world.store().verify().await.unwrap().faults;
        assert!(faults.iter().any(|fault| fault.contains(told)), "{lie}: {faults:#?}");
    }
}

/// Waits for what a node sees by itself; fails after ten seconds.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it never came to be");
}

impl World {
    /// A connection with nobody to mind it.
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    pub(super) async fn client(&self) -> tokio_postgres::Client {
        let url = self.url();
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Waits until the store has looked which nodes are there.
    async fn until_seen(&self) {
        let rows = self.client().await;
        let rows = rows.query("SELECT run FROM node ORDER BY run", &[]).await.unwrap();
        let there: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        until(|| {
            let mut living = self.store().shared.living().to_vec();
            living.sort_unstable();
            living.dedup();
            living == there
        })
        .await;
    }
}

#[tokio::test]
async fn no_look_reads_all_jobs_and_no_span_the_rows_before_it() {
    let world = World::shared().await;
    let client = world.client().await;
    // Tables as small as these are read as a whole otherwise, whatever is asked.
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    for (query, by) in [
        (postgres::ADOPTABLE, "job_id_key"),
        (reader::FIRST_SINCE, "usage_at"),
        (crate::store::finance::ENDS, "usage_at"),
        (reader::ENDED, "usage_pkey"),
    ] {
        let query = query.postgres.replace("$2 ||", "'' ||");
        let query = ["$1", "$2", "$3"].iter().fold(query, |query, one| query.replace(one, "1"));
        let rows = client.query(&format!("EXPLAIN {query}"), &[]).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(by), "{query}\n{plan}");
        assert!(!plan.contains("Seq Scan on job"), "{query}\n{plan}");
    }
}
