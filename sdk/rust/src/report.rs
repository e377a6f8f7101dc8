//! Reporting what came of a call in another process than the one that was allowed to make it.

use crate::error::Refused;
use crate::gate::Gate;
use crate::permit::{Reported, post_outcome, strict};
use agenttrust_protocol::message::ExecutionResult;

impl Gate {
    /// Reports what came of the call with this id in the session of this name, where another process of this agent
    /// held the permit: a hook allows a tool in one process and learns in a later one how it ended. `None` if nothing
    /// of that call was allowed.
    ///
    /// # Errors
    /// `closed` if it was reported before; `disk_full` or a `store_…` code if it could be neither delivered nor kept.
    pub async fn report(
        &self,
        session: &str,
        call: &str,
        result: ExecutionResult,
        output: Option<&serde_json::Value>,
    ) -> Result<Option<Reported>, Refused> {
        let (session, call) = (session.to_owned(), call.to_owned());
        // Behind a request that the daemon has yet to get, its outcome waits too.
        let found = self.db(move |_, store| Ok((store.spent_call(&session, &call)?, !store.parcels(1)?.is_empty())));
        let (Some(request), queued) = found.await? else { return Ok(None) };
        let output = output.and_then(|output| strict(&output.to_string()));
        post_outcome(self, request, result, output, queued).await.map(Some)
    }
}
