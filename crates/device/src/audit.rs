//! What a full check of the history needs: the daemon's checkpoint and leaves, and the trust this device holds.

use crate::device::Device;
use crate::failure::Failure;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::{ConsistencyReply, Reply, RequestDetail, Trouble};

impl Device {
    /// The daemon's newest checkpoint, with the proof that it extends the log's first `old` leaves. Nothing of it is
    /// verified here.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn checkpoint(&self, old: u64) -> Result<ConsistencyReply, Failure> {
        self.shared.door().checkpoint(old).await
    }

    /// Leaves of the daemon's log from `from` on, before `to`; the daemon hands out at most 1,000 at a time.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn leaves(&self, from: u64, to: u64) -> Result<Vec<String>, Failure> {
        let reply: Reply = self.shared.door().get(&format!("/v1/log/leaves?from={from}&to={to}")).await?;
        Ok(reply.messages)
    }

    /// Everything about one request as the daemon hands it out. Nothing of it is verified here.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn detail(&self, request: &Hash) -> Result<RequestDetail, Failure> {
        self.shared.door().detail(request).await
    }

    /// Everything about one request as a JSON file: its signed messages, their places in the log, and the bundles that
    /// verify them.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn record_file(&self, request: &Hash) -> Result<Vec<u8>, Failure> {
        #[derive(serde::Serialize)]
        struct RecordFile {
            bundles: Vec<String>,
            request: RequestDetail,
        }
        let request = self.detail(request).await?;
        let json = serde_json::to_vec_pretty(&RecordFile { bundles: self.bundles(), request });
        json.map_err(|error| Failure::new(Trouble::Internal, error.to_string()))
    }

    /// The bundles this device has verified, ascending, as they were signed.
    pub fn bundles(&self) -> Vec<String> {
        self.shared.lock().approver.view().messages().bundles
    }
}
