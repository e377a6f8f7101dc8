#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _accepted = agenttrust_fuzz::constraint::run(data);
});
