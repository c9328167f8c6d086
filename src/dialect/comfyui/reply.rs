//! ComfyUI's answers: a picture kept, a workflow queued, its history.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::super::reply::{fault_of_status, garbled, not_json, retry_after, shortened, words_of};
use super::super::{Call, Pending, Progress, WireReply, WireRequest, percent_encoded};
use super::order::Order;
use crate::canonical::{Image, ImageResponse, Picture};
use crate::fault::VendorFault;

#[derive(Debug, Deserialize)]
struct Kept {
    name: String,
    #[serde(default)]
    subfolder: String,
}

#[derive(Debug, Deserialize)]
struct Queued {
    prompt_id: String,
}

/// One run of a workflow; only the pictures in it are read strictly.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Run {
    outputs: Map<String, Value>,
    status: Value,
}

#[derive(Debug, Deserialize)]
struct File {
    filename: String,
    #[serde(default)]
    subfolder: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// A picture was sent: the next is, or the workflow.
pub(super) fn uploaded(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let kept: Kept = success(reply)?;
    let order = Order::new(call.request, call.offering).ok();
    let folder = kept.subfolder.replace('\\', "/");
    let next = order.and_then(|order| order.after(&folder, &kept.name)?.ok());
    next.map(|next| Progress::Then(Box::new(next)))
        .ok_or_else(|| garbled("it keeps a picture under another name than it was given"))
}

/// The workflow was sent: it runs when its turn comes.
pub(super) fn queued(reply: &WireReply) -> Result<Progress, VendorFault> {
    let Queued { prompt_id } = success(reply)?;
    let cancel = json!({ "delete": [prompt_id] }).to_string();
    Ok(Progress::Pending(Box::new(Pending {
        next: WireRequest::get(format!("/history/{}", percent_encoded(&prompt_id))),
        wait: None,
        cancel: Some(WireRequest::post_json("/queue", cancel)),
        cost: None,
    })))
}

/// What became of it; nothing yet, while it waits or runs.
pub(super) fn history(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let runs: Map<String, Value> = success(reply)?;
    let Some((_, run)) = runs.into_iter().next() else {
        let next = call.asked.clone();
        return Ok(Progress::Pending(Box::new(Pending {
            next,
            wait: None,
            cancel: None,
            cost: None,
        })));
    };
    let run: Run = serde_json::from_value(run).map_err(|fault| not_json(&fault))?;
    if run.status.get("status_str").and_then(Value::as_str) == Some("error") {
        return Err(VendorFault::Broken { status: 500 });
    }
    let count = usize::try_from(call.request.count).unwrap_or(usize::MAX);
    let seed = call.request.seed.filter(|_| call.request.count == 1);
    let files = files(run.outputs).into_iter().take(count);
    let images: Vec<Image> =
        files.map(|file| Image { seed, ..Image::new(Picture::Url(file.address())) }).collect();
    if images.is_empty() {
        return Err(garbled("the workflow ran and saved no picture"));
    }
    Ok(Progress::Done(ImageResponse { images, ..ImageResponse::default() }))
}

/// What the workflow saved, in the order of its nodes; what it only showed, where it saved nothing.
fn files(outputs: Map<String, Value>) -> Vec<File> {
    let mut nodes: Vec<(String, Value)> = outputs.into_iter().collect();
    nodes.sort_by_key(|(id, _)| id.parse().unwrap_or(u64::MAX));
    let lists = nodes.iter().filter_map(|(_, node)| node.get("images")?.as_array());
    let files = lists.flatten().filter_map(|file| File::deserialize(file).ok());
    let (saved, shown): (Vec<File>, Vec<File>) = files.partition(|file| file.kind != "temp");
    if saved.is_empty() { shown } else { saved }
}

impl File {
    /// Where the engine serves it.
    fn address(&self) -> String {
        let [name, folder, kind] =
            [&self.filename, &self.subfolder, &self.kind].map(|text| percent_encoded(text));
        format!("/view?filename={name}&subfolder={folder}&type={kind}")
    }
}

fn success<T: DeserializeOwned>(reply: &WireReply) -> Result<T, VendorFault> {
    let body: Bytes = reply.body.to_bytes();
    if reply.status == 200 {
        return serde_json::from_slice(&body).map_err(|fault| not_json(&fault));
    }
    let said = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Err(fault_of_status(reply.status, &detail(&said), retry_after(reply)))
}

/// What is wrong with a workflow, and at which of its nodes; never with what value, for it may be
/// the prompt.
fn detail(said: &Value) -> String {
    let error = said.get("error").unwrap_or(said);
    let kind = error.get("type").and_then(Value::as_str).unwrap_or_else(|| words_of(error));
    let nodes = said.get("node_errors").and_then(Value::as_object).into_iter().flatten();
    let nodes = nodes.filter_map(|(id, node)| {
        let text = |value: &Value, key| value.get(key)?.as_str().map(shortened);
        let first = node.get("errors")?.get(0)?;
        let (kind, details) = (text(first, "type")?, text(first, "details").unwrap_or_default());
        let input = details.split([':', ',']).next().unwrap_or_default().to_owned();
        let class = text(node, "class_type").unwrap_or_default();
        Some(format!("; node {} ({class}): {kind}: {input}", shortened(id)))
    });
    nodes.fold(kind.to_owned(), |all, node| all + &node)
}
