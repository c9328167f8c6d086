//! Golden JSON as the library's values, and back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use pixelgate::canonical::{
    Answer, Image, ImageRequest, ImageResponse, InputImage, Picture, QuotaStanding, Refusal,
    RefusalKind, Size, Stored, TokenUsage,
};
use pixelgate::catalog::{Ability, BaseUrl, Capabilities, Frames, InProcess, Offering, Vendor};
use pixelgate::credits::{Cost, Credits};
use pixelgate::dialect::{
    Pieces, Preview, Progress, RefusalContext, Streaming, WireReply, WireRequest,
};
use pixelgate::fault::VendorFault;
use pixelgate::id::{MediaId, RequestId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults;
pub(crate) use super::given::{quota, standings};

/// Whether the runner writes files of this name.
pub(crate) fn is_produced(name: &str) -> bool {
    let endings = [
        "canonical",
        "refusal",
        "listing",
        "items",
        "answer",
        "vendor",
        "outcome",
        "said",
        "streamed",
        "shown",
    ];
    endings.iter().any(|e| name.ends_with(&format!(".{e}.json")))
}

pub(crate) fn wire_request(golden: &Value) -> WireRequest {
    let text = |key: &str| golden[key].as_str().unwrap_or_default();
    let mut headers = headers(&golden["headers"]);
    if golden["form"].is_array() {
        let kind = HeaderValue::from_static("multipart/form-data; boundary=golden-form");
        headers.insert(http::header::CONTENT_TYPE, kind);
    }
    WireRequest {
        method: text("method").parse().unwrap(),
        path: text("path").to_owned(),
        headers,
        body: body(golden),
    }
}

pub(crate) fn wire_reply(golden: &Value) -> WireReply {
    WireReply {
        status: field(golden, "status").unwrap(),
        headers: headers(&golden["headers"]),
        body: body(golden),
    }
}

fn headers(golden: &Value) -> HeaderMap {
    let pairs = golden.as_object().into_iter().flatten();
    let pairs = pairs.map(|(name, value)| {
        let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
        (name.parse::<HeaderName>().unwrap(), value)
    });
    pairs.collect()
}

/// `body` is JSON; `body_text` is whatever it says; `body_base64` is what is no text; `form` is a
/// list of parts.
fn body(golden: &Value) -> Pieces {
    if let Some(parts) = golden["form"].as_array() {
        return Pieces::one(super::forms::written(parts));
    }
    if let Some(text) = golden["body_base64"].as_str() {
        return Pieces::one(super::filled::binary(text));
    }
    match (&golden["body"], &golden["body_text"]) {
        (Value::Null, Value::Null) => Pieces::default(),
        (Value::Null, text) => Pieces::one(text.as_str().unwrap().to_owned()),
        (body, _) => Pieces::one(body.to_string()),
    }
}

pub(crate) fn request_shown(wire: &WireRequest) -> Value {
    json!({
        "method": wire.method.as_str(),
        "path": wire.path,
        "headers": headers_shown(&wire.headers),
        "body": body_shown(&wire.body),
    })
}

pub(crate) fn reply_shown(wire: &WireReply) -> Value {
    json!({
        "status": wire.status,
        "headers": headers_shown(&wire.headers),
        "body": body_shown(&wire.body),
    })
}

fn headers_shown(headers: &HeaderMap) -> Value {
    let pairs = headers.iter();
    let pairs = pairs.map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    Value::Object(pairs.collect())
}

/// JSON as JSON, a form as the list of its parts, nothing as nothing.
fn body_shown(body: &Pieces) -> Value {
    let bytes = body.to_bytes();
    if bytes.is_empty() {
        return Value::Null;
    }
    let form = || {
        let text = String::from_utf8_lossy(&bytes);
        let (boundary, _) = text.split_once("\r\n").unwrap();
        let parts = text.split(boundary).filter(|part| part.contains("\r\n\r\n"));
        json!({ "form": parts.map(part_shown).collect::<Vec<_>>() })
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|_| form())
}

fn part_shown(part: &str) -> Value {
    let (head, content) = part.trim_start().split_once("\r\n\r\n").unwrap();
    let content = content.strip_suffix("\r\n").unwrap();
    let is_file = head.contains("filename=");
    let content =
        if is_file { format!("{} letters", content.chars().count()) } else { content.to_owned() };
    json!({ "head": head.split("\r\n").collect::<Vec<_>>(), "content": content })
}

/// A field if it is there.
fn field<T: DeserializeOwned>(golden: &Value, key: &str) -> Option<T> {
    let value = golden.get(key).filter(|value| !value.is_null())?;
    Some(serde_json::from_value(value.clone()).unwrap_or_else(|fault| panic!("{key}: {fault}")))
}

pub(crate) fn image_request(golden: &Value) -> ImageRequest {
    ImageRequest {
        model: field(golden, "model"),
        prompt: field(golden, "prompt").unwrap(),
        negative_prompt: field(golden, "negative_prompt"),
        count: field(golden, "count").unwrap_or(1),
        frame: field(golden, "frame").unwrap_or_default(),
        operation: field(golden, "operation").unwrap_or_default(),
        seed: field(golden, "seed"),
        steps: field(golden, "steps"),
        guidance: field(golden, "guidance"),
        strength: field(golden, "strength"),
        inputs: field(golden, "inputs")
            .map(|inputs: Vec<String>| inputs.into_iter().map(input).collect())
            .unwrap_or_default(),
        mask: field(golden, "mask").map(input),
        stream: field(golden, "stream").unwrap_or_default(),
        previews: field(golden, "previews").unwrap_or_default(),
        options: field(golden, "options").unwrap_or_default(),
        style: field(golden, "style"),
        preset: field(golden, "preset"),
        quality: field(golden, "quality"),
        format: field(golden, "format"),
        compression: field(golden, "compression"),
        background: field(golden, "background"),
        safety: field(golden, "safety"),
        end_user: field(golden, "end_user"),
        asset_key: field(golden, "asset_key"),
        delivery: field(golden, "delivery").unwrap_or_default(),
        ..ImageRequest::default()
    }
}

/// An offering that can do anything, but for what the golden says.
pub(crate) fn offering(golden: &Value) -> Offering {
    let ratios: Option<Vec<(pixelgate::canonical::Ratio, _)>> = field(golden, "ratios");
    let sizes: Option<Vec<Size>> = field(golden, "sizes");
    let any = Frames::Any { side_min: 16, side_max: 4096, step: 16 };
    let frames = ratios.map(Frames::Ratios).or_else(|| sizes.map(Frames::Sizes));
    let size_default = field(golden, "size_default").unwrap_or(Size::new(1024, 1024));
    let mut can = Capabilities::everything(frames.unwrap_or(any), size_default);
    can.count_max = field(golden, "count_max").unwrap_or(can.count_max);
    can.formats = field(golden, "formats").unwrap_or(can.formats);
    for lacking in golden["cannot"].as_array().into_iter().flatten() {
        let ability: Ability = serde_json::from_value(lacking.clone()).unwrap();
        *can.flag(ability) = false;
    }
    let model: Option<String> = field(golden, "vendor_model");
    let base = BaseUrl::InProcess(InProcess::default());
    let vendor = Arc::new(Vendor::new("vendor", "golden", base));
    let model = model.unwrap_or_else(|| "golden-model".to_owned());
    Offering {
        extra: field(golden, "extra").unwrap_or_default(),
        workflow: field::<Value>(golden, "workflow").map(Arc::new),
        ..Offering::new("golden/vendor", vendor, model, can)
    }
}

/// A picture that an app sends, as the base64 text that the golden has for it.
fn input(base64: String) -> InputImage {
    InputImage::new(Picture::Base64(base64.into())).unwrap()
}

pub(crate) fn outcome_shown(outcome: Result<Progress, VendorFault>) -> Value {
    match outcome {
        Ok(Progress::Done(response)) => json!({ "done": response_shown(&response) }),
        Ok(Progress::Then(next)) => json!({ "then": request_shown(&next) }),
        Ok(Progress::Pending(pending)) => json!({
            "pending": without_nulls(json!({
                "next": request_shown(&pending.next),
                "wait_ms": pending.wait.map(ms),
                "cancel": pending.cancel.as_ref().map(request_shown),
                "cost": pending.cost.map(Cost::nanos),
            })),
        }),
        Err(fault) => faults::shown(&fault),
    }
}

fn ms(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap()
}

fn response_shown(response: &ImageResponse) -> Value {
    let images: Vec<_> = response.images.iter().map(image_shown).collect();
    let usage = response.usage.map(|usage| {
        json!({
            "text_in": usage.text_in,
            "image_in": usage.image_in,
            "text_out": usage.text_out,
            "image_out": usage.image_out,
        })
    });
    without_nulls(json!({
        "images": images,
        "usage": usage,
        "quality": response.quality,
        "background": response.background,
        "cost": response.cost.map(Cost::nanos),
    }))
}

fn image_shown(image: &Image) -> Value {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let (kind, content) = match &image.picture {
        Picture::Base64(bytes) => ("base64", text(bytes)),
        Picture::Binary(bytes) => ("binary", format!("{} bytes", bytes.len())),
        Picture::Url(url) => ("url", url.clone()),
    };
    without_nulls(json!({
        kind: content,
        "format": image.format,
        "size": image.size,
        "revised_prompt": image.revised_prompt,
        "seed": image.seed,
    }))
}

fn without_nulls(value: Value) -> Value {
    let Value::Object(pairs) = value else {
        return value;
    };
    Value::Object(pairs.into_iter().filter(|(_, v)| !v.is_null()).collect())
}

/// What an answer is made of.
pub(crate) struct Delivered {
    request_id: RequestId,
    request: ImageRequest,
    model: String,
    response: ImageResponse,
    charged: Credits,
    remaining: Credits,
    quotas: Vec<QuotaStanding>,
    disclaimer: Option<String>,
    storage: Option<String>,
}

impl Delivered {
    pub(crate) fn read(golden: &Value) -> Self {
        let images = golden["images"].as_array().unwrap();
        let tokens = |usage: &Value| TokenUsage {
            text_in: field(usage, "text_in").unwrap_or_default(),
            image_in: field(usage, "image_in").unwrap_or_default(),
            text_out: field(usage, "text_out").unwrap_or_default(),
            image_out: field(usage, "image_out").unwrap_or_default(),
            ..TokenUsage::default()
        };
        Self {
            request_id: RequestId::known("req_golden"),
            request: image_request(&golden["request"]),
            model: field(golden, "model").unwrap(),
            response: ImageResponse {
                images: images.iter().map(image).collect(),
                usage: golden.get("usage").map(tokens),
                quality: field(golden, "quality"),
                background: field(golden, "background"),
                cost: None,
                watermarked: field(golden, "watermarked").unwrap_or_default(),
            },
            quotas: golden["quotas"].as_array().into_iter().flatten().map(quota).collect(),
            disclaimer: field(golden, "disclaimer"),
            charged: field(golden, "charged").unwrap_or_default(),
            remaining: field(golden, "remaining").unwrap_or_default(),
            storage: field(golden, "storage"),
        }
    }

    pub(crate) const fn is_streamed(&self) -> bool {
        self.request.stream
    }

    /// A preview, the end, and the end that is a no, as the app reads them.
    pub(crate) fn streamed(&self, side: &dyn Streaming, unix_ms: i64) -> Value {
        let picture = self.response.images[0].picture.clone();
        let preview = Preview { index: 0, picture };
        let no = refusal(RefusalKind::VendorFailed);
        let request_id = RequestId::known("req_golden");
        let context = RefusalContext { request_id: &request_id, unix_ms, model: None };
        let lines = |pieces: Pieces| {
            let text = String::from_utf8(pieces.to_bytes().to_vec()).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        json!({
            "preview": lines(side.encode_preview(&preview, &self.request, unix_ms)),
            "end": lines(side.encode_end(&self.answer(unix_ms))),
            "no": lines(side.encode_no(&no, &context)),
        })
    }

    pub(crate) fn answer(&self, unix_ms: i64) -> Answer<'_> {
        Answer {
            request_id: &self.request_id,
            unix_ms,
            request: &self.request,
            model: &self.model,
            response: &self.response,
            charged: self.charged,
            remaining: self.remaining,
            changes: &[],
            quotas: &self.quotas,
            disclaimer: self.disclaimer.as_deref(),
            storage: self.storage.as_deref(),
        }
    }
}

fn image(golden: &Value) -> Image {
    let text = |key: &str| field::<String>(golden, key);
    let picture = text("base64")
        .map(|text| Picture::Base64(text.into()))
        .or_else(|| text("binary").map(|text| Picture::Binary(text.into())))
        .or_else(|| text("url").map(Picture::Url));
    let image = Image::new(picture.unwrap());
    Image {
        format: field(golden, "format").or(image.format),
        size: field(golden, "size"),
        revised_prompt: text("revised_prompt"),
        seed: field(golden, "seed"),
        stored: text("stored").map(|url| Stored {
            id: MediaId::known("med_golden"),
            url,
            created_at_ms: 1_795_255_200_007,
        }),
        ..image
    }
}

/// A refusal of this kind, with all that such a refusal carries.
pub(crate) fn refusal(kind: RefusalKind) -> Refusal {
    let wait_ms = [
        (RefusalKind::RateLimited, 1_500),
        (RefusalKind::Overloaded, 1_500),
        (RefusalKind::QuotaExhausted, 18_000_000),
    ];
    let wait_ms = wait_ms.iter().find(|(waits, _)| *waits == kind);
    let is_short = kind == RefusalKind::CreditsShort;
    let is_about_a_model = [RefusalKind::ModelUnknown, RefusalKind::ModelForbidden].contains(&kind);
    Refusal {
        retry_after: wait_ms.map(|(_, ms)| Duration::from_millis(*ms)),
        credits: is_short.then(|| ("4.2".parse().unwrap(), "2.9".parse().unwrap())),
        quota: (kind == RefusalKind::QuotaExhausted)
            .then(|| Box::new(quota(&json!({ "most": 25, "used": 25 })))),
        field: is_about_a_model.then_some("model".into()),
        ..Refusal::new(kind, format!("no, because {}", kind.code()))
    }
}
