//! The condition of a rule: it is read or refused, and asked of a request it has an answer or stops.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::clock::Now;
use pixelgate::rules::{Asker, Facts, Follows, Rule, Rules, Treatment};
use pixelgate_fuzz::request;

fuzz_target!(|condition: &str| {
    let follows = Follows::Treat(Box::<Treatment>::default());
    let Ok(rule) = Rule::read("fuzzed", condition, follows) else { return };
    let mut rules = Rules::default();
    rules.add(rule);
    let request = request();
    let caller = Asker {
        workspace: "ws_one",
        key: "key_one",
        key_name: "one",
        plan: "open",
        scopes: &[],
        is_test: false,
    };
    let facts = Facts {
        request: &request,
        dialect: "fuzzed",
        model: "any-model",
        caller,
        now: Now { unix_ms: 1_795_255_200_250, tick_ms: 0 },
        quote: None,
    };
    let _ = rules.holding(&facts);
});
