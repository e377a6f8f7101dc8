//! The two halves that let a device in, each a chain of states that is used up as it goes: the host's offer of a
//! ticket, and the confirmer's run from the joiner's message to the typed digits. A retry is a new run.

use super::{Digits, Ticket, commit, digits, verify_mac};
use crate::envelope::Opened;
use crate::hash::{Hash, Id, Tdid, Time};
use crate::message::PairInit;

/// How long a ticket can be used, in seconds.
pub const LIFETIME: i64 = 120;

/// How many wrong MACs use a ticket up.
pub const WRONG_MACS: u8 = 3;

/// A ticket on the host's screen that nobody has used yet. It is never stored.
#[derive(Debug)]
pub struct Offer {
    ticket: Ticket,
    shown: Time,
    wrong: u8,
}

/// What comes of a device that shows up with a MAC.
#[derive(Debug)]
pub enum Knock {
    /// It saw the ticket, which is used up; next comes [`Challenged`].
    Admitted,
    /// It did not; the ticket can still be used.
    Open(Box<Offer>),
    /// The ticket can no longer be used.
    Ended(Ended),
}

/// Why a pairing ended without a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The ticket is too old, or the clock was set back.
    #[error("the pairing code is too old")]
    Expired,
    /// [`WRONG_MACS`] devices that had not seen the ticket tried to use it.
    #[error("the pairing code was tried too often")]
    WrongMac,
    /// The device wants to be the first where it would be one more, or the reverse.
    #[error("the device was made ready for another kind of pairing")]
    WrongIntent,
    /// The joiner's number is not the one it had committed to.
    #[error("the new device changed its number: somebody may be in between")]
    WrongReveal,
    /// The person typed other digits.
    #[error("the digits do not match: somebody may be in between")]
    WrongDigits,
}

impl Offer {
    /// Shows a ticket.
    pub fn new(ticket: Ticket, now: Time) -> Offer {
        Offer { ticket, shown: now, wrong: 0 }
    }

    /// The ticket.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// From when on it can no longer be used.
    pub fn expires(&self) -> Time {
        self.shown.plus(LIFETIME)
    }

    /// A device shows up. That its connection's key is the one its message names is for the caller to check before.
    pub fn knock(self, joiner: &Opened<PairInit>, now: Time) -> Knock {
        if !(0..LIFETIME).contains(&now.since(self.shown)) {
            return Knock::Ended(Ended::Expired);
        }
        let PairInit { transport, key, mac, intent, .. } = joiner.body();
        if !verify_mac(self.ticket.secret(), self.ticket.daemon(), transport, key, mac) {
            let wrong = self.wrong.saturating_add(1);
            let offer = (wrong < WRONG_MACS).then(|| Box::new(Offer { wrong, ..self }));
            return offer.map_or(Knock::Ended(Ended::WrongMac), Knock::Open);
        }
        // The secret has been used, so the ticket is gone whatever the device wants.
        if *intent == self.ticket.intent() { Knock::Admitted } else { Knock::Ended(Ended::WrongIntent) }
    }
}

/// The confirmer has chosen its number for one joiner. The joiner's own is not known yet, so neither are the digits.
#[derive(Debug)]
pub struct Challenged {
    joiner: Hash,
    commit: Hash,
    tdid: Option<Tdid>,
    c: Id,
}

impl Challenged {
    /// Answers a joiner with a fresh random number `c`; `tdid` is absent on the first pairing.
    pub fn new(joiner: &Opened<PairInit>, tdid: Option<Tdid>, c: Id) -> Challenged {
        Challenged { joiner: joiner.hash(), commit: joiner.body().commit, tdid, c }
    }

    /// What the joiner is sent: the trust domain, 32 zero bytes on the first pairing.
    pub fn tdid(&self) -> Tdid {
        self.tdid.unwrap_or(Tdid::from_bytes([0; 32]))
    }

    /// What the joiner is sent with it.
    pub fn c(&self) -> Id {
        self.c
    }

    /// The joiner reveals its number.
    ///
    /// # Errors
    /// [`Ended::WrongReveal`]; the run is over.
    pub fn reveal(self, r: &Id) -> Result<Revealed, Ended> {
        if commit(r) != self.commit {
            return Err(Ended::WrongReveal);
        }
        Ok(Revealed { digits: digits(&self.joiner, self.tdid.as_ref(), &self.c, r) })
    }
}

/// The digits are known here and shown on the new device. The person has not typed them yet.
#[derive(Debug)]
pub struct Revealed {
    digits: Digits,
}

impl Revealed {
    /// The person has typed what the new device shows. There is one try: who may guess again, guesses better.
    ///
    /// # Errors
    /// [`Ended::WrongDigits`]; the run is over.
    pub fn confirm(self, typed: &Digits) -> Result<(), Ended> {
        if self.digits == *typed { Ok(()) } else { Err(Ended::WrongDigits) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PairSecret, mac};
    use super::*;
    use crate::envelope::{Head, Nothing, Received, Signed};
    use crate::key::{Approval, PublicKey, SecretKey, Transport};
    use crate::message::Intent;

    const NOW: Time = Time(1_000_000);

    fn daemon() -> PublicKey<Transport> {
        SecretKey::from_seed(&[1; 32]).public()
    }

    fn offer(intent: Intent) -> Offer {
        Offer::new(Ticket::new(intent, daemon(), PairSecret::from_bytes([7; 16]), None, vec![]).unwrap(), NOW)
    }

    fn joiner(secret: u8, intent: Intent, r: &Id) -> Opened<PairInit> {
        let key = SecretKey::<Approval>::from_seed(&[2; 32]);
        let transport = SecretKey::<Transport>::from_seed(&[4; 32]).public().thumbprint();
        let body = PairInit {
            key: key.public(),
            witness: SecretKey::from_seed(&[3; 32]).public(),
            transport,
            name: "phone".into(),
            protection: "keystore".into(),
            intent,
            mac: mac(&PairSecret::from_bytes([secret; 16]), &daemon(), &transport, &key.public()),
            commit: commit(r),
        };
        let mut random = |buffer: &mut [u8]| buffer.fill(9);
        let head = Head::new(&mut random, NOW, None);
        let signed = Signed::sign(&key, &head, &body, &Nothing {}, &mut random);
        Received::parse(signed.as_str()).unwrap().open(|_| Some(key.public())).unwrap()
    }

    const R: Id = Id::from_bytes([5; 16]);
    const C: Id = Id::from_bytes([6; 16]);

    #[test]
    fn the_first_valid_mac_is_admitted() {
        for intent in [Intent::First, Intent::Add] {
            assert!(matches!(offer(intent).knock(&joiner(7, intent, &R), NOW), Knock::Admitted));
        }
    }

    #[test]
    fn another_intent_uses_the_ticket_up() {
        let knock = offer(Intent::First).knock(&joiner(7, Intent::Add, &R), NOW);
        assert!(matches!(knock, Knock::Ended(Ended::WrongIntent)), "{knock:?}");
    }

    #[test]
    fn two_wrong_macs_are_forgiven_and_the_third_is_not() {
        let wrong = joiner(8, Intent::First, &R);
        let Knock::Open(second) = offer(Intent::First).knock(&wrong, NOW) else { panic!("closed after one") };
        let Knock::Open(third) = second.knock(&wrong, NOW) else { panic!("closed after two") };
        let knock = third.knock(&wrong, NOW);
        assert!(matches!(knock, Knock::Ended(Ended::WrongMac)), "{knock:?}");

        let Knock::Open(second) = offer(Intent::First).knock(&wrong, NOW) else { panic!("closed after one") };
        let Knock::Open(third) = second.knock(&wrong, NOW) else { panic!("closed after two") };
        assert!(matches!(third.knock(&joiner(7, Intent::First, &R), NOW), Knock::Admitted));
    }

    #[test]
    fn a_ticket_lives_120_seconds() {
        for (seconds, lives) in [(0, true), (119, true), (120, false), (121, false), (-1, false), (i64::MIN, false)] {
            let knock = offer(Intent::First).knock(&joiner(7, Intent::First, &R), NOW.plus(seconds));
            assert_eq!(matches!(knock, Knock::Admitted), lives, "{seconds} s: {knock:?}");
            assert_eq!(matches!(knock, Knock::Ended(Ended::Expired)), !lives, "{seconds} s: {knock:?}");
        }
        assert_eq!(offer(Intent::First).expires(), NOW.plus(120));
    }

    #[test]
    fn the_digits_of_the_joiner_confirm_the_run() {
        for tdid in [None, Some(Tdid::from_bytes([8; 32]))] {
            let joiner = joiner(7, Intent::First, &R);
            let challenged = Challenged::new(&joiner, tdid, C);
            let (sent_tdid, sent_c) = (challenged.tdid(), challenged.c());
            assert_eq!(sent_tdid.as_bytes() == &[0; 32], tdid.is_none());
            // What the new device shows, from what it was sent.
            let shown = digits(&joiner.hash(), Some(&sent_tdid), &sent_c, &R);
            assert_eq!(challenged.reveal(&R).unwrap().confirm(&shown), Ok(()));
        }
    }

    #[test]
    fn another_number_or_other_digits_end_the_run() {
        let message = joiner(7, Intent::First, &R);
        assert_eq!(Challenged::new(&message, None, C).reveal(&C).unwrap_err(), Ended::WrongReveal);
        let shown = digits(&message.hash(), None, &C, &R);
        let other = if shown.to_string() == "000000" { "000001" } else { "000000" };
        let revealed = Challenged::new(&message, None, C).reveal(&R).unwrap();
        assert_eq!(revealed.confirm(&other.parse().unwrap()), Err(Ended::WrongDigits));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let joiner = joiner(7, Intent::First, &R);
        let revealed = Challenged::new(&joiner, None, C).reveal(&R).unwrap();
        let shown = digits(&joiner.hash(), None, &C, &R).to_string();
        assert!(!format!("{revealed:?}").contains(&shown));
        let printed = format!("{:?}", offer(Intent::First));
        assert!(!printed.contains("7, 7") && !printed.contains("0707"), "{printed}");
    }
}
