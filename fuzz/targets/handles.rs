//! Handles: any number in the place of a producer or a configuration, in every function; and any number as a status.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use async_producer::ffi::*;

use super::abi::*;
use super::desk::Desk;
use super::input::Input;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (config, desk, freed) = (Config::new(), Desk::new(), Config::new().0);
    let alive = [config.0.addr(), desk.producer.addr()];
    for _ in 0..32 {
        if input.is_empty() {
            break;
        }
        let base = input.pick(&[0, alive[0], alive[1], freed.addr(), usize::MAX]);
        let twist = input.number() as usize;
        let number = if input.rarely(2) { base ^ twist } else { base ^ (1_usize << (twist % 64)) };
        if number != alive[0] {
            refused_as_config(number);
        }
        if number != alive[1] {
            refused_as_producer(number);
        }
        check_status(twist as i32);
    }
    // Nothing of it has touched what is alive.
    assert_eq!(config.get(c"max_queue_size").as_deref(), Ok("1000"));
    desk.settle();
}

fn refused_as_config(number: usize) {
    static FREED: AtomicU32 = AtomicU32::new(0);
    unsafe extern "C-unwind" fn count(_: *mut c_void) {
        FREED.fetch_add(1, SeqCst);
    }
    let config: *mut ap_config_t = ptr::without_provenance_mut(number);
    let (mut room, mut len, mut producer) = (Room::new(100), 7, ptr::dangling_mut());
    // SAFETY: a configuration is a number that is checked; all else is as it should be.
    unsafe {
        let (text, size) = (room.pointer(), room.len());
        assert_eq!(ap_config_set(config, c"acks".as_ptr(), c"all".as_ptr(), text, size), INVALID);
        assert_eq!(ap_config_get(config, c"acks".as_ptr(), text, &mut len), INVALID);
        assert_eq!(ap_config_load(config, c"/dev/null".as_ptr(), text, size), INVALID);
        let before = FREED.load(SeqCst);
        assert_eq!(ap_config_set_event_callback(config, 0, None, ptr::null_mut(), Some(count)), INVALID);
        assert!(FREED.load(SeqCst) > before, "user_data_free is called also where the call fails");
        assert_eq!(ap_new(config, &mut producer, text, size), INVALID);
    }
    assert!(producer.is_null() && len == 7 && !room.text().is_empty());
    ap_config_free(config);
}

fn refused_as_producer(number: usize) {
    let producer: *mut ap_producer_t = ptr::without_provenance_mut(number);
    let mut stats = ap_stats_t { struct_size: size_of::<ap_stats_t>(), ..ap_stats_t::default() };
    let mut room = Room::new(256);
    // SAFETY: a producer is a number that is checked; all else is as it should be.
    unsafe {
        let (null, none, topic) = (ptr::null(), ptr::null(), c"topic".as_ptr());
        let message = super::message::Raw::of(&super::record::Record::plain(c"topic".into(), None, None, 0)).message;
        let statuses = [
            ap_produce(producer, topic, null, 0, null, 0, 0),
            ap_produce_message(producer, &message),
            ap_deliver(producer),
            ap_flush(producer, -1),
            ap_stats(producer, &mut stats),
            ap_event_fd(producer),
            ap_wake(producer),
            ap_shutdown(producer, -1),
        ];
        assert_eq!(statuses, [INVALID; 8], "{number:#x}");
        let counts = [
            ap_produce_batch(producer, &message, 1),
            ap_produce_arrays(producer, topic, null, 0, none, null, 0, &-1, 1, 0),
            ap_produce_packed(producer, null, 0),
            ap_clear(producer),
            ap_poll(producer, -1, 1),
            ap_poll_events(producer, -1, room.pointer(), 64, 4),
            ap_event_text(producer, 1, room.pointer(), room.len()),
            ap_event_message(producer, 1, room.pointer(), room.len()),
        ];
        assert_eq!(counts, [i64::from(INVALID); 8], "{number:#x}");
    }
    assert!(stats.accepted == 0 && room.is_untouched(), "nothing is written");
    ap_free(producer);
}
