//! The asynchronous library for callers that are not.

use crate::error::Refused;
use agenttrust_protocol::door::Trouble;

/// Runs to its end what `make` makes, on a thread and a runtime of its own: a thread that drives a runtime already may
/// not drive another.
///
/// # Errors
/// `internal` if no thread or runtime could be had, or the work panicked.
pub(crate) fn wait<F: Future<Output: Send>>(make: impl FnOnce() -> F + Send) -> Result<F::Output, Refused> {
    let failed = || Refused::new(Trouble::Internal);
    std::thread::scope(|scope| {
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok::<_, std::io::Error>(runtime.block_on(make()))
        };
        let thread = std::thread::Builder::new().name("agenttrust-gate".to_owned()).spawn_scoped(scope, work);
        thread.map_err(|_| failed())?.join().map_err(|_| failed())?.map_err(|_| failed())
    })
}
