//! What is to be sent for a request: the pictures that the workflow wants, then the workflow.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::WireRequest;
use super::super::measure::{decimal, pixels};
use super::super::multipart::Form;
use super::super::unsupported::{self, Unsupported, no};
use super::place::{Place, filled, places};
use super::{QUEUE, UPLOAD};
use crate::canonical::{
    Background, Frame, ImageRequest, InputImage, Operation, Picture, Safety, Size,
};
use crate::catalog::Offering;

/// Both sides of a picture whose ratio alone is asked are divisible by this.
const STEP: u32 = 8;

/// An order, complete before anything is sent.
pub(super) struct Order<'a> {
    uploads: Vec<Upload<'a>>,
    workflow: WireRequest,
}

/// A picture that the workflow wants, under a name that only the same picture has: sent twice it is
/// kept once, and two orders never overwrite each other's.
struct Upload<'a> {
    image: &'a InputImage,
    folder: String,
}

impl<'a> Order<'a> {
    pub(super) fn new(request: &'a ImageRequest, offering: &Offering) -> Result<Self, Unsupported> {
        let Some(workflow) = offering.workflow.as_deref() else {
            return Err(no("workflow", "this offering has none; give it one in policy"));
        };
        let places = places(workflow);
        refuse_what_has_no_word(request, offering)?;
        refuse_what_has_no_place(request, offering, &places)?;
        let mut uploads: Vec<Upload<'_>> = Vec::new();
        for image in request.inputs.iter().chain(&request.mask) {
            let upload = Upload::new(image);
            if uploads.iter().all(|other| other.folder != upload.folder) {
                uploads.push(upload);
            }
        }
        let size = pixels(request.frame, &offering.can, STEP);
        let told = filled(workflow, &|place| value(place, request, offering, size));
        let told = told.map_err(|place| {
            let why = "the workflow has a place for it without a default, and nothing was asked";
            no(place.parameter(), why)
        })?;
        let body = json!({ "prompt": told });
        Ok(Self { uploads, workflow: unsupported::as_json(QUEUE, &body, request, offering)? })
    }

    /// What is sent first.
    pub(super) fn first(self) -> Result<WireRequest, Unsupported> {
        match self.uploads.first() {
            Some(upload) => upload.wire(),
            None => Ok(self.workflow),
        }
    }

    /// What is sent after a picture that the engine keeps in `folder` as `name`; `None` where no
    /// picture of this order was to be kept there.
    pub(super) fn after(
        self,
        folder: &str,
        name: &str,
    ) -> Option<Result<WireRequest, Unsupported>> {
        let is_it = |upload: &Upload<'_>| upload.folder == folder && upload.name() == name;
        let at = self.uploads.iter().position(is_it)?;
        Some(match self.uploads.get(at.saturating_add(1)) {
            Some(upload) => upload.wire(),
            None => Ok(self.workflow),
        })
    }
}

impl<'a> Upload<'a> {
    fn new(image: &'a InputImage) -> Self {
        let digest = match &image.picture {
            Picture::Base64(content) | Picture::Binary(content) => Sha256::digest(content),
            Picture::Url(url) => Sha256::digest(url),
        };
        let number = digest.first_chunk().map_or(0, |start| u128::from_be_bytes(*start));
        Self { image, folder: format!("pixelgate/{number:032x}") }
    }

    fn name(&self) -> String {
        format!("image.{}", self.image.format.name())
    }

    fn wire(&self) -> Result<WireRequest, Unsupported> {
        let mut form = Form::default();
        form.text("type", "input").text("overwrite", "true").text("subfolder", &self.folder);
        form.file("image", self.image)?;
        Ok(form.post(UPLOAD))
    }
}

/// Whether the workflow of an offering has a place for a seed.
pub(super) fn has_place_for_seed(offering: &Offering) -> bool {
    offering.workflow.as_deref().is_some_and(|workflow| places(workflow).contains(&Place::Seed))
}

/// The encoding is not refused: it is mended by transcoding.
fn refuse_what_has_no_word(request: &ImageRequest, offering: &Offering) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
    ])?;
    if request.operation == Operation::Edit && request.inputs.is_empty() {
        return Err(no("inputs", "there is no picture to change"));
    }
    if request.seed.is_some_and(i64::is_negative) {
        return Err(no("seed", "this engine takes seeds from 0 up"));
    }
    let options = request.options.get(offering.vendor.options_of);
    if options.is_some_and(|options| !options.is_empty()) {
        return Err(no("options", "they could replace the workflow, which is policy's to choose"));
    }
    Ok(())
}

fn refuse_what_has_no_place(
    request: &ImageRequest,
    offering: &Offering,
    places: &[Place],
) -> Result<(), Unsupported> {
    let is_of_its_own_size = match request.frame {
        Frame::Auto => false,
        Frame::Ratio(_) | Frame::Pixels(_) => {
            pixels(request.frame, &offering.can, STEP) != offering.can.size_default
        }
    };
    let asked = [
        (Place::Prompt, !request.prompt.is_empty()),
        (Place::NegativePrompt, request.negative_prompt.is_some()),
        (Place::Style, request.style.is_some()),
        (Place::Width, is_of_its_own_size),
        (Place::Height, is_of_its_own_size),
        (Place::Count, request.count > 1),
        (Place::Seed, request.seed.is_some()),
        (Place::Steps, request.steps.is_some()),
        (Place::Guidance, request.guidance.is_some()),
        (Place::Strength, request.strength.is_some()),
        (Place::Mask, request.mask.is_some()),
    ];
    let asked = asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(place, _)| place);
    let inputs = (0..request.inputs.len()).map(Place::Input);
    match asked.chain(inputs).find(|place| !places.contains(place)) {
        Some(place) => Err(no(place.parameter(), "the workflow has no place for it")),
        None => Ok(()),
    }
}

/// What stands in a place; `None` leaves it to the place's default.
fn value(place: Place, request: &ImageRequest, offering: &Offering, size: Size) -> Option<Value> {
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let picture = |image: &InputImage| {
        let upload = Upload::new(image);
        Value::from(format!("{}/{}", upload.folder, upload.name()))
    };
    match place {
        Place::Prompt => Some(request.prompt.as_str().into()),
        Place::NegativePrompt => text(&request.negative_prompt),
        Place::Style => text(&request.style),
        Place::Model => Some(offering.vendor_model.as_str().into()),
        Place::Width => Some(size.width.into()),
        Place::Height => Some(size.height.into()),
        Place::Count => Some(request.count.into()),
        // The gateway gives every order one.
        Place::Seed => Some(request.seed.unwrap_or_default().into()),
        Place::Steps => request.steps.map(Value::from),
        Place::Guidance => request.guidance.map(|guidance| decimal(guidance).into()),
        Place::Strength => request.strength.map(|strength| decimal(strength).into()),
        Place::Input(index) => request.inputs.get(index).map(picture),
        Place::Mask => request.mask.as_ref().map(picture),
    }
}
