//! The doors: who may come in, what may be asked, and how it is answered.

pub mod admit;
pub mod agent;
pub mod device;
pub mod host;
mod inbox;
mod local;
pub mod pair;
pub mod rate;
pub mod reply;
mod tickets;

pub use local::Caller;
pub use tickets::Tickets;

use crate::clock::Clock;
use agenttrust_protocol::door::Trouble;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, header};
use reply::Refusal;
use std::time::{Duration, UNIX_EPOCH};

/// What every door has beside its routes: the guard before everything, answers of its own for what it does not know,
/// calls that run to their end, and the daemon's clock in every reply.
fn door<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    clock: Clock,
    guard: impl FnOnce(Router<S>) -> Router<S>,
) -> Router<S> {
    let routes = routes
        .fallback(async || Refusal::from(Trouble::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(Trouble::BadRequest))
        .layer(from_fn(to_the_end));
    guard(routes).layer(from_fn_with_state(clock, dated))
}

/// Whatever changes something runs to its end, though its caller hangs up: what follows from a commit must happen, and
/// trust that was held for it must be held until then. A call that only looks ends with its caller.
async fn to_the_end(request: Request, next: Next) -> Response {
    if *request.method() == Method::GET {
        return next.run(request).await;
    }
    let done = tokio::spawn(next.run(request)).await;
    done.unwrap_or_else(|_| Refusal::from(Trouble::Internal).into_response())
}

/// `Date` (RFC 9110 section 6.6.1): devices find out by it whether their clock and ours agree.
async fn dated(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let since = Duration::from_secs(u64::try_from(clock.now().0).unwrap_or(0));
    let date = httpdate::fmt_http_date(UNIX_EPOCH + since);
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}
