//! What agents ask: to be known, for a session, for a tool call.

use super::grants::Under;
use super::known::same;
use super::{Gate, check_head, found};
use crate::api::reply::Refusal;
use crate::store::{Enrollment, EnrollmentState, Entry, Reader};
use agenttrust_protocol::door::{Held, Reply, Trouble};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{CLOCK_SKEW, Enroll, Session};
use agenttrust_protocol::{Hash, Reason, Received};

impl Gate {
    /// An agent asks to be known; `process` is what the kernel says of it.
    ///
    /// # Errors
    /// The envelope's, `not_yet_valid`, `unpaired`; `no_device` if nobody can be asked and it does not want to wait:
    /// the enrolment is kept for the person to find all the same.
    pub async fn enroll(&self, text: &str, process: Option<String>, queue: bool) -> Result<Reply, Refusal> {
        let enroll = Received::<Enroll>::parse(text)?.open_own()?;
        let now = self.clock.now();
        if now < enroll.head().iat.plus(-CLOCK_SKEW) {
            return Err(Reason::NotYetValid.into());
        }
        let hash = enroll.hash();
        let enrollment =
            self.store.write(move |tx| tx.enroll(&enroll, process.as_deref(), now).map_err(Refusal::from)).await?;
        tracing::info!(enroll = %hash, "an agent asks to be known");
        let nobody =
            enrollment.state == EnrollmentState::Pending && !queue && !self.hub.can_ask(&*self.trust.hold().await?);
        if nobody { Err(Trouble::NoDevice.into()) } else { Ok(enrolment_reply(enrollment)) }
    }

    /// How an enrolment stands, once it is answered or so many seconds have passed.
    ///
    /// # Errors
    /// `not_found`, `rate_limited`.
    pub async fn enrollment(&self, hash: Hash, wait: u64) -> Result<Reply, Refusal> {
        let look = move |reader: &Reader<'_>| found(reader.enrollment(&hash)?);
        let enrollment = self.wait(hash, wait, look, |found| found.state != EnrollmentState::Pending).await?;
        Ok(enrolment_reply(enrollment))
    }

    /// An agent begins a session.
    ///
    /// # Errors
    /// The envelope's, `unpaired`, `not_enrolled`, `wrong_root`, `not_yet_valid`, `bad_disclosure`.
    pub async fn begin_session(&self, text: &str) -> Result<Reply, Refusal> {
        let received = Received::<Session>::parse(text)?;
        let agent = received.signers().next().ok_or(Reason::BadForm)?;
        let trust = self.trust.hold().await?;
        let key = self.agent_key(&trust, &agent).await?;
        let session = received.open(|kid| same(&key, kid))?;
        let now = self.clock.now();
        check_head(session.head(), &trust, now)?;
        session.content()?;
        let kept = session.clone();
        self.store.write(move |tx| tx.store_session(&session, now).map_err(Refusal::from)).await?;
        self.known.keep_session(kept);
        Ok(Reply::state("ok"))
    }

    /// An agent asks for a tool call.
    ///
    /// # Errors
    /// The envelope's and those of the agent's standing; `unpaired`, `not_enrolled`, `not_found` if the session is
    /// not stored, `spent` if the same call was used, `no_device` if nobody can be asked and it is not to be queued.
    pub async fn ask(&self, text: &str, held: &Held, queue: bool) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let now = self.clock.now();
        let request = self.open_request(&trust, text).await?;
        let (hash, exp) = (request.hash(), request.body().exp);
        let named = match &request.body().grant {
            Some(grant) => self.grant(&trust, grant).await?,
            None => None,
        };
        // An offline use is reported when there is a way to; its own time is the one that counts.
        let offline = named.as_ref().is_some_and(|grant| grant.body().offline);
        let at = if offline { request.head().iat.min(now.plus(CLOCK_SKEW)) } else { now };
        let asked = match self.assemble(&trust, request, at).await {
            Ok(asked) => asked,
            // Asked in time and asked again late: how it stands is the answer.
            Err(Refusal::Reason(Reason::Expired)) => {
                drop(trust);
                let standing = self.standing(hash).await?;
                return self.reply_standing(held, standing.ok_or(Reason::Expired)?).await;
            }
            Err(refusal) => return Err(refusal),
        };
        let under = self.under(&trust, &asked, named, now)?;
        if !matches!(under, Under::Report) {
            asked.check_standing(&trust)?;
        }
        let reachable = queue || self.hub.can_ask(&trust);
        let lost_at = self.lost_at(now);
        self.keep(&asked);
        let placed = self
            .store
            .write(move |tx| {
                let reservations = under.reserve(tx, &asked, now)?;
                let entry = match &reservations {
                    Some(reservations) => Entry::Claimed { reservations, lost_at },
                    None => Entry::Pending,
                };
                let placed = tx.insert_request(&asked, entry, now)?;
                let nobody = placed.fresh && placed.state == State::Pending && !reachable;
                // Refusing here takes the request back: nothing of it is stored.
                if nobody { Err(Refusal::Trouble(Trouble::NoDevice)) } else { Ok(placed) }
            })
            .await?;
        drop(trust);
        if !placed.fresh {
            let standing = found(self.standing(placed.request).await?)?;
            return self.reply_standing(held, standing).await;
        }
        tracing::info!(request = %hash, state = %placed.state, "asked");
        self.due.at_latest(if placed.state == State::Pending { exp } else { lost_at }, now);
        self.reply(held, placed.state.as_str(), vec![text.to_owned()]).await
    }

    /// How a request stands, once it is answered or so many seconds have passed.
    ///
    /// # Errors
    /// `not_found`, `rate_limited`.
    pub async fn request(&self, hash: Hash, held: &Held) -> Result<Reply, Refusal> {
        let look = move |reader: &Reader<'_>| found(reader.standing(&hash)?);
        let standing = self.wait(hash, held.wait, look, |found| found.state != State::Pending).await?;
        self.reply_standing(held, standing).await
    }
}

fn enrolment_reply(enrollment: Enrollment) -> Reply {
    let state = match enrollment.state {
        EnrollmentState::Pending => "pending",
        EnrollmentState::Enrolled => "enrolled",
        EnrollmentState::Refused => "refused",
    };
    Reply { state: state.to_owned(), messages: enrollment.cert.into_iter().collect() }
}
