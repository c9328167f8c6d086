//! Which requests are traced, and what their traces are called.

use crate::config;
use crate::id::random_number;
use crate::trail::{self, Beginning, Context, Fate, Of, Trail};

use super::Coming;

/// Letters of a path that a span says.
const PATH_CHARS_MAX: usize = 200;

/// The part of a trace's name that decides, as OpenTelemetry's sampling does: 56 bits.
const DICE: u64 = (1 << 56) - 1;

/// Decides which requests are traced.
#[derive(Debug)]
pub(in super::super) struct Sampler {
    settings: config::Sampling,
    /// A trace whose last 56 bits are no less is traced.
    least: u64,
}

impl Sampler {
    pub(super) fn new(settings: config::Sampling) -> Self {
        Self { settings, least: least(settings.ratio) }
    }

    /// The trail of a request that comes in.
    pub(in super::super) fn request(&self, coming: &Coming<'_>) -> Trail {
        let told = trail::read(coming.headers);
        match told.filter(|_| self.settings.follow_parent) {
            Some(above) if !above.sampled => carried(above, coming),
            Some(above) => Trail::begin(Beginning {
                context: Context { span: fresh(), ..above },
                parent: Some((above.span, true)),
                state: trail::read_state(coming.headers),
                ..beginning(coming, Fate::Kept, above)
            }),
            None => {
                let (context, fate) = self.decide(None);
                Trail::begin(Beginning { link: told, ..beginning(coming, fate, context) })
            }
        }
    }

    /// The trail of one request of several in one body: below the whole.
    pub(in super::super) fn item(whole: &Trail, coming: &Coming<'_>) -> Trail {
        let (Some(above), Some(path)) = (whole.context(), whole.path()) else {
            return whole.clone();
        };
        Trail::begin(Beginning {
            context: Context { span: fresh(), ..above },
            parent: Some((above.span, false)),
            state: path.beginning.state.clone(),
            of: Of::Item,
            ..beginning(coming, path.beginning.fate, above)
        })
    }

    /// The trail of a job, which points at the request that it came as; it is traced if that was.
    pub(in super::super) fn job(&self, link: Option<Context>, coming: &Coming<'_>) -> Trail {
        let (context, fate) = self.decide(link.map(|link| link.sampled));
        Trail::begin(Beginning { link, of: Of::Job, ..beginning(coming, fate, context) })
    }

    /// A trace that begins here, and whether it is traced: as it was decided before, or by its name.
    fn decide(&self, before: Option<bool>) -> (Context, Fate) {
        let trace = u128::from(fresh()) << 64 | u128::from(random_number());
        let dice = u64::try_from(trace & u128::from(DICE)).unwrap_or(DICE);
        let sampled = before.unwrap_or(dice >= self.least);
        let fate = match (sampled, self.settings.keep_faults) {
            (true, _) => Fate::Kept,
            (false, true) => Fate::KeptOnFault,
            (false, false) => Fate::Carried,
        };
        (Context { trace, span: fresh(), sampled, random: true }, fate)
    }
}

/// The trail of a request whose trace goes through us.
pub(super) fn carried(context: Context, coming: &Coming<'_>) -> Trail {
    let state = trail::read_state(coming.headers);
    Trail::begin(Beginning { state, ..beginning(coming, Fate::Carried, context) })
}

fn beginning(coming: &Coming<'_>, fate: Fate, context: Context) -> Beginning {
    let unix_ms = u64::try_from(coming.unix_ms).unwrap_or(0);
    let path: String = coming.path.chars().take(PATH_CHARS_MAX).collect();
    Beginning {
        context,
        parent: None,
        link: None,
        state: None,
        of: Of::Request {
            method: coming.method.clone(),
            path: path.into(),
            url: coming.url.into(),
        },
        fate,
        at: coming.at.into_std().into(),
        unix_nanos: unix_ms.saturating_mul(1_000_000),
    }
}

/// A name for a span; 0 names none.
pub(super) fn fresh() -> u64 {
    random_number().max(1)
}

/// The least number that is traced for a part of all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "56 bits of a part between 0 and 1"
)]
fn least(ratio: f64) -> u64 {
    let whole = (DICE + 1) as f64;
    ((1.0 - ratio) * whole) as u64
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method};
    use tokio::time::Instant;

    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn sampler(ratio: f64, follow_parent: bool, keep_faults: bool) -> Sampler {
        Sampler::new(config::Sampling { ratio, follow_parent, keep_faults })
    }

    fn comes_in(sampler: &Sampler, told: Option<&'static str>) -> Trail {
        let mut headers = HeaderMap::new();
        headers.extend(told.map(|told| (trail::TRACE_HEADER, HeaderValue::from_static(told))));
        sampler.request(&coming(&headers))
    }

    fn coming(headers: &HeaderMap) -> Coming<'_> {
        let (method, at) = (&Method::POST, Instant::now());
        Coming { method, path: "/v1", url: "http://h", headers, at, unix_ms: 0 }
    }

    fn is_kept(trail: &Trail) -> bool {
        trail.kept().is_some()
    }

    #[test]
    fn a_part_of_traces_is_kept_and_it_is_that_part() {
        for (ratio, low, high) in [(0.0, 0, 0), (0.25, 400, 600), (1.0, 2000, 2000)] {
            let sampler = sampler(ratio, true, false);
            let kept = (0..2000).filter(|_| is_kept(&comes_in(&sampler, None))).count();
            assert!((low..=high).contains(&kept), "{kept} of 2000 at {ratio}");
        }
    }

    #[test]
    fn a_request_stays_in_its_trace_and_is_traced_if_that_is() {
        let sampler = sampler(0.0, true, true);
        let kept = comes_in(&sampler, Some(SAMPLED));
        let beginning = &kept.path().unwrap().beginning;
        assert_eq!(beginning.context.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(beginning.parent, Some((0xb7ad_6b71_6920_3331, true)));
        assert_ne!(beginning.context.span, 0xb7ad_6b71_6920_3331);
        let left = comes_in(&sampler, Some(UNSAMPLED));
        assert!(left.path().is_none(), "its app does not trace it, and so do we not");
        assert_eq!(left.context().unwrap().to_string(), UNSAMPLED);
    }

    #[test]
    fn a_trace_of_strangers_is_pointed_at_and_does_not_decide() {
        let trail = comes_in(&sampler(1.0, false, false), Some(UNSAMPLED));
        let beginning = &trail.path().unwrap().beginning;
        assert_eq!(beginning.link.unwrap().to_string(), UNSAMPLED);
        assert_ne!(beginning.context.trace, beginning.link.unwrap().trace);
        assert_eq!((beginning.parent, beginning.fate), (None, Fate::Kept));
        assert!(!is_kept(&comes_in(&sampler(0.0, false, false), Some(SAMPLED))));
    }

    #[test]
    fn what_is_not_kept_is_written_down_only_for_the_sake_of_faults() {
        assert!(comes_in(&sampler(0.0, true, true), None).is_written());
        assert!(!is_kept(&comes_in(&sampler(0.0, true, true), None)));
        assert!(!comes_in(&sampler(0.0, true, false), None).is_written());
    }

    #[test]
    fn a_job_is_traced_if_its_request_was_and_points_at_it() {
        let headers = HeaderMap::new();
        let sampler = sampler(0.0, true, false);
        let link = Context::parse(SAMPLED);
        let job = sampler.job(link, &coming(&headers));
        assert_eq!(job.path().unwrap().beginning.link, link);
        assert_ne!(job.context().unwrap().trace, link.unwrap().trace);
        assert!(!is_kept(&sampler.job(Context::parse(UNSAMPLED), &coming(&headers))));
    }

    #[test]
    fn an_item_is_below_the_whole() {
        let headers = HeaderMap::new();
        let whole = comes_in(&sampler(1.0, true, false), None);
        let item = Sampler::item(&whole, &coming(&headers));
        let (above, below) = (whole.context().unwrap(), item.context().unwrap());
        assert_eq!(above.trace, below.trace);
        assert_eq!(item.path().unwrap().beginning.parent, Some((above.span, false)));
    }
}
