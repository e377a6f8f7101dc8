//! Making the agent known: one message, the same one however often it is sent, and the wait for the person.

use crate::NoDevice;
use crate::client::Failure;
use crate::clock::Deadline;
use crate::error::{Code, Refused};
use crate::gate::{CALL, Gate, Inner};
use crate::store::Store;
use agenttrust_protocol::door::{MAX_WAIT, Reply, Trouble};
use agenttrust_protocol::message::{AgentCert, Enroll, Message, Nothing};
use agenttrust_protocol::{Head, Reason, Received, Signed};
use std::time::Duration;

/// Enrols the agent and waits until the person has accepted it.
///
/// # Errors
/// `not_enrolled` if it was refused or nobody answered in time; `no_device` if nobody can be asked now; what else stands in the way.
pub(crate) async fn wait_until_known(gate: &Gate, deadline: &Deadline) -> Result<(), Refused> {
    let message = gate.db(enrolment).await?;
    let hash = Received::<Enroll>::parse(&message)?.hash();
    let path = match gate.inner.settings.no_device {
        NoDevice::Queue => "/v1/enroll?queue=true",
        NoDevice::Refuse => "/v1/enroll",
    };
    let mut answer = gate.inner.client.post(path, &message, CALL).await;
    let mut pause = Duration::from_millis(100);
    loop {
        match answer {
            Ok(reply) if reply.state == "enrolled" => return accept(gate, reply).await,
            Ok(reply) if reply.state == "pending" => {}
            Ok(reply) if reply.state == "refused" => return Err(Trouble::NotEnrolled.into()),
            Ok(_) => return Err(Failure::Garbled.into()),
            Err(Failure::Lost | Failure::Down | Failure::Answered(Code::Trouble(Trouble::RateLimited))) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(failure @ (Failure::Answered(_) | Failure::Garbled)) => return Err(failure.into()),
        }
        let left = deadline.left(gate.clock()).ok_or(Trouble::NotEnrolled)?;
        let wait = left.as_secs().clamp(1, MAX_WAIT);
        let asked = tokio::time::Instant::now();
        let path = format!("/v1/enroll/{hash}?wait={wait}");
        answer = gate.inner.client.get(&path, CALL + Duration::from_secs(wait)).await;
        if answer.as_ref().is_ok_and(|reply| reply.state == "pending") {
            // A door that does not wait is not asked in a tight loop.
            tokio::time::sleep_until(asked + Duration::from_millis(250)).await;
        }
    }
}

/// The enrolment on record, or a new one where the program is another than the one it speaks of.
fn enrolment(inner: &Inner, store: &mut Store) -> Result<String, Refused> {
    let settings = &inner.settings;
    let body = Enroll {
        key: inner.key.public(),
        name: settings.name.clone(),
        program: settings.program.clone(),
        kind: settings.kind,
    };
    let fits = |text: &str| {
        let opened = Received::<Enroll>::parse(text).and_then(Received::<Enroll>::open_own);
        opened.is_ok_and(|enroll| *enroll.body() == body)
    };
    let make = || {
        let head = Head::new(&mut crate::key::random, settings.clock.now(), None);
        Signed::sign(&inner.key, &head, &body, &Nothing {}, &mut crate::key::random).into_string()
    };
    store.enrolment(fits, make)
}

/// Keeps the certificate, with the trust that came about in the meantime.
async fn accept(gate: &Gate, reply: Reply) -> Result<(), Refused> {
    gate.look().await?;
    gate.db(move |inner, store| {
        let now = inner.settings.clock.now();
        let trust = inner.keeper.current(store, now)?.ok_or(Trouble::Unpaired)?;
        let text = reply.of_typ(AgentCert::TYP).last().ok_or(Reason::BadForm)?;
        inner.open_own_cert(&trust, text, now)?;
        store.set_cert(text)
    })
    .await
}
