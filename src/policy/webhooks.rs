//! The webhooks of a policy file: who may be told, what signs it, and how long it is tried.

use std::time::Duration;

use super::spanned::Spanned;

use crate::notice::{Patience, SECRETS_MAX, SigningKey, Webhooks};
use crate::scalar::Span;

use super::build::Faults;
use super::raw::{RawFile, RawWebhooks};
use super::reach::reach;
use super::vendor::secret_place;
use super::{FindSecret, Policy};

/// One try never takes longer: the gateway waits for it when it is told to stop.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// No notice is tried for longer.
const TIME_MAX: Duration = Duration::from_hours(24 * 7);

/// Whether webhooks were defined, and which of their secrets are not there.
#[derive(Debug, Default)]
pub(super) struct Missing {
    is_defined: bool,
    places: Vec<String>,
}

impl Missing {
    /// Adds what one file says of webhooks.
    pub(super) fn look(
        &mut self,
        policy: &mut Policy,
        file: &RawFile,
        (find_secret, faults): (FindSecret<'_>, &mut Faults<'_>),
    ) {
        let Some(spanned) = &file.webhooks else { return };
        if self.is_defined {
            let problem = "is defined twice".to_owned();
            faults.note(spanned.span(), "webhooks".to_owned(), problem, "keep one of them");
            return;
        }
        self.is_defined = true;
        let raw = spanned.get_ref();
        policy.webhooks = Webhooks {
            reach: reach(&raw.hosts, &raw.inside_hosts, "webhooks", faults),
            keys: self.keys(raw, find_secret, faults),
            patience: patience(raw, faults),
        };
        if raw.secrets.is_empty() {
            let hint = "write `secrets = [\"env:PIXELGATE_WEBHOOK_SECRET\"]`";
            let problem = "nothing would be signed".to_owned();
            faults.note(spanned.span(), "webhooks.secrets".to_owned(), problem, hint);
        }
    }

    /// A line for the log.
    pub(super) fn told(&self) -> Option<String> {
        let places = self.places.join(", ");
        (!places.is_empty()).then(|| format!("secrets of webhooks that are not there: {places}"))
    }

    fn keys(
        &mut self,
        raw: &RawWebhooks,
        find_secret: FindSecret<'_>,
        faults: &mut Faults<'_>,
    ) -> Vec<SigningKey> {
        const PLACE: &str = "webhooks.secrets";
        if let Some(one_more) = raw.secrets.get(SECRETS_MAX) {
            let problem = format!("there are more than {SECRETS_MAX}");
            let hint = "keep the one in use and the one that it takes over from";
            faults.note(one_more.span(), PLACE.to_owned(), problem, hint);
        }
        let mut keys = Vec::new();
        for text in &raw.secrets {
            let Some(at) = secret_place(text, PLACE, faults) else { continue };
            let Some(secret) = find_secret(&at) else {
                self.places.push(at.to_string());
                continue;
            };
            match SigningKey::read(&secret) {
                Ok(key) => keys.push(key),
                Err(bad) => {
                    let hint = "make one with `echo whsec_$(openssl rand -base64 32)`";
                    faults.note(text.span(), PLACE.to_owned(), format!("{at} {bad}"), hint);
                }
            }
        }
        keys
    }
}

fn patience(raw: &RawWebhooks, faults: &mut Faults<'_>) -> Patience {
    let usual = Patience::default();
    let mut within = |key: &str, value: &Option<Spanned<Span>>, usual: Duration, most: Duration| {
        let Some(span) = value else { return usual };
        let own = span.get_ref().0;
        if own.is_zero() || own > most {
            let problem = "is 0 or too long".to_owned();
            let hint = format!("write between \"1ms\" and \"{}s\"", most.as_secs());
            faults.note(span.span(), format!("webhooks.{key}"), problem, &hint);
        }
        own
    };
    Patience {
        tries_max: raw.tries_max.map_or(usual.tries_max, std::num::NonZero::get),
        timeout: within("timeout", &raw.timeout, usual.timeout, TIMEOUT_MAX),
        first_wait: within("first_wait", &raw.first_wait, usual.first_wait, TIME_MAX),
        wait_max: within("wait_max", &raw.wait_max, usual.wait_max, TIME_MAX),
        time_max: within("time_max", &raw.time_max, usual.time_max, TIME_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PolicyText, build};
    use crate::secret::Secret;

    const POLICY: &str = "[webhooks]\nhosts = [\"hooks.example\"]\nsecrets = [\"env:HOOKS\"]\n";

    fn text() -> Vec<PolicyText> {
        vec![PolicyText { file: "p.toml".to_owned(), text: POLICY.to_owned() }]
    }

    #[test]
    fn a_secret_that_cannot_sign_is_refused_and_not_repeated() {
        let faults = build(&text(), &|_| Some(Secret::new("hunter2".to_owned()))).unwrap_err();
        let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(said[0].starts_with("p.toml:3: webhooks.secrets: env:HOOKS is not"), "{said:?}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }

    #[test]
    fn a_secret_that_is_not_there_is_a_warning_and_nobody_is_told() {
        let policy = build(&text(), &|_| None).unwrap();
        assert!(policy.webhooks.keys.is_empty());
        assert_eq!(policy.warnings, ["secrets of webhooks that are not there: env:HOOKS"]);
    }
}
