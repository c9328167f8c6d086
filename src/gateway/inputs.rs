//! Pictures that a request names instead of sending: looked up in our own library, or fetched, once
//! the request is admitted and before anything is held.
//!
//! A name that may not be followed is refused before anything is counted. What had to be fetched
//! stays counted in the windows even when it came to nothing, so that nobody makes us fetch for free.

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use crate::canonical::{ImageRequest, InputImage, InputName, Kept, NamedInput, Picture, Refusal};
use crate::catalog::Tariff;
use crate::dialect::{self, WireRequest};
use crate::id::RequestId;
use crate::raster;
use crate::trail::Step;
use crate::upstream::{Bounds, Unreached};

use super::refuse::input as no;
use super::{Gateway, Visit, Work, decode, refuse, worth};

mod room;

pub(super) use room::{Held, Room};

/// Pictures of one request that are fetched at once.
const AT_ONCE: usize = 4;

/// Times that one picture's address may send us on.
const REDIRECTS_MAX: usize = 3;

/// The path that our own pictures lie below.
const OWN_PATH: &str = "/media/";

/// A picture that is here, and its bytes' place in memory.
type Here = (InputImage, Held);

impl Gateway {
    /// Refuses addresses that are not to be followed, before anything is counted.
    pub(super) fn may_name(visit: &Visit, request: &ImageRequest) -> Result<(), Refusal> {
        let reach = &visit.policy.input_pictures.reach;
        for named in &request.named_inputs {
            if let InputName::Address(address) = &named.name
                && own(visit, address).is_none()
            {
                let judged = reach.judge(address);
                judged.map_err(|barred| no::barred(named, &barred, reach.is_nothing()))?;
            }
        }
        Ok(())
    }

    /// Puts every picture that is named into the request; what they take in memory is free again
    /// when what this returns goes.
    pub(super) async fn gather(
        &self,
        visit: &Visit,
        (model, tariff): (&str, &Tariff),
        request: &mut ImageRequest,
    ) -> Result<Vec<Held>, Refusal> {
        if request.named_inputs.is_empty() {
            return Ok(Vec::new());
        }
        visit.enter(Step::Gather);
        let (pictures, held) = self.named_pictures(visit, &request.named_inputs).await?;
        request.take_in(pictures);
        worth::measured(model, tariff, request)?;
        Ok(held)
    }

    /// The body as a job keeps it: with the pictures that it names, so that a restart needs them
    /// from nobody.
    pub(super) async fn gather_into(
        &self,
        visit: &Visit,
        work: &Work,
        body: Bytes,
    ) -> Result<Bytes, Refusal> {
        let request = &work.request;
        if request.named_inputs.is_empty() {
            return Ok(body);
        }
        visit.enter(Step::Gather);
        let (pictures, _held) = self.named_pictures(visit, &request.named_inputs).await?;
        let body = dialect::with_pictures(&body, &request.named_inputs, &pictures)
            .ok_or_else(no::unwritable)?;
        // It will be read again, by a side that has bounds of its own.
        let request = decode(visit.client, &visit.wire(body.clone()))?;
        worth::measured(&work.model.name, &work.tariff, &request)?;
        Ok(body)
    }

    async fn named_pictures(
        &self,
        visit: &Visit,
        named: &[NamedInput],
    ) -> Result<(Vec<InputImage>, Vec<Held>), Refusal> {
        let deadline = Instant::now() + visit.policy.input_pictures.timeout;
        let begun = named.iter().map(|named| self.named_picture(visit, named, deadline).boxed());
        let begun: Vec<_> = begun.collect();
        let mut coming = stream::iter(begun).buffered(AT_ONCE);
        let (mut pictures, mut held) = (Vec::with_capacity(named.len()), Vec::new());
        while let Some(come) = coming.next().await {
            let (picture, place) = come?;
            pictures.push(picture);
            held.push(place);
        }
        Ok((pictures, held))
    }

    async fn named_picture(
        &self,
        visit: &Visit,
        named: &NamedInput,
        deadline: Instant,
    ) -> Result<Here, Refusal> {
        let found = match &named.name {
            InputName::Kept(name) => self.kept_input(visit, named, name).await,
            InputName::Address(address) => match own(visit, address) {
                Some(id) => self.kept_input(visit, named, id).await,
                None => self.fetched(visit, named, (address, deadline)).await,
            },
        };
        let found = found.and_then(|(bytes, held, how)| Ok((checked(named, bytes)?, held, how)));
        let outcome = found.as_ref().map_or_else(|refused| refused.how, |(_, _, how)| how);
        self.telemetry.metrics().input_pictures.with_label_values(&[outcome]).inc();
        found.map(|(picture, held, _)| (picture, held)).map_err(|refused| *refused.refusal)
    }

    /// A picture of the caller's own library.
    async fn kept_input(
        &self,
        visit: &Visit,
        named: &NamedInput,
        name: &str,
    ) -> Result<(Bytes, Held, &'static str), no::Refused> {
        let unwell = |error| no::Refused::by_us(refuse::store(&error, self.clock.now()));
        let unknown = || no::unknown(named);
        let kept = self.kept_of(visit, name).await.map_err(unwell)?.ok_or_else(unknown)?;
        let bytes = usize::try_from(kept.bytes).unwrap_or(usize::MAX);
        if bytes >= named.bytes_max {
            return Err(no::too_large(named, named.bytes_max));
        }
        let held = self.input_room(bytes)?;
        let read = self.kept_bytes(&kept, 0..kept.bytes).await.map_err(|_| unknown())?;
        Ok((read, held, "kept"))
    }

    /// By its name in the library, or by the last name that its app gave it.
    async fn kept_of(
        &self,
        visit: &Visit,
        name: &str,
    ) -> Result<Option<Kept>, crate::store::StoreError> {
        let is_own = |kept: &Kept| kept.workspace == *visit.caller.workspace();
        if let Some(kept) = self.store.find_picture(name.to_owned()).await?.filter(is_own) {
            return Ok(Some(kept));
        }
        let named = self.store.named_pictures(visit.whose(), name.to_owned(), 1).await?;
        let Some(last) = named.into_iter().next() else { return Ok(None) };
        let found = self.store.find_picture(last.picture.media.as_str().to_owned()).await?;
        Ok(found.filter(is_own))
    }

    /// A picture from somewhere else.
    async fn fetched(
        &self,
        visit: &Visit,
        named: &NamedInput,
        (address, deadline): (&str, Instant),
    ) -> Result<(Bytes, Held, &'static str), no::Refused> {
        let setting = &visit.policy.input_pictures;
        let bytes_max = setting.bytes_max.min(named.bytes_max.saturating_sub(1));
        let mut held = self.input_room(bytes_max)?;
        let _turn = tokio::time::timeout_at(deadline, self.inputs.turn())
            .await
            .map_err(|_| no::overloaded())?;
        let wire = WireRequest::get(address).with_header("accept", "image/*");
        let bounds = Bounds { bytes_max, deadline, redirects_max: REDIRECTS_MAX };
        let answered = self.upstream.reach(&setting.reach, &wire, bounds).await;
        let reply = answered.map_err(|unreached| {
            tell(&visit.receipt.request_id, named, &unreached);
            match unreached {
                Unreached::TooLarge { bytes_max } => no::too_large(named, bytes_max),
                Unreached::Late => no::late(named),
                Unreached::Barred(_) | Unreached::Broken(_) | Unreached::SentOn => {
                    no::unreached(named)
                }
            }
        })?;
        if reply.status != 200 {
            return Err(no::answered(named, reply.status));
        }
        let bytes = reply.body.to_bytes();
        held.shrink_to(bytes.len());
        Ok((bytes, held, "fetched"))
    }

    fn input_room(&self, bytes: usize) -> Result<Held, no::Refused> {
        self.inputs.take(bytes).ok_or_else(|| {
            self.telemetry.metrics().bound_met(crate::telemetry::Bound::InputPicturesBytes);
            no::overloaded()
        })
    }
}

/// The name of a picture of ours that an address of ours names.
fn own<'a>(visit: &Visit, address: &'a str) -> Option<&'a str> {
    let path = address.strip_prefix(visit.head.public_url.as_str()).unwrap_or(address);
    let (id, _) = path.strip_prefix(OWN_PATH)?.split_once('/')?;
    Some(id)
}

/// The picture that these bytes are, if they are one that may be here.
fn checked(named: &NamedInput, bytes: Bytes) -> Result<InputImage, no::Refused> {
    let Some((format, size)) = raster::measure(&bytes) else { return Err(no::no_picture(named)) };
    if !named.formats.contains(&format) {
        return Err(no::no_picture(named));
    }
    if !raster::fits(size) {
        return Err(no::too_many_pixels(named));
    }
    Ok(InputImage { format, picture: Picture::Binary(bytes) })
}

/// For our own log only: the words may tell what is inside our network.
fn tell(request_id: &RequestId, named: &NamedInput, unreached: &Unreached) {
    let field = named.field.as_str();
    tracing::info!(%request_id, field, detail = %unreached, "a named picture was not fetched");
}
