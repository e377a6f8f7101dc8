//! Proving that a request's record is whole: every signature, and every message in the log that this device verifies.

use crate::command::Done;
use crate::device::Shared;
use crate::failure::Failure;
use agenttrust_approver::record::Record;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::{ErrorBody, Trouble};

impl Shared {
    pub(crate) async fn verify(&self, request: &Hash) -> Result<Done, Failure> {
        let door = self.door();
        let detail = door.detail(request).await?;
        self.cosign().await?;
        // What is verified of the log must not move on while messages are proved to be in it.
        let _one_at_a_time = self.vouching.lock().await;
        let (record, log, cosigned, trouble) = {
            let core = self.lock();
            let record = Record::check(core.approver.view().trust(), request, detail.state, &detail.messages).sound();
            (record, core.approver.ledger().log, core.is_cosigned(), core.log_trouble.clone())
        };
        let record = record.map_err(|fault| Failure::Daemon(ErrorBody::from(&fault)))?;
        let not_proved = |what: &str| Failure::new(Trouble::StoreCorrupt, format!("the log: {what}"));
        if let Some(trouble) = trouble {
            return Err(not_proved(&trouble.message));
        }
        let log = log.ok_or_else(|| not_proved("nothing of it is verified yet"))?;
        let mut leaves = Vec::new();
        for part in record.parts() {
            let leaf = part.as_str().split('~').next().unwrap_or_default();
            let reply = match door.inclusion(&part.hash(), log.size).await {
                Err(failure) if failure.is(Trouble::NotFound) => return Err(not_proved("a message is missing in it")),
                reply => reply?,
            };
            let proved = self.lock().approver.check_inclusion(leaf, reply.leaf.index, &reply.proof);
            proved.map_err(|_| not_proved("a message is not where the daemon says"))?;
            leaves.push(reply.leaf.index);
        }
        let signatures = record.parts().len() as u64;
        Ok(Done::Verified { size: log.size, root: log.root, leaves, signatures, cosigned })
    }
}
