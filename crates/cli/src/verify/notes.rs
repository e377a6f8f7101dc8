//! The checkpoint: signed by the log's key over this very tree, and co-signed by devices.

use super::{Fault, Finding, Verification};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{PublicKey, Role};
use agenttrust_protocol::{Hash, Time};
use agenttrust_tlog::{Checkpoint, CosignatureVerifier, KeyName, Note, Verifier, VerifyError};
use ed25519_dalek::VerifyingKey;
use serde::Serialize;

/// A device that co-signed the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// The device's name.
    pub device: String,
    /// When it did.
    pub at: Time,
}

/// The name of the log, and of its key.
pub fn origin(tdid: &Tdid) -> String {
    format!("agenttrust/{tdid}")
}

impl Verification {
    /// Checks the note, and answers who co-signed it.
    pub(super) fn check_note(&mut self, text: &str, root: &Hash) -> Vec<Witnessed> {
        // Without a first bundle there is no key to check with; that is a finding already.
        let Some(trust) = self.trust.clone() else { return Vec::new() };
        let origin = origin(&trust.tdid());
        let bundle = trust.current().body();
        let note = match text.parse::<Note>() {
            Ok(note) => note,
            Err(error) => {
                self.fault(Fault::BadCheckpoint, error.to_string());
                return Vec::new();
            }
        };
        let log = key_name(&origin).zip(verifying(&bundle.log)).map(|(name, key)| Verifier::new(name, key));
        let opened = log.map(|log| Checkpoint::open(&note, &log));
        let checkpoint = match opened {
            Some(Ok(checkpoint)) => checkpoint,
            Some(Err(error)) => {
                self.fault(Fault::BadCheckpoint, error.to_string());
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let head = checkpoint.head();
        if head.size != self.size() {
            self.fault(Fault::WrongSize, format!("the checkpoint says {}, there are {}", head.size, self.size()));
        } else if head.root.as_bytes() != root.as_bytes() {
            self.fault(Fault::WrongRoot, String::new());
        }
        let mut witnesses = Vec::new();
        for device in &bundle.devices {
            let name = key_name(&format!("{origin}/{}", device.witness.thumbprint()));
            let Some((name, key)) = name.zip(verifying(&device.witness)) else { continue };
            match CosignatureVerifier::new(name, key).verify(&note) {
                Ok(at) => {
                    let at = Time(i64::try_from(at).unwrap_or(i64::MAX));
                    witnesses.push(Witnessed { device: device.name.clone(), at });
                }
                Err(VerifyError::NotSigned) => {}
                Err(VerifyError::BadSignature) => self.fault(Fault::BadCosignature, device.name.clone()),
            }
        }
        witnesses
    }

    fn fault(&mut self, fault: Fault, detail: String) {
        self.find(Finding { fault, leaf: None, message: None, detail });
    }
}

fn key_name(text: &str) -> Option<KeyName> {
    text.parse().ok()
}

fn verifying<R: Role>(key: &PublicKey<R>) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(key.as_bytes()).ok()
}
