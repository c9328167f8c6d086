//! What named pictures cost: what they would cost if they were sent.

use serde_json::{Value, json};

use super::gallery::{Gallery, answer_of};
use super::{EDITS, picture};
use crate::vendor::{Answers, FakeVendor, png};
use crate::world::{PAINTED, World, from_base64};

/// A world in which input pictures have a price.
async fn priced(gallery: &Gallery, price: &str) -> (World, FakeVendor) {
    let vendor = FakeVendor::start(Answers::Gemini).await;
    let policy = format!(
        "{PAINTED}\n{}\n{}\n[models.m]\nprice = {price}\nofferings = [{{ vendor = \"acme\", \
         model = \"gemini-3-pro-image\", ratios = {{ \"1:1\" = \"1024x1024\" }}, inputs_max = 14, \
         cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "gemini"),
        gallery.policy(),
    );
    (World::with(&policy, "100", ""), vendor)
}

fn edit(images: &[&str]) -> Value {
    let images: Vec<Value> = images.iter().map(|image| json!({ "image_url": image })).collect();
    json!({ "model": "m", "prompt": "a fox", "images": images })
}

/// What a request is quoted at.
async fn quoted(world: &World, images: &[&str]) -> Value {
    let asked = json!({ "dialect": "openai", "path": EDITS, "request": edit(images) });
    world.post("/v1/quote", &asked).await.json()["price"].clone()
}

/// What is left once it was bought.
async fn left(world: &World, images: &[&str]) -> String {
    let reply = world.post(EDITS, &edit(images)).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    world.available()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_picture_is_quoted_and_charged_like_one_that_is_sent() {
    let gallery = Gallery::of_one(&picture(48, 32)).await;
    let price = "{ images = [{ image = \"2\" }], input_image = \"0.5\" }";
    let (world, _vendor) = priced(&gallery, price).await;
    let (sent, named) = (format!("data:image/png;base64,{}", png(48, 32)), gallery.url("/a.png"));
    for (images, price, after) in [
        ([&*sent, &sent], "3", "97"),
        ([&*named, &named], "3", "94"),
        ([&*sent, &named], "3", "91"),
    ] {
        assert_eq!(quoted(&world, &images).await, price);
        assert_eq!(left(&world, &images).await, after);
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_its_pixels_a_named_picture_is_held_as_the_largest_and_charged_as_it_is() {
    let gallery = Gallery::of_one(&picture(48, 32)).await;
    let price =
        "{ images = [{ image = \"2\" }], input_megapixel = { each = \"1\", rounded = \"up\" } }";
    let (world, _vendor) = priced(&gallery, price).await;
    let (sent, named) = (format!("data:image/png;base64,{}", png(48, 32)), gallery.url("/a.png"));
    assert_eq!(quoted(&world, &[&sent]).await, "3");
    assert_eq!(left(&world, &[&sent]).await, "97");
    // 32 megapixels may be taken in, so that is what is held.
    assert_eq!(quoted(&world, &[&named]).await, "34");
    assert_eq!(left(&world, &[&named]).await, "94");
    let four = world.post(EDITS, &edit(&[&named, &named, &named, &named])).await;
    assert_eq!((four.status, gallery.calls()), (402, 5), "{}", four.json());
    assert_eq!(world.available(), "94");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_picture_that_hides_its_size_is_refused_where_it_is_priced_by_it() {
    // A JPEG whose frame comes after more than a reader of heads looks at.
    let jpeg = {
        let drawn = image::load_from_memory(&from_base64(&json!(png(48, 32)))).unwrap();
        let mut bytes = std::io::Cursor::new(Vec::new());
        drawn.to_rgb8().write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    };
    let comment = [&[0xFF, 0xFE, 0xFF, 0xFF][..], &vec![b'x'; 0xFFFD]].concat();
    let padded = [&jpeg[..2], &comment.repeat(4), &jpeg[2..]].concat();
    let gallery = Gallery::holding(vec![("/a.jpg", answer_of(200, "image/jpeg", &padded))]).await;
    let price =
        "{ images = [{ image = \"2\" }], input_megapixel = { each = \"1\", rounded = \"up\" } }";
    let (world, vendor) = priced(&gallery, price).await;
    let reply = world.post(EDITS, &edit(&[&gallery.url("/a.jpg")])).await;
    assert_eq!((reply.status, gallery.calls()), (400, 1), "{}", reply.json());
    let said = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("size of an input picture"), "{said}");
    assert_eq!((vendor.calls(), world.available().as_str()), (0, "100"));
    world.verify();
}
