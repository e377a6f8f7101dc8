//! Fits the app's config, capabilities and icons together.

use std::path::Path;

/// All that the webview may call; there is nothing else on this side.
const COMMANDS: &[&str] = &["call", "listen"];

fn main() {
    assert!(
        Path::new("ui/dist/index.html").exists(),
        "the interface is not built: `make build` does it, or `npm ci && npm run build --workspace ui`"
    );
    // They are built in.
    println!("cargo:rerun-if-changed=ui/dist");
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    let attributes = tauri_build::Attributes::new()
        .app_manifest(manifest)
        .capabilities_path_pattern("./src-tauri/capabilities/**/*.json");
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("{error:#}");
    }
}
