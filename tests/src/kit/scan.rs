//! A phone that scans a pairing code, and where the code is shown.

use super::{Phone, Terminal};
use agenttrust_device::{Failure, Introduction, KeyStore, PairEvent, join};
use std::path::Path;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A phone that scans this; the digits it shows, and what becomes of it.
pub async fn scan(folder: &Path, ticket: &str) -> (String, JoinHandle<Result<(), Failure>>) {
    let (tell, told) = oneshot::channel();
    let (folder, ticket) = (folder.to_owned(), ticket.to_owned());
    let joining = tokio::spawn(async move {
        let introduction = Introduction { name: "Ann's phone".to_owned(), owner: "ann".to_owned(), local: false };
        let mut tell = Some(tell);
        let show = move |event| {
            let PairEvent::Digits { digits } = event else { return };
            tell.take().map(|tell| tell.send(digits)).expect("shown once").expect("somebody reads them");
        };
        join(&folder, KeyStore::File, &ticket, introduction, &Phone::config(), show).await.map(drop)
    });
    (told.await.expect("digits are shown"), joining)
}

/// The ticket that `agenttrust pair` shows as text below the code.
pub fn shown_ticket(terminal: &mut Terminal) -> String {
    terminal.wait_for("paste the code there:").wait_for("agenttrust://pair/").wait_for("\n");
    format!("agenttrust://pair/{}", terminal.behind("agenttrust://pair/"))
}
