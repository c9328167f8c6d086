//! The statuses: each operation may answer with those that are described, and with no other.

use std::collections::BTreeSet;
use std::path::Path;

use pixelgate::canonical::{LibraryAsk, Refusal, RefusalKind as Kind};
use pixelgate::dialect::{Claim, ClientSide, Dialect, RefusalContext};
use pixelgate::id::RequestId;
use serde_json::Value;

use super::assert_none;
use super::routes::{claim, of_dialects, ways};

/// What is asked of a path, as far as it decides how the answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Images,
    ImagesLater,
    Quote,
    Prompt,
    Models,
    OneModel,
    Usage,
    /// Lists of what is kept, which a query may ask for wrongly.
    List,
    /// One thing that is kept, or not.
    One,
    /// Jobs, of which a query may name one.
    Jobs,
    /// What needs no key.
    Open,
}

/// Whether a refusal of this kind may be said to this sort of request.
pub(crate) fn is_said(kind: Kind, claim: &Claim, client: &dyn ClientSide) -> bool {
    let sort = sort(claim, client);
    let draws = matches!(sort, Sort::Images | Sort::ImagesLater);
    match kind {
        Kind::BadFraming | Kind::HeadTooLarge | Kind::Overloaded => true,
        Kind::KeyMissing
        | Kind::KeyUnknown
        | Kind::KeyInactive
        | Kind::WorkspaceSuspended
        | Kind::ScopeMissing
        | Kind::TooSlow
        | Kind::BodyTooLarge
        // A plan may be without a dialect, and a webhook is told of jobs only.
        | Kind::ModelForbidden
        | Kind::BadRequest
        | Kind::Internal => sort != Sort::Open,
        Kind::PlanMissing => {
            draws
                || [Sort::Quote, Sort::Prompt, Sort::Models, Sort::OneModel, Sort::Usage]
                    .contains(&sort)
        }
        Kind::ContentRefused => draws || sort == Sort::Quote || sort == Sort::Prompt,
        Kind::Unsupported | Kind::Unpriced | Kind::RuleDenied | Kind::RuleFailed => draws || sort == Sort::Quote,
        Kind::ModelUnknown => draws || sort == Sort::Quote || sort == Sort::OneModel,
        Kind::UnknownPath => sort == Sort::One || sort == Sort::Jobs,
        Kind::WrongMethod => false,
        Kind::RateLimited
        | Kind::QuotaExhausted
        | Kind::ConcurrencyExceeded
        | Kind::StoreFull
        | Kind::CreditsShort => draws || sort == Sort::Prompt,
        Kind::NoneAvailable => draws,
        Kind::IdempotencyInFlight | Kind::IdempotencyMismatch | Kind::IdempotencyGone => {
            draws || sort == Sort::Prompt
        }
        // What becomes of a job is told by the job.
        Kind::VendorFailed | Kind::VendorTimedOut => sort == Sort::Images,
        Kind::StoreUnavailable => {
            let asks_the_store = [Sort::Quote, Sort::Prompt, Sort::Usage];
            draws
                || asks_the_store.contains(&sort)
                || [Sort::List, Sort::One, Sort::Jobs].contains(&sort)
        }
    }
}

fn sort(claim: &Claim, client: &dyn ClientSide) -> Sort {
    match claim {
        Claim::Images if client.answers_later() => Sort::ImagesLater,
        Claim::Images => Sort::Images,
        Claim::Quote => Sort::Quote,
        Claim::Prompt => Sort::Prompt,
        Claim::Models => Sort::Models,
        Claim::Model(_) => Sort::OneModel,
        Claim::Usage => Sort::Usage,
        Claim::Library(LibraryAsk::List) => Sort::List,
        Claim::Library(LibraryAsk::Show(_) | LibraryAsk::Erase(_))
        | Claim::Job(_)
        | Claim::CancelJob(_)
        | Claim::Asset(_)
        | Claim::WebhookSecret => Sort::One,
        Claim::Jobs => Sort::Jobs,
        Claim::OpenModels | Claim::Health | Claim::Preflight { .. } => Sort::Open,
        Claim::WrongMethod { .. } => panic!("no operation is of a wrong method"),
    }
}

/// The statuses of success.
fn successes(dialect: &Dialect, claim: &Claim) -> BTreeSet<u16> {
    let client = dialect.client.unwrap();
    match sort(claim, client) {
        Sort::ImagesLater => BTreeSet::from([202]),
        Sort::Images => answered(dialect.name).chain([202]).collect(),
        Sort::Open if matches!(claim, Claim::Preflight { .. }) => BTreeSet::from([204]),
        Sort::Quote
        | Sort::Prompt
        | Sort::Models
        | Sort::OneModel
        | Sort::Usage
        | Sort::List
        | Sort::One
        | Sort::Jobs
        | Sort::Open => BTreeSet::from([200]),
    }
}

/// The statuses of a dialect's golden answers.
fn answered(dialect: &str) -> impl Iterator<Item = u16> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dialects").join(dialect);
    std::fs::read_dir(folder).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let is_answer = path.to_str().unwrap().ends_with(".answer.json");
        let text = is_answer.then(|| std::fs::read_to_string(path).unwrap())?;
        let golden: Value = serde_json::from_str(&text).unwrap();
        u16::try_from(golden["status"].as_u64().unwrap()).ok()
    })
}

/// The status that a dialect gives to a kind.
fn status(client: &dyn ClientSide, kind: Kind) -> u16 {
    let request_id = RequestId::known("req_golden");
    let context = RefusalContext { request_id: &request_id, unix_ms: 0, model: None };
    client.encode_refusal(&Refusal::new(kind, "no"), &context).status
}

#[test]
fn each_operation_answers_with_the_statuses_that_are_described_and_no_other() {
    let mut faults = Vec::new();
    for operation in of_dialects() {
        // A path with a word in it that is none of the described is nobody's.
        let has_word = operation.path.contains('{');
        let mut possible: BTreeSet<u16> = has_word.then_some(404).into_iter().collect();
        for way in ways(operation) {
            let found = claim(&operation.method, &operation.example(), way);
            let Some((dialect, claim)) = found else { continue };
            let client = dialect.client.unwrap();
            possible.extend(successes(dialect, &claim));
            let kinds = Kind::ALL.into_iter().filter(|kind| is_said(*kind, &claim, client));
            possible.extend(kinds.map(|kind| status(client, kind)));
        }
        let described = operation.responses().into_iter().map(|(status, _)| status);
        let described: BTreeSet<u16> = described.map(|status| status.parse().unwrap()).collect();
        let missing: Vec<_> = possible.difference(&described).collect();
        let idle: Vec<_> = described.difference(&possible).collect();
        if !missing.is_empty() || !idle.is_empty() {
            let name = operation.name();
            faults.push(format!("{name}: not described {missing:?}, never said {idle:?}"));
        }
    }
    assert_none(&faults);
}
