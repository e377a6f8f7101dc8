//! Writes `tests/vectors` anew (`make vectors`).

use agenttrust_tests::{vectors, workspace_root};
use std::fs;

fn main() -> std::io::Result<()> {
    let folder = workspace_root().join("tests/vectors");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for case in vectors::all() {
        let path = folder.join(case.path());
        fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        fs::write(path, case.text())?;
    }
    Ok(())
}
