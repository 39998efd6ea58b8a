//! What a request's body may take of everybody's room and time. actix-web itself never cuts a body
//! that stalls, and reads on without end when nobody wants the rest of a chunked one.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use futures_util::Stream;
use tokio::time::Sleep;

use super::{BODY_TIMEOUT, MAX_BODY};

/// Ends a body that is larger than [`MAX_BODY`] ([`PayloadError::Overflow`]) or not there within
/// [`BODY_TIMEOUT`] (an i/o error, timed out), and closes the connection if the reply is ready
/// before the whole body was read.
pub(super) async fn limited<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let body = Rc::new(RefCell::new(request.take_payload()));
    let limited =
        Limited { body: body.clone(), left: MAX_BODY, late: Box::pin(tokio::time::sleep(BODY_TIMEOUT)) };
    request.set_payload(Payload::Stream { payload: Box::pin(limited) });
    let response = next.call(request).await?;
    Ok(response.map_body(|_, reply| BoxBody::new(Reply { reply: reply.boxed(), _body: body })))
}

struct Limited {
    body: Rc<RefCell<Payload>>,
    left: usize,
    late: Pin<Box<Sleep>>,
}

impl Stream for Limited {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = Pin::new(&mut *self.body.borrow_mut()).poll_next(cx);
        match chunk {
            Poll::Ready(Some(Ok(chunk))) => Poll::Ready(Some(match self.left.checked_sub(chunk.len()) {
                Some(left) => {
                    self.left = left;
                    Ok(chunk)
                }
                None => Err(PayloadError::Overflow),
            })),
            Poll::Pending if self.late.as_mut().poll(cx).is_ready() => {
                Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
            }
            other => other,
        }
    }
}

/// A reply that keeps the request's body until it is sent. The dispatcher takes a body that nobody
/// holds for one to be read to its end, however long that takes, and one that is held but
/// unfinished for a reason to close.
struct Reply {
    reply: BoxBody,
    _body: Rc<RefCell<Payload>>,
}

impl MessageBody for Reply {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.reply.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().reply).poll_next(cx)
    }
}
