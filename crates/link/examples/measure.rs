//! Measures the link on this machine: `measure latency`, `measure restart` or `measure idle [SECONDS] [DEVICES] [POLLS]`.
#![allow(clippy::print_stdout, reason = "the figures are the program's answer")]

use std::time::{Duration, Instant};

use agenttrust_link::{Address, Alpn, Bind, Call, Client, Config, Doors, Endpoint, Limits, LinkError, Options, Peer};
use axum::{Router, routing::get};
use bytes::Bytes;
use http::Request;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    match arguments.first().map(String::as_str) {
        Some("latency") => latency().await,
        Some("restart") => restart().await,
        Some("idle") => idle(Duration::from_secs(number(1, 60)), number(2, 0).try_into()?, number(3, 1)).await,
        Some("wait") => {
            wait(arguments.get(1).ok_or("no key")?, number(2, 0).try_into()?, number(3, 0).try_into()?, number(4, 1))
                .await
        }
        Some(_) | None => Err("say latency, restart or idle".into()),
    }
}

async fn serve(bind: Bind) -> Result<Endpoint, LinkError> {
    let endpoint = Endpoint::bind(Config::new([1; 32], bind)).await?;
    let doors = Doors::open(&endpoint, Limits::default(), |_| true);
    let router = Router::new()
        .route("/", get(|| async { "x" }))
        .route("/wait", get(|| async { tokio::time::sleep(Duration::from_secs(3600)).await }));
    tokio::spawn(axum::serve(doors.device, router.into_make_service_with_connect_info::<Peer>()).into_future());
    Ok(endpoint)
}

async fn dial(server: &Endpoint, seed: u8) -> Result<(Endpoint, Client), LinkError> {
    let endpoint = Endpoint::bind(Config::new([seed; 32], Bind::Loopback { port: 0 })).await?;
    let client = Client::connect(&endpoint, &server.loopback_addr(), Alpn::Device, Options::default())?;
    Ok((endpoint, client))
}

async fn call(client: &Client) -> Result<(), LinkError> {
    client.request(Request::new(Bytes::new()), Call::within(Duration::from_secs(30))).await.map(drop)
}

/// Round trips one after the other, then 64 at a time.
async fn latency() -> Outcome {
    let server = serve(Bind::Loopback { port: 0 }).await?;
    let (_endpoint, client) = dial(&server, 2).await?;
    let began = Instant::now();
    call(&client).await?;
    println!("first call, with the handshake: {:?}", began.elapsed());
    for _ in 0..1000 {
        call(&client).await?;
    }
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let began = Instant::now();
        call(&client).await?;
        times.push(began.elapsed());
    }
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 1000).copied().unwrap_or_default();
    println!("round trip: p50 {:?}, p90 {:?}, p99 {:?}", at(500), at(900), at(990));
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let client = client.clone();
        tasks.spawn(async move {
            for _ in 0..500 {
                call(&client).await?;
            }
            Ok::<_, LinkError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    println!("64 at a time: {:.0} calls a second", 32_000.0 / began.elapsed().as_secs_f64());
    Ok(())
}

/// The time from a server's return to the first answered call.
async fn restart() -> Outcome {
    let mut server = serve(Bind::Loopback { port: 0 }).await?;
    let port = server.loopback_addr().direct.first().ok_or("no address")?.port();
    let (_endpoint, client) = dial(&server, 2).await?;
    for pause in [0, 300, 1000, 3000, 8000] {
        call(&client).await?;
        server.close().await;
        drop(server);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server = serve(Bind::Loopback { port }).await?;
        let began = Instant::now();
        call(&client).await?;
        println!("down for {pause} ms: back after {:?}", began.elapsed());
    }
    Ok(())
}

/// CPU ticks and memory of a server that nobody calls, while `devices` processes wait for news with
/// `polls` requests each.
async fn idle(time: Duration, devices: u8, polls: u64) -> Outcome {
    let server = serve(Bind::Everywhere { port: 0 }).await?;
    let port = server.loopback_addr().direct.first().ok_or("no address")?.port();
    let mut children = Vec::new();
    for seed in 0..devices {
        let mut child = std::process::Command::new(std::env::current_exe()?);
        let child =
            child.args(["wait", &server.key().to_string(), &port.to_string(), &seed.to_string(), &polls.to_string()]);
        children.push(child.spawn()?);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = cpu()?;
    tokio::time::sleep(time).await;
    let used = cpu()?.0 - before.0;
    println!("{devices} devices waiting, {time:?}: {used:.1} ms of CPU, {} clock ticks", cpu()?.1 - before.1);
    println!("{}", memory()?);
    for mut child in children {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

/// A device that waits for an answer that does not come.
async fn wait(key: &str, port: u16, seed: u8, polls: u64) -> Outcome {
    let endpoint = Endpoint::bind(Config::new([seed + 100; 32], Bind::Loopback { port: 0 })).await?;
    let target = Address { key: key.parse()?, direct: vec![([127, 0, 0, 1], port).into()], relay: None };
    let client = Client::connect(&endpoint, &target, Alpn::Device, Options::default())?;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..polls {
        let (client, request) = (client.clone(), Request::get("/wait").body(Bytes::new())?);
        tasks.spawn(async move { client.request(request, Call::within(Duration::from_secs(3600))).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// This process's CPU time: milliseconds as the scheduler counts them, and clock ticks.
fn cpu() -> Result<(f64, u64), Box<dyn std::error::Error>> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().ok_or("no schedstat")?.parse::<f64>()?;
    }
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(')').next().ok_or("no stat")?.split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).ok_or("no ticks");
    Ok((nanoseconds / 1e6, field(11)? + field(12)?))
}

fn memory() -> Result<String, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let lines = status
        .lines()
        .filter(|line| ["VmRSS", "RssAnon", "VmHWM", "Threads"].iter().any(|name| line.starts_with(name)));
    Ok(lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", "))
}
