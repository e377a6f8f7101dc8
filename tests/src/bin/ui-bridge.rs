//! The calls and news of a real console, with the real daemon behind it, on a loopback port: a browser then drives
//! the interface as the desktop's window does. Tests alone use it. It ends when its standard input does.
#![allow(clippy::print_stdout, reason = "it tells where it is")]

use agenttrust_device::Place;
use agenttrust_device::console::{Answer, Call, Console, News, Shell};
use agenttrust_protocol::door::{ErrorBody, Trouble};
use agenttrust_tests::kit::Phone;
use agenttrust_tests::workspace_root;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware, routing};
use clap::Parser;
use futures_core::Stream;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Serves a console to a browser on this machine.
#[derive(Parser)]
struct Args {
    /// The data folder of the daemon and the device.
    #[arg(long)]
    data: PathBuf,
    /// The built interface.
    #[arg(long)]
    ui: PathBuf,
}

struct Bridge {
    console: Console,
    ui: PathBuf,
    /// The only `Host` that is answered: no page of another name reaches this port.
    host: String,
    token: String,
    policy: HeaderValue,
}

/// A person who always chooses the same folder; what the desktop is told to start is written down there.
struct Desktop {
    chosen: PathBuf,
}

impl Shell for Desktop {
    fn choose_folder(&self) -> Answer<Option<PathBuf>> {
        let chosen = self.chosen.clone();
        Box::pin(async move { Some(chosen) })
    }

    fn choose_file(&self, name: &str) -> Answer<Option<PathBuf>> {
        let file = self.chosen.join(name);
        Box::pin(async move { Some(file) })
    }

    fn set_autostart(&self, on: bool) -> Result<(), String> {
        let written = std::fs::write(self.chosen.join("autostart"), if on { "on" } else { "off" });
        written.map_err(|error| error.to_string())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let place = Place::find(Some(&args.data), |_| None).ok_or("no data folder")?;
    let chosen = args.data.join("chosen");
    std::fs::create_dir_all(&chosen)?;
    let console = Console::start(place, None, Phone::config(), Box::new(Desktop { chosen }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = listener.local_addr()?.to_string();
    let bridge = Arc::new(Bridge { console, ui: args.ui, host, token: token()?, policy: policy()? });
    println!("{}", json!({"url": format!("http://{}", bridge.host), "token": bridge.token}));
    tokio::spawn(serve(listener, Arc::clone(&bridge)));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    bridge.console.clone().close().await;
    Ok(())
}

async fn serve(listener: TcpListener, bridge: Arc<Bridge>) -> std::io::Result<()> {
    let app = Router::new()
        .route("/call", routing::post(call))
        .route("/news", routing::get(news))
        .fallback(file)
        .layer(middleware::from_fn_with_state(Arc::clone(&bridge), guard))
        .with_state(bridge);
    axum::serve(listener, app).await
}

fn token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// What the desktop's window may load, and no more; calls go to this port instead of to the window's own shell.
fn policy() -> Result<HeaderValue, Box<dyn Error>> {
    let mut config: Value = serde_json::from_slice(&std::fs::read(workspace_root().join("tauri.conf.json"))?)?;
    let mut rules: BTreeMap<String, String> = serde_json::from_value(config["app"]["security"]["csp"].take())?;
    rules.insert("connect-src".to_owned(), "'self'".to_owned());
    let rules: Vec<String> = rules.iter().map(|(name, words)| format!("{name} {words}")).collect();
    Ok(HeaderValue::from_str(&rules.join("; "))?)
}

/// Answers pages of this port alone, and calls only with the token.
async fn guard(State(bridge): State<Arc<Bridge>>, request: Request, next: Next) -> Response {
    let is_ours = |headers: &HeaderMap| headers.get(HOST).is_some_and(|host| host.as_bytes() == bridge.host.as_bytes());
    if !is_ours(request.headers()) {
        return refused(StatusCode::MISDIRECTED_REQUEST, "this name is not served here");
    }
    let needs_token = matches!(request.uri().path(), "/call" | "/news");
    if needs_token && !has_token(&bridge, request.headers(), request.uri()) {
        return refused(StatusCode::UNAUTHORIZED, "the token is wrong");
    }
    next.run(request).await
}

/// An event source can set no header, so that the token stands in its address there.
fn has_token(bridge: &Bridge, headers: &HeaderMap, uri: &Uri) -> bool {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_header = header.and_then(|value| value.strip_prefix("Bearer "));
    let in_query = uri.query().and_then(|query| query.strip_prefix("token="));
    in_header.or(in_query) == Some(bridge.token.as_str())
}

fn refused(status: StatusCode, why: &str) -> Response {
    let body = ErrorBody { code: "bridge".to_owned(), message: why.to_owned(), hint: None, state: None };
    (status, Json(body)).into_response()
}

async fn call(State(bridge): State<Arc<Bridge>>, body: Bytes) -> Response {
    let call: Call = match serde_json::from_slice(&body) {
        Ok(call) => call,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match bridge.console.call(call).await {
        Ok(reply) => Json(reply).into_response(),
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, Json(why)).into_response(),
    }
}

async fn news(State(bridge): State<Arc<Bridge>>) -> Response {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(forward(bridge.console.clone(), sender));
    let feed = Sse::new(Feed(receiver)).keep_alive(axum::response::sse::KeepAlive::default());
    ([(CACHE_CONTROL, "no-store")], feed).into_response()
}

/// The page may have asked how things stand before this began, so that it is told once more.
async fn forward(console: Console, sender: mpsc::Sender<Event>) {
    let mut feed = console.news();
    let mut next = Some(News::Stage { stage: Box::new(console.stage()) });
    // The feed alone must not keep the console.
    drop(console);
    while let Some(news) = next {
        let Ok(event) = Event::default().json_data(&news) else { return };
        if sender.send(event).await.is_err() {
            return;
        }
        next = feed.next().await;
    }
}

/// News as an event stream.
struct Feed(mpsc::Receiver<Event>);

impl Stream for Feed {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

async fn file(State(bridge): State<Arc<Bridge>>, uri: Uri) -> Response {
    let path = Path::new(uri.path().trim_start_matches('/'));
    let path = if path.as_os_str().is_empty() { Path::new("index.html") } else { path };
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return refused(StatusCode::NOT_FOUND, Trouble::NotFound.sentence());
    }
    let Ok(bytes) = tokio::fs::read(bridge.ui.join(path)).await else {
        return refused(StatusCode::NOT_FOUND, Trouble::NotFound.sentence());
    };
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some(_) | None => "application/octet-stream",
    };
    let mut response = ([(CONTENT_TYPE, kind)], bytes).into_response();
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, bridge.policy.clone());
    response
}
