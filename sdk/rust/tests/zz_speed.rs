#![allow(clippy::unwrap_used)]
mod kit;
use kit::{World, allowed, pay};
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speed() {
    let world = World::new().await;
    let session = world.session();
    drop(allowed(&session, pay()).await);
    let mut times = vec![];
    for _ in 0..300 {
        let t = std::time::Instant::now();
        drop(allowed(&session, pay()).await);
        times.push(t.elapsed());
    }
    times.sort();
    println!("p50 {:?} p99 {:?}", times[150], times[297]);
}
