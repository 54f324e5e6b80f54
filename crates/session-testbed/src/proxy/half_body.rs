//! A body that breaks off in its middle.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::forward::Failure;

pub(super) struct HalfBody {
    half: Option<Bytes>,
    flushed: bool,
}

impl HalfBody {
    pub(super) fn of(whole: &Bytes) -> Self {
        Self {
            half: Some(whole.slice(..whole.len() / 2)),
            flushed: false,
        }
    }
}

impl Body for HalfBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        // While a body pauses, the connection writes out what it has: an error at once would take the first half with it.
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err("half an answer was asked for".into())))
    }
}
