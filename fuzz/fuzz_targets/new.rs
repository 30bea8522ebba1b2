#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| async_producer_fuzz::new::run(bytes));
