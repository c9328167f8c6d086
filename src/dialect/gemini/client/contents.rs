//! What a conversation asks for: all texts of its user as the prompt, all its pictures as inputs.

use super::super::super::google::node::Node;
use super::super::super::google::picture::{self, Inputs};
use crate::canonical::{InputImage, Problem, Refusal};

/// Our choice: the documentation counts tokens, which only the model can.
const PROMPT_CHARS_MAX: usize = 100_000;

/// Pictures that the newest models work from.
const INPUTS_MAX: usize = 14;

/// Documented parts that ask for what is not offered here.
const NOT_OFFERED: [&str; 5] =
    ["functionCall", "functionResponse", "executableCode", "codeExecutionResult", "videoMetadata"];

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The texts, in their order.
    pub(super) prompt: String,
    /// The pictures, in their order.
    pub(super) inputs: Inputs,
}

/// Who says a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    User,
    Model,
    System,
}

pub(super) fn read(body: &mut Node) -> Result<Contents, Refusal> {
    let mut found = Contents::default();
    let mut system = body.child("systemInstruction")?;
    // Anyone's role is taken here, as documented.
    system.text("role", usize::MAX)?;
    found.parts(&mut system, Role::System)?;
    system.finish()?;

    let contents = body.list("contents")?;
    if contents.is_empty() {
        return Err(body.bad("contents", Problem::Missing, "is required; add what to draw"));
    }
    let mut last = Role::User;
    for mut content in contents {
        let roles = [("user", Role::User), ("model", Role::Model)];
        last = content.word("role", &roles)?.unwrap_or(Role::User);
        found.parts(&mut content, last)?;
        content.finish()?;
    }
    if last != Role::User {
        return Err(body.bad("contents", Problem::BadValue, "must end with what the user says"));
    }
    found.checked(body)
}

impl Contents {
    fn parts(&mut self, content: &mut Node, role: Role) -> Result<(), Refusal> {
        for mut part in content.list("parts")? {
            part.offers_none(&NOT_OFFERED)?;
            // How finely a picture is read, and what a model noted for itself.
            part.offers_none(&["mediaResolution"])?;
            part.text("thoughtSignature", usize::MAX)?;
            let is_thought = part.flag("thought")? == Some(true);
            let text = part.text("text", usize::MAX)?;
            let image = inline(&mut part, role)?;
            // What a model only thought of is not to be worked from.
            let mut passed_over = Inputs::default();
            let inputs = if is_thought { &mut passed_over } else { &mut self.inputs };
            inputs.here.extend(image);
            file(&mut part, role, inputs)?;
            part.finish()?;
            if let Some(text) = text.filter(|_| role != Role::Model) {
                self.say(&text);
            }
        }
        Ok(())
    }

    fn say(&mut self, text: &str) {
        if !self.prompt.is_empty() && !text.is_empty() {
            self.prompt.push('\n');
        }
        self.prompt.push_str(text);
    }

    fn checked(self, body: &Node) -> Result<Self, Refusal> {
        let bad = |problem, message| Err(body.bad("contents", problem, message));
        if self.prompt.trim().is_empty() {
            return bad(Problem::BadValue, "has no text; say what to draw");
        }
        if self.prompt.chars().nth(PROMPT_CHARS_MAX).is_some() {
            return bad(Problem::TooLong, "is too long; use at most 100000 characters of text");
        }
        if self.inputs.len() > INPUTS_MAX {
            return bad(Problem::TooLarge, "may hold at most 14 pictures");
        }
        Ok(self)
    }
}

/// The picture of a part.
fn inline(part: &mut Node, role: Role) -> Result<Option<InputImage>, Refusal> {
    let Some(value) = part.value("inlineData") else { return Ok(None) };
    if role == Role::System {
        return Err(part.not_offered("inlineData", "cannot be in the system's instruction"));
    }
    let mut inline = Node::of(part.place("inlineData"), value)?;
    inline.text("displayName", usize::MAX)?;
    let kind = inline.text("mimeType", usize::MAX)?.unwrap_or_default();
    if !kind.starts_with("image/") {
        let message = "must be `image/png`, `image/jpeg` or `image/webp`";
        return Err(inline.bad("mimeType", Problem::BadValue, message));
    }
    let content = inline.text("data", usize::MAX)?;
    let content =
        content.ok_or_else(|| inline.bad("data", Problem::Missing, "is required, as base64"))?;
    let image = picture::of_base64(&inline.place("data"), content)?;
    inline.finish()?;
    Ok(Some(image))
}

/// The picture of a part that says where it lies.
fn file(part: &mut Node, role: Role, inputs: &mut Inputs) -> Result<(), Refusal> {
    let Some(value) = part.value("fileData") else { return Ok(()) };
    if role == Role::System {
        return Err(part.not_offered("fileData", "cannot be in the system's instruction"));
    }
    let mut file = Node::of(part.place("fileData"), value)?;
    file.text("displayName", usize::MAX)?;
    // What it is shows when it is here.
    file.text("mimeType", usize::MAX)?;
    let address = file.text("fileUri", usize::MAX)?;
    let address = address.ok_or_else(|| file.bad("fileUri", Problem::Missing, "is required"))?;
    inputs.add_at(&file, "fileUri", address)?;
    file.finish()
}
