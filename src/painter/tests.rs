//! The painter as a vendor: its wire form and its faults.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::canonical::{Format, Size};

use super::*;

async fn ask(settings: InProcess, order: &Value) -> (u16, Value) {
    let request = WireRequest::post_json("/paint", order.to_string());
    let reply = Painter::new(2).answer(settings, &request).await;
    let body = serde_json::from_slice(&reply.body.to_bytes()).unwrap();
    (reply.status, body)
}

async fn play(fault: PlayedFault) -> (u16, Value) {
    let settings = InProcess { latency: Duration::ZERO, fault: Some(fault) };
    ask(settings, &order("png")).await
}

fn order(format: &str) -> Value {
    json!({"model": "landscape-1", "prompt": "a lake", "seed": 7, "width": 40, "height": 24,
        "count": 1, "format": format})
}

fn picture(image: &Value) -> Vec<u8> {
    STANDARD.decode(image["picture"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn every_format_comes_back_at_the_size_asked() {
    let formats = [Format::Png, Format::Jpeg, Format::Webp];
    for format in formats {
        let (status, body) = ask(InProcess::default(), &order(format.name())).await;
        let image = &body["images"][0];
        assert_eq!((status, &image["format"]), (200, &json!(format.name())));
        assert_eq!((&image["width"], &image["height"]), (&json!(40), &json!(24)));
        let measured = raster::measure(&picture(image));
        assert_eq!(measured, Some((format, Size::new(40, 24))));
        assert!(raster::decode(&picture(image)).is_ok());
    }
}

#[tokio::test]
async fn the_seed_told_paints_the_same_bytes_again() {
    let mut unseeded = order("png");
    unseeded.as_object_mut().unwrap().remove("seed");
    let (_, first) = ask(InProcess::default(), &unseeded).await;
    unseeded["seed"] = first["images"][0]["seed"].clone();
    let (_, again) = ask(InProcess::default(), &unseeded).await;
    assert_eq!(first, again);
}

#[tokio::test]
async fn the_seeds_of_several_pictures_count_up() {
    let mut three = order("png");
    three["count"] = json!(3);
    let (_, body) = ask(InProcess::default(), &three).await;
    let seeds: Vec<_> = body["images"].as_array().unwrap().iter().collect();
    assert_eq!(seeds.iter().map(|i| &i["seed"]).collect::<Vec<_>>(), [7, 8, 9]);
    assert_ne!(seeds[0]["picture"], seeds[1]["picture"]);
}

#[tokio::test]
async fn compression_makes_lossy_pictures_smaller() {
    for format in ["jpeg", "webp"] {
        let mut length = Vec::new();
        for compression in [5, 95] {
            let mut order = order(format);
            order["compression"] = json!(compression);
            let (_, body) = ask(InProcess::default(), &order).await;
            length.push(picture(&body["images"][0]).len());
        }
        assert!(length[0] < length[1], "{format}: {length:?}");
    }
}

#[tokio::test]
async fn a_transparent_background_has_an_alpha_channel() {
    for format in ["png", "webp"] {
        let mut order = order(format);
        order["background"] = json!("transparent");
        let (_, body) = ask(InProcess::default(), &order).await;
        let pixels = raster::decode(&picture(&body["images"][0])).unwrap();
        assert!(pixels.color().has_alpha(), "{format}");
    }
}

#[tokio::test]
async fn what_cannot_be_painted_is_invalid_and_named() {
    for (field, value) in [
        ("width", json!(0)),
        ("height", json!(4097)),
        ("count", json!(11)),
        ("compression", json!(101)),
        ("sead", json!(1)),
    ] {
        let mut order = order("png");
        order[field] = value;
        let (status, body) = ask(InProcess::default(), &order).await;
        assert_eq!((status, &body["error"]["kind"]), (400, &json!("invalid")));
        let detail = body["error"]["detail"].as_str().unwrap();
        assert!(detail.contains(field), "{detail}");
    }
    let mut over = order("png");
    over["inputs"] = json!(["bm8gcGljdHVyZQ=="]);
    let (status, body) = ask(InProcess::default(), &over).await;
    assert_eq!((status, &body["error"]["kind"]), (400, &json!("invalid")), "{body}");
    let mut jpeg = order("jpeg");
    jpeg["background"] = json!("transparent");
    assert_eq!(ask(InProcess::default(), &jpeg).await.0, 400);
}

#[tokio::test]
async fn each_played_fault_looks_like_a_vendors_own() {
    let (status, busy) = play(PlayedFault::Busy).await;
    assert_eq!((status, &busy["error"]["kind"]), (429, &json!("busy")));
    assert!(busy["error"]["retry_after_ms"].is_u64());
    let (status, broken) = play(PlayedFault::Broken).await;
    assert_eq!((status, &broken["error"]["kind"]), (500, &json!("broken")));
    let (status, refused) = play(PlayedFault::Refused).await;
    assert_eq!((status, &refused["error"]["kind"]), (400, &json!("refused")));
    assert_eq!(play(PlayedFault::Empty).await, (200, json!({"images": []})));
}

#[tokio::test]
async fn a_garbled_answer_is_html_and_a_hang_never_answers() {
    let request = WireRequest::post_json("/paint", order("png").to_string());
    let painter = Painter::new(1);
    let playing = |fault| InProcess { latency: Duration::ZERO, fault: Some(fault) };
    let garbled = painter.answer(playing(PlayedFault::Garbled), &request).await;
    assert_eq!(garbled.header("content-type"), Some("text/html"));
    let hang = painter.answer(playing(PlayedFault::Hang), &request);
    let waited = tokio::time::timeout(Duration::from_millis(20), hang).await;
    assert!(waited.is_err(), "a hang has answered");
}
