//! From a command line to a gateway at work.

use crate::args::McpArgs;
use crate::connection::Connection;
use crate::gateway::Gateway;
use crate::http::{self, BadUpstream, Upstream};
use crate::relay::{self, End, Server};
use crate::{say, stop};
use agenttrust_gate::{Gate, GateConfig};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// How long reports and withdrawn requests are given to reach the daemon.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long a server is given to end.
const SERVER_END: Duration = Duration::from_secs(8);

/// The exit code of a command line that cannot be used, and of anything else that failed.
const USAGE: u8 = 2;
const FAILED: u8 = 1;

/// What a gateway stands in front of.
pub enum Front {
    /// What is at the other end of two streams: one to read from, and one to write to.
    Streams(Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>),
    /// A command that speaks over its standard streams.
    Command(Vec<OsString>),
    /// A server behind a URL.
    Url(Box<Upstream>),
}

/// Runs the subcommand to its end.
pub fn run(args: McpArgs) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() else {
        say("The system gives no threads.");
        return ExitCode::from(FAILED);
    };
    let code = match runtime.block_on(work(args)) {
        Ok(code) => code,
        Err((code, why)) => {
            say(&why);
            code
        }
    };
    // A thread that still reads from the client must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ExitCode::from(code)
}

async fn work(args: McpArgs) -> Result<u8, (u8, String)> {
    let headers = args.headers(|name| std::env::var(name).ok()).map_err(|why| (USAGE, why))?;
    let front = match &args.url {
        Some(url) => {
            let upstream = Upstream::new(url, &headers).map_err(|bad| (USAGE, sentence(bad)))?;
            Front::Url(Box::new(upstream))
        }
        None => Front::Command(args.command.clone()),
    };
    let (server, life) = (args.server(), args.life());
    match (args.listen, front) {
        (Some(address), Front::Url(upstream)) => {
            if !address.ip().is_loopback() {
                let why = "--listen takes an address of this machine alone, such as 127.0.0.1:8931.";
                return Err((USAGE, why.to_owned()));
            }
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|error| (FAILED, format!("{address} cannot be listened at: {error}.")))?;
            listen(args.gate(), &server, life, *upstream, listener, stop::stopped())
                .await
                .map_err(|why| (FAILED, why))?;
            Ok(0)
        }
        (_, front) => {
            let client =
                streams().map_err(|error| (FAILED, format!("The standard streams cannot be used: {error}.")))?;
            let end = relay(args.gate(), &server, life, front, client, stop::stopped()).await;
            end.map_err(|why| (FAILED, why))
        }
    }
}

/// This process's standard streams.
fn streams() -> std::io::Result<(File, File)> {
    let own = |stream: BorrowedFd<'_>| stream.try_clone_to_owned().map(|own| File::from_std(own.into()));
    Ok((own(std::io::stdin().as_fd())?, own(std::io::stdout().as_fd())?))
}

fn sentence(bad: BadUpstream) -> String {
    match bad {
        // A password may be in it, and the log is the client's.
        BadUpstream::Url => "--url is no URL that begins with http:// or https:// and holds no password.".to_owned(),
        BadUpstream::Header => "A header of --header-env has a name or a value that HTTP cannot carry.".to_owned(),
        BadUpstream::Certificates => "This machine's certificates cannot be read: install ca-certificates.".to_owned(),
    }
}

fn open(config: GateConfig, server: &str, life: Duration) -> Result<Arc<Gateway>, String> {
    let gate = Gate::open(config).map_err(|refused| format!("{refused} {}", refused.hint()))?;
    Ok(Arc::new(Gateway::new(gate, server, life)))
}

/// Stands between a client on a pair of streams and a server, until one of them is gone or `stop` says so; answers an
/// exit code.
///
/// # Errors
/// A sentence about what keeps it from beginning.
pub async fn relay(
    config: GateConfig,
    server: &str,
    life: Duration,
    front: Front,
    client: (impl AsyncRead + Unpin, impl AsyncWrite + Send + Unpin + 'static),
    stop: impl Future<Output = ()>,
) -> Result<u8, String> {
    let gateway = open(config, server, life)?;
    let connection = Arc::new(Connection::new(format!("stdio {} {}", std::process::id(), gateway.own_id())));
    let end = match front {
        Front::Command(command) => {
            let name = command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let started = Server::start(&command).map_err(|error| format!("`{name}` cannot be started: {error}."))?;
            relay_to(&gateway, &connection, started, client, stop).await
        }
        Front::Streams(read, write) => relay_to(&gateway, &connection, Server::over(read, write), client, stop).await,
        Front::Url(upstream) => relay_to(&gateway, &connection, http::bridge(*upstream), client, stop).await,
    };
    connection.close_session();
    farewell(&gateway).await;
    Ok(if end == End::Server { FAILED } else { 0 })
}

async fn relay_to(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    (server, ended): (Server, impl Future<Output = ()>),
    client: (impl AsyncRead + Unpin, impl AsyncWrite + Send + Unpin + 'static),
    stop: impl Future<Output = ()>,
) -> End {
    let end = relay::run(Arc::clone(gateway), Arc::clone(connection), client, server, stop).await;
    // What does not end by itself is ended.
    let _late = tokio::time::timeout(SERVER_END, ended).await;
    end
}

/// Answers clients at `listener` for the server behind a URL, until `stop` says so.
///
/// # Errors
/// A sentence about what keeps it from beginning.
pub async fn listen(
    config: GateConfig,
    server: &str,
    life: Duration,
    upstream: Upstream,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let gateway = open(config, server, life)?;
    if let Ok(address) = listener.local_addr() {
        say(&format!("listening at http://{address}{}", upstream.path()));
    }
    http::listen(Arc::clone(&gateway), upstream, listener, stop).await.map_err(|error| format!("{error}."))?;
    farewell(&gateway).await;
    Ok(())
}

/// Lets reports and withdrawals reach the daemon.
async fn farewell(gateway: &Gateway) {
    gateway.reports.close();
    let _late = tokio::time::timeout(FAREWELL, gateway.reports.wait()).await;
    // A dropped question withdraws itself in a task of its own, of which nothing is known here.
    tokio::time::sleep(Duration::from_millis(200)).await;
}
