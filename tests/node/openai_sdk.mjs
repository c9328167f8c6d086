// Drives the gateway with the official OpenAI package for Node: base URL, key, a key without credits; exits 0
// when all is good.

import assert from "node:assert/strict";
import buffer from "node:buffer";
import { createRequire } from "node:module";

// Node 18 keeps it elsewhere; the package says so to whoever uploads a file there.
globalThis.File ??= buffer.File;

const require = createRequire(import.meta.url);
const { OpenAI, toFile } = require("openai");

const [baseURL, apiKey, poorKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });

/** Format, width and height of a picture as base64, by its head. */
function measured(base64) {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.toString("latin1", 1, 4) === "PNG") {
    return ["png", bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  }
  if (bytes.toString("latin1", 8, 12) === "WEBP") return ["webp"];
  return [bytes.readUInt16BE(0) === 0xffd8 ? "jpeg" : "unknown"];
}

const pictures = (answer) => answer.data.map((item) => measured(item.b64_json));

const png = (base64, name) => toFile(Buffer.from(base64, "base64"), name, { type: "image/png" });

/** What a call that must fail fails with, which must be of this class of the package's. */
async function refused(kind, call) {
  const error = await call.then(
    () => assert.fail(`accepted, instead of ${kind.name}`),
    (error) => error,
  );
  assert(error instanceof kind, `${error.constructor.name} instead of ${kind.name}: ${error}`);
  return error;
}

const square = { model: "paint", prompt: "a fox", size: "64x64" };

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.deepEqual(models, ["paint", "remote"]);
assert.equal((await client.models.retrieve("paint")).id, "paint");

let { data: answer, request_id } = await client.images.generate({ ...square, n: 2 }).withResponse();
assert.deepEqual(pictures(answer), [["png", 64, 64], ["png", 64, 64]]);
assert.deepEqual([answer.size, answer.output_format], ["64x64", "png"]);
assert.match(request_id, /^req_/);
assert.equal(answer._request_id, request_id);
const fox = answer.data[0].b64_json;

answer = await client.images.generate({
  ...square,
  quality: "high",
  background: "transparent",
  output_format: "webp",
  output_compression: 80,
  moderation: "low",
  user: "u-1",
});
assert.deepEqual(pictures(answer), [["webp"]]);

answer = await client.images.generate({ ...square, response_format: "url" });
const fetched = await fetch(answer.data[0].url);
assert.deepEqual(measured(Buffer.from(await fetched.arrayBuffer()).toString("base64")), ["png", 64, 64]);

const clear = await client.images.generate({ ...square, background: "transparent" });
const mask = clear.data[0].b64_json;
answer = await client.images.edit({
  ...square,
  image: [await png(fox, "one.png"), await png(fox, "two.png")],
  mask: await png(mask, "mask.png"),
  n: 2,
});
assert.deepEqual(pictures(answer), [["png", 64, 64], ["png", 64, 64]]);
answer = await client.images.edit({ ...square, image: await png(fox, "one.png"), output_format: "jpeg" });
assert.deepEqual(pictures(answer), [["jpeg"]]);
answer = await client.images.createVariation({
  model: "paint",
  image: await png(fox, "one.png"),
  size: "256x256",
  response_format: "b64_json",
});
assert.deepEqual(pictures(answer), [["png", 256, 256]]);

// The vendor finishes only once the test has read from us that its preview came through.
let events = [];
const previews = { ...square, model: "remote", stream: true, partial_images: 2 };
for await (const event of await client.images.generate(previews)) {
  events.push(event);
  if (event.type === "image_generation.partial_image") console.log("a preview is here");
}
assert.deepEqual(events.map((event) => event.type), [
  "image_generation.partial_image",
  "image_generation.completed",
]);
assert.equal(events[0].partial_image_index, 0);
for (const event of events) assert.deepEqual(measured(event.b64_json), ["png", 64, 64]);
assert.equal(events[1].usage.total_tokens, 18);

events = [];
const edit = { ...square, image: await png(fox, "one.png"), stream: true };
for await (const event of await client.images.edit(edit)) events.push(event);
assert.deepEqual(events.map((event) => event.type), ["image_edit.completed"]);
assert.deepEqual(measured(events[0].b64_json), ["png", 64, 64]);

// The package sends no such header by itself.
const once = { headers: { "Idempotency-Key": "once" } };
const first = await client.images.generate(square, once).withResponse();
const second = await client.images.generate(square, once).withResponse();
assert.equal(second.data.data[0].b64_json, first.data.data[0].b64_json);
assert.equal(first.response.headers.get("idempotency-replayed"), null);
assert.equal(second.response.headers.get("idempotency-replayed"), "true");
await refused(
  OpenAI.UnprocessableEntityError,
  client.images.generate({ ...square, prompt: "a hen" }, once),
);

let error = await refused(OpenAI.BadRequestError, client.images.generate({ ...square, n: 11 }));
assert.deepEqual([error.param, error.code], ["n", "integer_above_max_value"]);
error = await refused(OpenAI.NotFoundError, client.images.generate({ ...square, model: "nope" }));
assert.equal(error.code, "model_not_found");
assert.match(error.requestID, /^req_/);
const stranger = new OpenAI({ baseURL, apiKey: "wrong" });
error = await refused(OpenAI.AuthenticationError, stranger.models.list());
assert.equal(error.code, "invalid_api_key");

// The package has no class of its own for 402. It obeys a word of ours when it is to try no more.
const poor = new OpenAI({ baseURL, apiKey: poorKey });
error = await refused(OpenAI.APIError, poor.images.generate(square));
assert.deepEqual([error.status, error.code], [402, "insufficient_quota"]);
assert.equal(error.headers.get("x-should-retry"), "false");

// What was served until here fills the window.
error = await refused(OpenAI.RateLimitError, client.images.generate(square));
assert.equal(error.code, "rate_limit_exceeded");
assert.equal(error.headers.get("x-should-retry"), "false");

console.log("all good");
