//! Files of policy: a policy, or faults that each name a place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::policy::{PolicyText, build};

fuzz_target!(|text: &str| {
    let file = PolicyText { file: "fuzzed.toml".to_owned(), text: text.to_owned() };
    match build(&[file], &|_| None) {
        Ok(policy) => assert!(!policy.version.is_empty()),
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| fault.line >= 1 && !fault.problem.is_empty()));
        }
    }
});
