//! Jobs and named pictures as answers.

use http::{HeaderMap, HeaderValue};

use crate::canonical::{
    Answer, Change, Delivery, Image, ImageRequest, ImageResponse, Kept, Picture, Problem, Refusal,
    RefusalKind, Stored,
};
use crate::dialect::{
    self, AssetShown, ClientSide, JobShown, Pieces, Step, VersionShown, WireReply, WireRequest,
};
use crate::job::{self, Input, Job, Outcome, State};
use crate::store::StoreError;

use super::super::{Gateway, Visit, refuse};
use super::ASK_AGAIN;

/// Jobs in one part of a list, unless the app asks for fewer or more.
const JOBS_LISTED: u32 = 20;

/// Jobs in one part of a list at most.
const JOBS_LISTED_MAX: u32 = 100;

/// Pictures that had a name before, at most.
const VERSIONS_MAX: u32 = 100;

/// What a completed job can be told of with: its request, and its pictures that are still there.
struct Found<'a> {
    request: ImageRequest,
    public_url: String,
    pictures: Vec<(&'a job::Kept, Kept)>,
}

/// The answer to a request that became a job.
pub(super) fn encode_accepted(client: &dyn ClientSide, job: &Job) -> WireReply {
    WireReply::json(202, client.encode_job(&shown(job), None))
        .with_header("location", &format!("/v1/jobs/{}", job.id))
        .with_header("preference-applied", "respond-async")
        .with_header("retry-after", &ASK_AGAIN.as_secs().to_string())
}

impl Gateway {
    /// One job, with its result. What is inside of it is read when there is room for it.
    pub(in super::super) async fn reply_with_one(&self, job: &Job) -> Result<WireReply, Refusal> {
        let refused = |error: StoreError| refuse::store(&error, self.clock.now());
        let mut lent = self.lend();
        let mut result = None;
        if let Some(Outcome::Completed(delivered)) = &job.outcome
            && let Some((_, input)) = self.store.load_job(job.id.clone()).await.map_err(refused)?
            && let Some(found) = self.found((job, input), delivered, None).await.map_err(refused)?
        {
            self.make_room(&mut lent, found.bytes())?;
            result = self.result(job, delivered, found).await;
        }
        let body = side_of(job).encode_job(&shown(job), result.as_ref());
        let reply = WireReply::json(200, lent.hold(body));
        let wait = ASK_AGAIN.as_secs().to_string();
        Ok(if job.state.is_end() { reply } else { reply.with_header("retry-after", &wait) })
    }

    /// One job as it is told of: with its result, whose pictures are always by address.
    pub(in super::super) async fn shown_by_address(
        &self,
        job: &Job,
        input: Input,
    ) -> Result<Pieces, StoreError> {
        let mut result = None;
        if let Some(Outcome::Completed(delivered)) = &job.outcome
            && let Some(found) = self.found((job, input), delivered, Some(Delivery::Url)).await?
        {
            result = self.result(job, delivered, found).await;
        }
        Ok(side_of(job).encode_job(&shown(job), result.as_ref()))
    }

    /// A part of the caller's jobs, the newest first and without their results.
    pub(in super::super) async fn reply_with_list(
        &self,
        visit: &Visit,
    ) -> Result<WireReply, Refusal> {
        let (mut count, mut after, mut states) = (JOBS_LISTED, None, State::ALL.to_vec());
        for pair in visit.head.query_text().split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("limit", text) => count = listed_at_most(text)?,
                ("cursor", text) => after = Some(self.job_of(visit, text).await?.id.to_string()),
                ("status", text) => states.retain(|state| state.status() == text),
                (other, _) => return Err(unknown_parameter(other)),
            }
        }
        if states.is_empty() {
            return Err(unknown_status());
        }
        let page = self.store.list_jobs(visit.whose(), (after, states), count).await;
        let page = page.map_err(|error| refuse::store(&error, self.clock.now()))?;
        let last = page.jobs.last().filter(|_| page.has_more).map(|job| job.id.as_str());
        let jobs: Vec<Pieces> =
            page.jobs.iter().map(|job| side_of(job).encode_job(&shown(job), None)).collect();
        Ok(WireReply::json(200, visit.client.encode_jobs(jobs, last)))
    }

    /// The picture that has a name, and those that had it before.
    pub(in super::super) async fn reply_with_asset(
        &self,
        visit: &Visit,
        key: &str,
    ) -> Result<WireReply, Refusal> {
        let named = self.store.named_pictures(visit.whose(), key.to_owned(), VERSIONS_MAX).await;
        let named = named.map_err(|error| refuse::store(&error, self.clock.now()))?;
        let mut there = Vec::with_capacity(named.len());
        for named in &named {
            let kept = self.kept_for_job(&named.picture).await;
            let kept = kept.map_err(|error| refuse::store(&error, self.clock.now()))?;
            there.extend(kept.map(|kept| (named, self.address(&visit.head.public_url, &kept))));
        }
        if there.is_empty() {
            return Err(refuse::unknown_asset(key));
        }
        let versions = there.iter().map(|(named, url)| VersionShown {
            url,
            pixels: named.picture.size.map(|size| (size.width, size.height)),
            job: named.job.as_str(),
            at_ms: named.at_ms,
        });
        let asset = AssetShown { key, versions: versions.collect() };
        Ok(WireReply::json(200, visit.client.encode_asset(&asset)))
    }

    /// What a completed job was asked for, and its pictures as far as they are still there; in this
    /// other way than it was asked. `None` when that cannot be told any more.
    async fn found<'a>(
        &self,
        (job, input): (&Job, Input),
        delivered: &'a job::Delivered,
        delivery: Option<Delivery>,
    ) -> Result<Option<Found<'a>>, StoreError> {
        let public_url = input.public_url.clone();
        let Ok(mut request) = side_of(job).decode_request(&wire_of(input)) else {
            return Ok(None);
        };
        let planned = |asked| match asked {
            // All are kept for a job, so that there is an address.
            Delivery::AsPlanned => delivered.planned.unwrap_or(Delivery::Url),
            Delivery::Inline | Delivery::Url | Delivery::Bytes => asked,
        };
        request.delivery = delivery.unwrap_or_else(|| planned(request.delivery));
        let mut pictures = Vec::with_capacity(delivered.pictures.len());
        for kept in &delivered.pictures {
            pictures.extend(self.kept_for_job(kept).await?.map(|found| (kept, found)));
        }
        Ok((!pictures.is_empty()).then_some(Found { request, public_url, pictures }))
    }

    /// What it would have been answered with at once. `None` when its pictures are gone.
    async fn result(
        &self,
        job: &Job,
        delivered: &job::Delivered,
        found: Found<'_>,
    ) -> Option<WireReply> {
        let Found { request, public_url, pictures } = found;
        let mut images = Vec::with_capacity(pictures.len());
        for (kept, found) in pictures {
            images.extend(self.image((kept, found), request.delivery, &public_url).await);
        }
        if images.is_empty() {
            return None;
        }
        let response = ImageResponse {
            images,
            usage: delivered.usage,
            quality: delivered.quality,
            background: delivered.background,
            cost: None,
            watermarked: delivered.watermarked,
        };
        let changes: Vec<Change> = delivered.changes.iter().map(change).collect();
        Some(side_of(job).encode_response(&Answer {
            request_id: &job.request,
            unix_ms: job.updated_at_ms,
            request: &request,
            model: &job.model,
            response: &response,
            charged: delivered.charged,
            remaining: delivered.remaining,
            changes: &changes,
            quotas: &delivered.quotas,
            disclaimer: delivered.disclaimer.as_deref(),
            storage: delivered.storage.as_deref(),
        }))
    }

    /// A picture of a job as the library has it; `None` when it was erased.
    async fn kept_for_job(&self, kept: &job::Kept) -> Result<Option<Kept>, StoreError> {
        self.store.find_picture(kept.media.as_str().to_owned()).await
    }

    /// A kept picture as its app wanted it. Its address is made anew, as addresses may end.
    async fn image(
        &self,
        (kept, found): (&job::Kept, Kept),
        delivery: Delivery,
        public_url: &str,
    ) -> Option<Image> {
        let (picture, stored) = if is_inside(delivery) {
            (Picture::Binary(self.kept_bytes(&found, 0..found.bytes).await.ok()?), None)
        } else {
            let url = self.address(public_url, &found);
            let (id, created_at_ms) = (found.id, found.created_at_ms);
            (Picture::Url(url.clone()), Some(Stored { id, url, created_at_ms }))
        };
        Some(Image {
            picture,
            format: kept.format,
            size: kept.size,
            revised_prompt: kept.revised_prompt.clone(),
            seed: kept.seed,
            stored,
        })
    }
}

impl Found<'_> {
    /// Bytes that its answer has in memory: what is inside of it is base64.
    fn bytes(&self) -> u64 {
        if !is_inside(self.request.delivery) {
            return 0;
        }
        let bytes: u64 = self.pictures.iter().map(|(_, found)| found.bytes).sum();
        bytes.div_ceil(3).saturating_mul(4)
    }
}

/// Whether pictures that are delivered so are in the answer itself.
const fn is_inside(delivery: Delivery) -> bool {
    match delivery {
        Delivery::Url | Delivery::AsPlanned => false,
        Delivery::Inline | Delivery::Bytes => true,
    }
}

fn change((parameter, how): &(String, String)) -> Change {
    Change { parameter: parameter.clone().into(), how: how.clone().into() }
}

/// The client side that a job came by.
fn side_of(job: &Job) -> &'static dyn ClientSide {
    let spoken = dialect::by_name(&job.dialect).and_then(|dialect| dialect.client);
    spoken.unwrap_or_else(dialect::fallback)
}

fn shown(job: &Job) -> JobShown<'_> {
    let failure = match &job.outcome {
        Some(Outcome::Failed(failure)) => Some(failure),
        Some(Outcome::Completed(_) | Outcome::Cancelled) | None => None,
    };
    let message = match job.state {
        State::Queued => "waiting for its turn",
        State::Begun | State::Placed if job.unwanted => "being taken back, if that is possible",
        State::Begun | State::Placed => "being drawn",
        State::Completed => "done",
        State::Failed => "failed; nothing was charged",
        State::Cancelled => "cancelled; nothing was charged",
    };
    JobShown {
        id: job.id.as_str(),
        request_id: job.request.as_str(),
        operation: &job.operation,
        status: job.state.status(),
        progress: job.state.progress(),
        message,
        steps: steps(job.state),
        error: failure.map(|failure| (kind_of(&failure.code), failure.message.as_str())),
        created_ms: job.created_at_ms,
        updated_ms: job.updated_at_ms,
        expires_ms: job.forgotten_at_ms,
    }
}

/// Its stages: what is behind it, and where it is.
const fn steps(state: State) -> [Step; 3] {
    let reached = match state {
        State::Queued => 0,
        State::Begun => 1,
        State::Placed => 2,
        State::Completed => 3,
        // Nothing happens any more, and what did came to nothing.
        State::Failed | State::Cancelled => {
            return [step("queue", 0, 9), step("order", 0, 9), step("draw", 0, 9)];
        }
    };
    [step("queue", reached, 0), step("order", reached, 1), step("draw", reached, 2)]
}

const fn step(name: &'static str, reached: u8, own: u8) -> Step {
    Step { name, completed: reached > own, active: reached == own }
}

fn listed_at_most(text: &str) -> Result<u32, Refusal> {
    let number = text.parse().ok().filter(|number| (1..=JOBS_LISTED_MAX).contains(number));
    number.ok_or_else(|| {
        let message = format!("`limit` must be between 1 and {JOBS_LISTED_MAX}");
        Refusal::field("limit", Problem::BadValue, message)
    })
}

fn unknown_status() -> Refusal {
    let message = "`status` must be pending, processing, completed, failed or cancelled, once";
    Refusal::field("status", Problem::BadValue, message)
}

fn unknown_parameter(name: &str) -> Refusal {
    let shown: String = name.chars().take(100).collect();
    let message = format!("there is no parameter `{shown}` here; there are limit, cursor, status");
    Refusal::field(shown, Problem::UnknownField, message)
}

/// The request of a job as its dialect reads it.
fn wire_of(input: Input) -> WireRequest {
    let wire = WireRequest::post_json(input.path, input.body);
    let kind = HeaderValue::from_str(&input.content_type).ok().filter(|kind| !kind.is_empty());
    let mut headers = HeaderMap::new();
    headers.extend(kind.map(|kind| (http::header::CONTENT_TYPE, kind)));
    WireRequest { headers, ..wire }
}

/// The kind of refusal that has this code.
fn kind_of(code: &str) -> RefusalKind {
    let found = RefusalKind::ALL.into_iter().find(|kind| kind.code() == code);
    found.unwrap_or(RefusalKind::Internal)
}
