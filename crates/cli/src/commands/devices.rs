//! `agenttrust devices`: who can answer.

use crate::args::DevicesCommand;
use crate::failure::Outcome;
use crate::out::Out;
use crate::short::{pick, short};
use crate::terminal::{Terminal, unexpected};
use agenttrust_device::approver::display::safe_line;
use agenttrust_device::{Command, DeviceInfo, Done};

/// Lists devices, renames or removes one.
///
/// # Errors
/// Those of the device: changes take an admin.
pub async fn devices(terminal: &Terminal, command: Option<&DevicesCommand>, out: &mut Out) -> Outcome {
    match command {
        None => list(terminal, out).await,
        Some(DevicesCommand::Rename { device, name }) => rename(terminal, device, name, out).await,
        Some(DevicesCommand::Remove { device }) => remove(terminal, device, out).await,
    }
}

async fn all(terminal: &Terminal) -> Outcome<Vec<DeviceInfo>> {
    let Done::Devices { devices } = terminal.run(Command::Devices).await? else { return Err(unexpected()) };
    Ok(devices)
}

async fn find(terminal: &Terminal, typed: &str) -> Outcome<DeviceInfo> {
    pick(all(terminal).await?, typed, |device| device.device.to_string(), |device| Some(device.name.clone()))
}

async fn rename(terminal: &Terminal, typed: &str, name: &str, out: &mut Out) -> Outcome {
    let device = find(terminal, typed).await?.device;
    terminal.run(Command::RenameDevice { device, name: name.to_owned() }).await?;
    out.line(format!("It is called {} from now on.", safe_line(name, 60)));
    out.document(&serde_json::json!({ "renamed": name, "device": device }));
    Ok(())
}

async fn remove(terminal: &Terminal, typed: &str, out: &mut Out) -> Outcome {
    let device = find(terminal, typed).await?;
    let question = format!("Remove {}? Its answers will no longer count. [y/n] ", device.name);
    let sure = terminal.tty.choose(&question, "yn", std::time::Duration::from_millis(400))? == 'y';
    if sure {
        terminal.run(Command::RemoveDevice { device: device.device }).await?;
    }
    out.line(if sure { "It is removed." } else { "Nothing was changed." });
    out.document(&serde_json::json!({ "removed": sure, "device": device.device }));
    Ok(())
}

async fn list(terminal: &Terminal, out: &mut Out) -> Outcome {
    let devices = all(terminal).await?;
    let rows: Vec<Vec<String>> = devices.iter().map(|device| row(device, out)).collect();
    out.table(&["KEY", "NAME", "OWNER", "ROLES", "KEPT BY", "STATE", "LAST SEEN"], &rows);
    out.document(&devices);
    Ok(())
}

fn row(device: &DeviceInfo, out: &Out) -> Vec<String> {
    let mut state = Vec::new();
    if device.is_me {
        state.push("this terminal");
    }
    if device.revoked {
        state.push("revoked");
    }
    if device.local {
        state.push("local");
    }
    let said = device.daemon.as_ref();
    let connected = said.is_some_and(|said| said.connected);
    state.push(if connected { "connected" } else { "away" });
    let seen = said.and_then(|said| said.last_seen).map(|time| out.time(time));
    let seen = if connected { "now".to_owned() } else { seen.unwrap_or_else(|| "never".to_owned()) };
    vec![
        short(&device.device),
        safe_line(&device.name, 30),
        safe_line(&device.owner, 20),
        device.roles.join(", "),
        device.protection.clone(),
        state.join(", "),
        seen,
    ]
}
