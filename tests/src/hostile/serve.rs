//! The socket: an HTTP server for what can be said in HTTP, bare bytes for the rest.

use super::attacks::{Act, Attack, Wire};
use super::daemon::{Call, World};
use agenttrust_protocol::door::{ErrorBody, Reply};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// How often a waiting call looks again, and how often at most.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 100;

/// A hostile daemon that listens.
pub struct Hostile {
    listener: UnixListener,
    attack: &'static Attack,
    world: World,
}

impl Hostile {
    /// Listens on a socket that does not exist yet; answers nobody before [`Hostile::serve`].
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(socket: &Path, attack: &'static Attack) -> io::Result<(Hostile, super::Ready)> {
        let listener = UnixListener::bind(socket)?;
        let (world, root) = attack.scene();
        Ok((Hostile { listener, attack, world }, super::Ready::new(attack, Some(root))))
    }

    /// Plays the attack for as long as it is not dropped.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self) -> io::Result<()> {
        match self.attack.wire {
            Some(wire) => loop {
                let (stream, _) = self.listener.accept().await?;
                // The caller may hang up whenever it likes.
                tokio::spawn(async move { speak(wire, stream).await.ok() });
            },
            None => {
                let stage = Arc::new(Stage { attack: self.attack, world: Mutex::new(self.world) });
                let router = Router::new().fallback(play).with_state(stage);
                axum::serve(self.listener, router).await
            }
        }
    }
}

struct Stage {
    attack: &'static Attack,
    world: Mutex<World>,
}

impl Stage {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn play(
    State(stage): State<Arc<Stage>>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    let call = Call { method: method.to_string(), path: uri.path().to_owned(), query, body };
    let act = match honestly(&stage, &call).await {
        Ok(reply) => (stage.attack.tamper)(&stage.world(), &call, reply),
        Err(error) => return (StatusCode::CONFLICT, axum::Json(error)).into_response(),
    };
    match act {
        Act::Reply(reply) => axum::Json(reply).into_response(),
        Act::Error(status, error) => (status, axum::Json(error)).into_response(),
        Act::Body(body) => body.into_response(),
        Act::Hang => std::future::pending().await,
    }
}

async fn honestly(stage: &Stage, call: &Call) -> Result<Reply, ErrorBody> {
    let mut made = stage.world().answer(call);
    for _ in 0..LOOKS {
        let waits = call.query.contains_key("wait") && made.as_ref().is_ok_and(|reply| reply.state == "pending");
        if !waits {
            break;
        }
        tokio::time::sleep(LOOK).await;
        made = stage.world().answer(call);
    }
    made
}

async fn speak(wire: Wire, mut stream: UnixStream) -> io::Result<()> {
    let _asked = stream.read(&mut [0; 4096]).await?;
    match wire {
        Wire::Once(bytes) => stream.write_all(bytes).await,
        Wire::Forever(head, more) => {
            stream.write_all(head).await?;
            let block = more.repeat(4096);
            loop {
                stream.write_all(&block).await?;
            }
        }
    }
}
