//! Requests for drafts.

use reqwest::Method;

use super::answer::Answer;
use super::client::{Client, Request};
use super::device::Device;

pub(crate) const PATH: &str = "/auth/drafts/order:42";

/// A write of JSON text, as it stands.
pub(crate) fn write(device: &Device, path: &str, json: &str) -> Request {
    let client: &Client = &device.client;
    let request = client.request(Method::PUT, path).body(json);
    device.signed(request.header("content-type", "application/json"))
}

/// A write of a draft that is not there yet.
pub(crate) fn new(device: &Device, path: &str, json: &str) -> Request {
    write(device, path, json).header("if-none-match", "*")
}

/// A write over the draft of this tag.
pub(crate) fn over(device: &Device, path: &str, tag: &str, json: &str) -> Request {
    write(device, path, json).header("if-match", tag)
}

/// The `ETag` of an answer.
pub(crate) fn tag(answer: &Answer) -> String {
    answer
        .header("etag")
        .unwrap_or_else(|| panic!("no etag: {answer}"))
        .to_owned()
}

/// The keys of all drafts, as they are listed.
pub(crate) async fn list_of(device: &Device) -> Vec<String> {
    let list = device.get("/auth/drafts").send().await.expect(200).json();
    let drafts = list["drafts"].as_array().unwrap().iter();
    drafts.map(|draft| draft["key"].as_str().unwrap().to_owned()).collect()
}
