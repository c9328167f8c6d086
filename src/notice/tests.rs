//! What becomes of a notice, what signs it, and that lanes do not wait for each other.

use proptest::prelude::*;

use super::*;
use crate::secret::Secret;

const CREATED_MS: i64 = 1_000_000;

fn at(unix_ms: i64) -> Now {
    Now { unix_ms, tick_ms: 0 }
}

fn patience() -> Patience {
    Patience {
        tries_max: 4,
        timeout: Duration::from_secs(15),
        first_wait: Duration::from_secs(4),
        wait_max: Duration::from_mins(1),
        time_max: Duration::from_mins(10),
    }
}

fn notice(nth: u32, tries: u32) -> Notice {
    let job = JobId::known(&format!("job_{nth}"));
    Notice {
        id: NoticeId::of(&job),
        about: About::Job(job),
        lane: Lane {
            workspace: WorkspaceId::known("ws_1"),
            origin: "https://hooks.example".to_owned(),
        },
        created_at_ms: CREATED_MS,
        at_ms: CREATED_MS,
        tries,
    }
}

fn status(status: u16) -> Answer {
    Answer::Status { status, retry_after: None }
}

fn after(answer: Answer, tries: u32) -> Verdict {
    notice(1, tries).judge(answer, &patience(), at(CREATED_MS), 0)
}

#[test]
fn any_2xx_is_told_and_410_ends_it_for_good() {
    for taken in [200, 201, 204, 299] {
        assert_eq!(after(status(taken), 0), Verdict::Told);
    }
    assert_eq!(after(status(410), 0), Verdict::Dead(Why::Gone));
}

#[test]
fn whatever_else_is_said_it_is_tried_again_and_a_redirect_is_nothing_else() {
    let again = Verdict::Again { at_ms: CREATED_MS + 4_000 };
    for answer in [301, 307, 400, 401, 404, 408, 500, 502].map(status) {
        assert_eq!(after(answer, 0), again, "{answer:?}");
    }
    for answer in [Answer::TimedOut, Answer::Unreachable, Answer::Inside, Answer::Unsigned] {
        assert_eq!(after(answer, 0), again, "{answer:?}");
    }
}

#[test]
fn waits_grow_fourfold_until_the_tries_are_used_up() {
    let waits = [(0, 4_000), (1, 16_000), (2, 60_000)];
    for (tries, wait_ms) in waits {
        assert_eq!(after(status(500), tries), Verdict::Again { at_ms: CREATED_MS + wait_ms });
    }
    assert_eq!(after(status(500), 3), Verdict::Dead(Why::Tries));
}

#[test]
fn a_receiver_that_says_when_is_left_alone_until_then() {
    let asked = |status, seconds| {
        let retry_after = Some(Duration::from_secs(seconds));
        after(Answer::Status { status, retry_after }, 0)
    };
    let again = |wait_ms| Verdict::Again { at_ms: CREATED_MS + wait_ms };
    assert_eq!([asked(429, 90), asked(503, 90)], [again(90_000); 2]);
    assert_eq!([asked(429, 1), asked(500, 90)], [again(4_000); 2]);
    assert_eq!(asked(429, 601), Verdict::Dead(Why::Late));
}

#[test]
fn when_its_time_is_over_it_is_not_tried_any_more() {
    let (notice, last) = (notice(1, 0), CREATED_MS + 600_000);
    assert!(!notice.is_late(&patience(), at(last)));
    assert!(notice.is_late(&patience(), at(last + 1)));
    let verdict = |now_ms| notice.judge(status(500), &patience(), at(now_ms), 0);
    assert_eq!(verdict(last - 4_000), Verdict::Again { at_ms: last });
    assert_eq!(verdict(last - 3_999), Verdict::Dead(Why::Late));
}

#[test]
fn a_published_signature_is_made_again() {
    let secret = Secret::new("whsec_plJ3nmyCDGBKInavdOK15jsl".to_owned());
    // The key is shorter than the specification allows, as the published one is.
    assert_eq!(SigningKey::read(&secret), Err(BadSecret));
    let key = SigningKey::of_any_length(&secret).unwrap();
    let id = NoticeId::known("msg_loFOjxBNrRLzqYUf");
    let body = br#"{"event_type":"ping","data":{"success":true}}"#;
    let signature = key.sign(&id, 1_731_705_121, body);
    assert_eq!(signature, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
}

#[test]
fn a_secret_is_read_as_it_is_written_and_never_printed() {
    let written = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let key = SigningKey::read(&Secret::new(format!("{written}\n"))).unwrap();
    assert_eq!((key.written().reveal(), format!("{key:?}")), (written, "***".to_owned()));
    for text in
        ["", "whsec_", "whsec_c2hvcnQ=", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "whsec_not base64"]
    {
        assert_eq!(SigningKey::read(&Secret::new(text.to_owned())), Err(BadSecret), "{text}");
    }
}

fn webhooks(secrets: &[&str]) -> Webhooks {
    let key = |text: &&str| SigningKey::read(&Secret::new((*text).to_owned())).unwrap();
    let hosts = ["hooks.example", "http://plain.example:8080"];
    Webhooks {
        reach: Reach {
            hosts: hosts.iter().map(|text| text.parse().unwrap()).collect(),
            inside_hosts: Vec::new(),
        },
        keys: secrets.iter().map(key).collect(),
        patience: patience(),
    }
}

const NEW: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OLD: &str = "whsec_YWJjZGVmZ2hpamFiY2RlZmdoaWphYmNkZWZnaGlqYWI=";

#[test]
fn each_workspace_has_a_key_of_its_own_and_two_secrets_sign_twice() {
    let key = SigningKey::read(&Secret::new(NEW.to_owned())).unwrap();
    let one = key.of_workspace(&WorkspaceId::known("ws_1"));
    assert_ne!(one, key.of_workspace(&WorkspaceId::known("ws_2")));
    assert_eq!(SigningKey::read(&one.written()), Ok(one.clone()));
    let signed = |secrets: &[&str]| {
        let [_, _, (_, signature)] = webhooks(secrets).sign(&notice(1, 0), b"{}", at(5_000));
        signature
    };
    assert_eq!(signed(&[NEW]), one.sign(&NoticeId::known("msg_1"), 5, b"{}"));
    assert_eq!(signed(&[NEW, OLD]), format!("{} {}", signed(&[NEW]), signed(&[OLD])));
}

#[test]
fn only_listed_hosts_are_told_and_a_plan_may_list_more() {
    let webhooks = webhooks(&[NEW]);
    let own: Vec<Host> = vec!["own.example".parse().unwrap()];
    assert!(webhooks.judge(&[], "https://hooks.example/a?b=c").is_ok());
    assert!(webhooks.judge(&[], "http://plain.example:8080/").is_ok());
    assert!(webhooks.judge(&own, "https://own.example/").is_ok());
    for address in ["http://hooks.example/", "https://own.example/", "https://hooks.example:8443/"]
    {
        let barred = webhooks.judge(&[], address);
        assert!(matches!(barred, Err(NoWebhook::Barred(Barred::Unlisted { .. }))), "{address}");
    }
    let no_secret = Webhooks { keys: Vec::new(), ..webhooks };
    assert_eq!(no_secret.judge(&own, "https://own.example/"), Err(NoWebhook::NotSetUp));
    let nobody = Webhooks { reach: Reach::default(), ..self::webhooks(&[NEW]) };
    assert_eq!(nobody.judge(&[], "https://hooks.example/"), Err(NoWebhook::NotSetUp));
}

/// The names of what is to be tried.
fn names(taken: &[Due]) -> Vec<&str> {
    taken.iter().map(|due| due.about().as_str()).collect()
}

#[test]
fn a_lane_that_is_busy_delays_itself_only() {
    let mut schedule = Schedule::new(3, 1);
    for nth in 1..=3 {
        schedule.put(Notice { at_ms: i64::from(nth), ..notice(nth, 0) });
    }
    let lane = Lane { origin: "https://other.example".to_owned(), ..notice(4, 0).lane };
    schedule.put(Notice { lane, at_ms: 9, ..notice(4, 0) });
    let mut first = schedule.take(8);
    assert_eq!(names(&first), ["job_1"]);
    assert_eq!(schedule.next_at_ms(), Some(9));
    assert_eq!(names(&schedule.take(9)), ["job_4"]);
    schedule.again(first.remove(0), 50, 1);
    assert_eq!(names(&schedule.take(9)), ["job_2"]);
}

#[test]
fn no_more_are_under_way_than_may_be() {
    let mut schedule = Schedule::new(2, 9);
    (1..=3).for_each(|nth| schedule.put(notice(nth, 0)));
    let taken = schedule.take(CREATED_MS);
    assert_eq!((names(&taken), schedule.next_at_ms()), (vec!["job_1", "job_2"], None));
    schedule.over(&taken[0]);
    assert_eq!(names(&schedule.take(CREATED_MS)), ["job_3"]);
}

#[test]
fn what_is_known_already_is_not_told_twice() {
    let mut schedule = Schedule::new(9, 9);
    schedule.put(notice(1, 0));
    schedule.put(notice(1, 0));
    let taken = schedule.take(CREATED_MS);
    schedule.put(notice(1, 0));
    assert_eq!((taken.len(), schedule.len()), (1, 1));
    assert!(schedule.take(CREATED_MS).is_empty());
    schedule.over(&taken[0]);
    assert!(schedule.is_empty() && schedule.oldest_ms().is_none());
}

proptest! {
    /// Whatever receivers answer: each notice ends, within its tries and its time, and no wait is
    /// shorter than half of what it should be or longer than it may be.
    #[test]
    fn every_notice_ends_within_its_tries_and_its_time(
        statuses in prop::collection::vec(300_u16..600, 9),
        dice in prop::collection::vec(any::<u64>(), 9),
    ) {
        let patience = patience();
        let (mut now_ms, mut tries) = (CREATED_MS, 0);
        for (code, dice) in statuses.into_iter().zip(dice) {
            match notice(1, tries).judge(status(code), &patience, at(now_ms), dice) {
                Verdict::Again { at_ms } => {
                    let full_ms = [4_000, 16_000, 60_000][usize::try_from(tries).unwrap()];
                    prop_assert!((full_ms / 2..=full_ms).contains(&(at_ms - now_ms)));
                    prop_assert!(at_ms <= CREATED_MS + 600_000);
                    (now_ms, tries) = (at_ms, tries + 1);
                }
                Verdict::Told => prop_assert!(false, "{code} is not a yes"),
                Verdict::Dead(_) => return Ok(()),
            }
        }
        prop_assert!(false, "it is still tried");
    }

    /// Whatever order things happen in, nothing is lost, and bounds are kept.
    #[test]
    fn nothing_leaves_the_schedule_unless_it_is_over(
        steps in prop::collection::vec((0_u8..4, 0_u32..40, 0_i64..100), 1..200),
    ) {
        let mut schedule = Schedule::new(4, 2);
        let (mut out, mut known) = (Vec::<Due>::new(), std::collections::BTreeSet::new());
        for (what, nth, ms) in steps {
            match what {
                0 if !known.contains(&nth) => {
                    let origin = format!("https://h{}.example", nth % 3);
                    let lane = Lane { origin, ..notice(nth, 0).lane };
                    schedule.put(Notice { lane, at_ms: ms, ..notice(nth, 0) });
                    known.insert(nth);
                }
                1 => out.extend(schedule.take(ms)),
                2 => if let Some(due) = out.pop() { schedule.again(due, ms, 1) },
                _ => if let Some(due) = out.pop() {
                    schedule.over(&due);
                    known.retain(|nth| format!("job_{nth}") != due.about().as_str());
                },
            }
            prop_assert!(out.len() <= 4);
            for origin in out.iter().map(|due| &due.notice().lane.origin) {
                let of_lane = out.iter().filter(|due| due.notice().lane.origin == *origin);
                prop_assert!(of_lane.count() <= 2);
            }
            prop_assert_eq!(schedule.len(), known.len());
        }
        while !schedule.is_empty() {
            for due in out.drain(..).chain(schedule.take(i64::MAX)).collect::<Vec<_>>() {
                schedule.over(&due);
            }
        }
    }
}
