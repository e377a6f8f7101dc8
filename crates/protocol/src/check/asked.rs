//! Opening a request with all it rests on, as daemon and device do, and the agent itself for its own.

use super::{check_root, check_times};
use crate::envelope::{Opened, Received};
use crate::hash::{Thumbprint, Time};
use crate::key::{Agent, PublicKey};
use crate::message::{AgentCert, Request, RequestContent, Session, SessionContent};
use crate::reason::Reason;
use crate::trust::Trust;

/// A request with its certificate and session, every signature verified and all content present.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The agent's certificate.
    pub cert: Opened<AgentCert>,
    /// The session.
    pub session: Opened<Session>,
    /// The session's content.
    pub session_content: SessionContent,
    /// The request.
    pub request: Opened<Request>,
    /// The request's content.
    pub content: RequestContent,
}

/// Opens a certificate: signed by a current admin, in time, of this domain.
///
/// # Errors
/// The envelope's, `wrong_root`, `not_yet_valid`, `expired`.
pub fn open_cert(trust: &Trust, text: &str, now: Time) -> Result<Opened<AgentCert>, Reason> {
    let admins = trust.current().body();
    let cert = Received::<AgentCert>::parse(text)?.open(|kid| admins.admin(kid).map(|device| device.key))?;
    check_root(&cert, trust)?;
    check_times(cert.head(), cert.body().exp, now)?;
    Ok(cert)
}

impl Asked {
    /// Opens a request with its certificate and its session.
    ///
    /// Trust must be current; the messages need only be valid by themselves. Whether the agent is revoked or paused
    /// is asked with [`Asked::check_standing`], because a daemon reports those differently.
    ///
    /// # Errors
    /// The envelope's, then `wrong_root`, `wrong_request` if the three do not belong together, `not_yet_valid`,
    /// `expired`, `bad_disclosure`.
    pub fn open(trust: &Trust, cert: &str, session: &str, request: &str, now: Time) -> Result<Asked, Reason> {
        let cert = open_cert(trust, cert, now)?;
        let key = |kid: &Thumbprint| agent_key(&cert, kid);
        let session = Received::<Session>::parse(session)?.open(key)?;
        let request = Received::<Request>::parse(request)?.open(key)?;
        Asked::assemble(trust, cert, session, request, now)
    }

    /// Puts together what was opened before: a daemon need not verify certificate and session again for each request.
    ///
    /// # Errors
    /// `unknown_key` if the certificate is not by a current admin or the others are not by its agent, then as
    /// [`Asked::open`] after the envelope's.
    pub fn assemble(
        trust: &Trust,
        cert: Opened<AgentCert>,
        session: Opened<Session>,
        request: Opened<Request>,
        now: Time,
    ) -> Result<Asked, Reason> {
        // Whoever opened them may have looked the keys up elsewhere.
        let agent = cert.body().cnf.thumbprint();
        trust.current().body().admin(&cert.signer()).ok_or(Reason::UnknownKey)?;
        if session.signer() != agent || request.signer() != agent {
            return Err(Reason::UnknownKey);
        }
        check_root(&cert, trust)?;
        check_times(cert.head(), cert.body().exp, now)?;
        check_root(&session, trust)?;
        check_root(&request, trust)?;
        let together = session.body().cert == cert.hash()
            && request.body().cert == cert.hash()
            && request.body().session == session.hash();
        if !together {
            return Err(Reason::WrongRequest);
        }
        check_times(session.head(), now, now)?;
        check_times(request.head(), request.body().exp, now)?;
        let session_content = session.content()?;
        let content = request.content()?;
        Ok(Asked { cert, session, session_content, request, content })
    }

    /// The agent's key.
    pub fn agent(&self) -> Thumbprint {
        self.cert.body().cnf.thumbprint()
    }

    /// Whether the certificate still holds: trust may have moved on since the request was opened.
    ///
    /// # Errors
    /// `unknown_key` if its signer is no admin any more, `not_yet_valid`, `expired`.
    pub fn check_cert(&self, trust: &Trust, now: Time) -> Result<(), Reason> {
        trust.current().body().admin(&self.cert.signer()).ok_or(Reason::UnknownKey)?;
        check_times(self.cert.head(), self.cert.body().exp, now)
    }

    /// Whether the agent may ask at all now.
    ///
    /// # Errors
    /// `revoked`, `paused`.
    pub fn check_standing(&self, trust: &Trust) -> Result<(), Reason> {
        let agent = self.agent();
        if trust.is_agent_revoked(&agent) {
            Err(Reason::Revoked)
        } else if trust.is_paused(&agent) {
            Err(Reason::Paused)
        } else {
            Ok(())
        }
    }
}

fn agent_key(cert: &Opened<AgentCert>, kid: &Thumbprint) -> Option<PublicKey<Agent>> {
    Some(cert.body().cnf).filter(|key| key.thumbprint() == *kid)
}
