//! `ap_producer_t`: its life, its deliveries, its events.

use std::ffi::c_char;

use crate::error::{Error, Status};
use crate::observer;
use crate::producer::Producer;
use crate::sys;

use super::config::{self, ap_config_t};
use super::guard::{guard, guard_count, guard_status, guard_text, guard_waiting};
use super::handle::{Handle, PRODUCERS, Pin};
use super::input;
use super::status::ap_status_t;

/// A producer: made by ap_new(), ended by ap_shutdown(), freed by ap_free(). Every function takes it from any thread.
///
/// It is a checked number, not an address: a freed, foreign or random one answers AP_ERR_INVALID_ARGUMENT.
pub struct ap_producer_t {
    _opaque: [u8; 0],
}

/// Makes a producer. Everything in the configuration is checked; no connection is made and no thread stays behind until
/// the first message.
///
/// After a fork the child may go on using the producer: its queue starts empty there, the parent keeps its own messages,
/// and threads and connections of its own start at the child's next call.
///
/// Ownership: config is copied; the caller still frees it. *producer is the caller's to free with ap_free(). errbuf as
///            in ap_config_set().
/// NULL:      config or producer -> AP_ERR_INVALID_ARGUMENT. errbuf may be NULL where errbuf_len is 0.
/// Threads:   any thread. Reads the files the TLS properties name; does not wait for the network.
/// Returns:   AP_OK                    *producer is set
///            AP_ERR_INVALID_ARGUMENT  not a configuration, or a NULL as above; *producer is NULL where it can be
///            AP_ERR_CONFIG            bootstrap.servers is missing, properties contradict each other, or a TLS file
///                                     cannot be read: errbuf names them
///            AP_ERR_CLIENT            a Kafka client cannot be made (no threads or descriptors left): errbuf has the reason
///            AP_ERR_NO_MEMORY, AP_ERR_INTERNAL
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_new(
    config: *const ap_config_t,
    producer: *mut *mut ap_producer_t,
    errbuf: *mut c_char,
    errbuf_len: usize,
) -> ap_status_t {
    guard_text(errbuf, errbuf_len, || {
        if producer.is_null() {
            return Err(Error::invalid("producer is NULL"));
        }
        unsafe { *producer = std::ptr::null_mut() };
        let config = config::pin(config.cast_mut())?;
        let made = Producer::new(config.blueprint()?)?;
        let handle = PRODUCERS.insert(made).ok_or(Status::NoMemory)?;
        unsafe { *producer = handle.to_pointer() };
        Ok(())
    })
}

/// Starts the delivery of everything accepted before the call, and returns at once.
///
/// It is never refused because a queue is full, and repeated calls coalesce.
///
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread, also in the callback. Never blocks.
/// Returns:   AP_OK                    noted (also where nothing waits)
///            AP_ERR_INVALID_ARGUMENT  not a producer
///            AP_ERR_SHUT_DOWN         ap_shutdown() has begun, and delivers everything itself
///            AP_ERR_CLIENT            the worker thread could not be started
///            AP_ERR_INTERNAL          a defect was contained; the producer refuses further work
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_deliver(producer: *mut ap_producer_t) -> ap_status_t {
    guard_status(|| pin(producer)?.deliver())
}

/// Delivers, then waits until everything accepted before the call is settled.
///
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread but the callback's. Blocks: bind it so that a language's other threads can run.
/// Units:     timeout_ms in milliseconds; -1 = no limit, 0 = answer how it stands after asking for the delivery.
/// Returns:   AP_OK                    all of it was delivered
///            AP_ERR_UNDELIVERED       all of it is settled, and some failed or was dropped; each was reported
///            AP_ERR_TIMED_OUT         timeout_ms passed, or ap_wake() was called; delivery goes on
///            AP_ERR_INVALID_ARGUMENT  not a producer, freed meanwhile, or a timeout below -1
///            AP_ERR_SHUT_DOWN         ap_shutdown() was over before the call
///            AP_ERR_WOULD_DEADLOCK    called in the event callback
///            AP_ERR_CLIENT            the worker thread could not be started
///            AP_ERR_INTERNAL          a defect was contained; the producer refuses further work
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_flush(producer: *mut ap_producer_t, timeout_ms: i64) -> ap_status_t {
    let body = || {
        let producer = pin(producer)?;
        producer.flush(input::timeout(timeout_ms)?)
    };
    guard_waiting(|| guard_status(body))
}

/// Drops every message that has not been handed to Kafka yet; each is handed back in a DROPPED event.
///
/// Messages on their way are not touched: they settle as usual.
///
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread, also in the callback. Waits for the worker to reach a safe point, never for the network.
/// Returns:   how many were dropped; or
///            AP_ERR_INVALID_ARGUMENT  not a producer
///            AP_ERR_SHUT_DOWN         ap_shutdown() has begun
///            AP_ERR_INTERNAL          a defect was contained; the producer refuses further work
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_clear(producer: *mut ap_producer_t) -> i64 {
    guard_waiting(|| guard_count(|| pin(producer)?.clear()))
}

/// Poll mode: runs the callback for events that wait, on the calling thread, and answers how many it ran for.
///
/// Where none waits, it waits for the first; then it takes what is there, max_events at the most. After the event
/// descriptor became readable, call it until it answers fewer than max_events.
///
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread; where several call it, they take turns. Blocks up to timeout_ms: bind it so that a language's
///            other threads can run, unless the timeout is 0.
/// Units:     timeout_ms in milliseconds; -1 = no limit, 0 = do not wait.
/// Returns:   the number of events, 0 = the time passed, ap_wake() was called, or the producer is shut down and every
///            event is read; or
///            AP_ERR_INVALID_ARGUMENT  not a producer, a timeout below -1, or max_events of 0
///            AP_ERR_UNSUPPORTED       event_mode is callback
///            AP_ERR_WOULD_DEADLOCK    called in the event callback
///            AP_ERR_NO_MEMORY         no memory to take events into; they stay
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_poll(producer: *mut ap_producer_t, timeout_ms: i64, max_events: usize) -> i64 {
    let body = || {
        let producer = pin(producer)?;
        if max_events == 0 {
            return Err(Error::invalid("max_events is 0; at least 1 is needed"));
        }
        producer.poll(input::timeout(timeout_ms)?, max_events)
    };
    guard_waiting(|| guard_count(body))
}

/// Poll mode: a file descriptor that is readable while events wait, for select, poll, epoll or an event loop.
///
/// A reader may read the bytes that arrive or leave them; what they say is nothing. Each call answers a fresh
/// duplicate, non-blocking and closed on exec.
///
/// Ownership: the caller closes the descriptor, before or after ap_free().
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread. Never blocks.
/// Returns:   the descriptor, 0 or more; or
///            AP_ERR_INVALID_ARGUMENT  not a producer
///            AP_ERR_UNSUPPORTED       event_mode is callback
///            AP_ERR_CLIENT            no descriptors left
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_event_fd(producer: *mut ap_producer_t) -> i32 {
    let answer = guard_count(|| pin(producer)?.event_fd().map(|fd| fd as usize));
    answer as i32
}

/// Makes every call of ap_poll() and ap_flush() that waits now return early: ap_poll() with what it has, ap_flush() with
/// AP_ERR_TIMED_OUT. Calls that begin later are not affected.
///
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread, also in the callback. Never blocks. Not for signal handlers.
/// Returns:   AP_OK, AP_ERR_INVALID_ARGUMENT, AP_ERR_INTERNAL
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_wake(producer: *mut ap_producer_t) -> ap_status_t {
    guard_status(|| {
        pin(producer)?.wake();
        Ok(())
    })
}

/// Ends the producer: takes no more messages, delivers what it has, and waits until everything is settled.
///
/// At the deadline what is left is dropped, each message in a DROPPED event with its whole content (one that was on its
/// way and of unknown fate in a FAILED event). A second call waits for the first and answers the same; one with an
/// earlier deadline shortens it, so ap_shutdown(producer, 0) from another thread ends a wait without limit.
/// In poll mode events can still be read with ap_poll() afterwards.
///
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread but the callback's. Blocks until the deadline, one second longer at most: bind it so that a
///            language's other threads can run.
/// Units:     timeout_ms in milliseconds; -1 = until everything is settled, 0 = drop now.
/// Returns:   AP_OK                    everything that was ever accepted was delivered or reported before the call
///            AP_ERR_UNDELIVERED       some messages were not delivered; each was handed back
///            AP_ERR_INVALID_ARGUMENT  not a producer, freed meanwhile, or a timeout below -1
///            AP_ERR_WOULD_DEADLOCK    called in the event callback
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_shutdown(producer: *mut ap_producer_t, timeout_ms: i64) -> ap_status_t {
    let body = || {
        let producer = pin(producer)?;
        producer.shutdown(input::timeout(timeout_ms)?)
    };
    guard_waiting(|| guard_status(body))
}

/// Frees a producer. Where ap_shutdown() was not called, it shuts down with a timeout of 0 first.
///
/// Calls of other threads that wait in this producer return. The events that are left are reported for one second at the
/// most; a callback that is running is waited for. Afterwards it never runs again.
///
/// NULL:      fine, as is a producer that is freed already: nothing happens.
/// Threads:   any thread. In the callback it takes effect when the callback has returned.
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_free(producer: *mut ap_producer_t) {
    let body = || {
        let handle = Handle::from_pointer(producer);
        if observer::is_observing() {
            // The callback cannot wait for itself: the rest happens on a thread that can.
            drop(sys::spawn("ap-free", move || release(handle)));
        } else {
            release(handle);
        }
    };
    guard_waiting(|| guard(|| (), body))
}

/// Takes a producer out of the registry, once no call is inside it, and ends it.
fn release(handle: Handle) {
    if let Some(producer) = PRODUCERS.remove_after(handle, |producer| producer.interrupt()) {
        producer.end();
    }
}

/// The producer behind a handle, for the time of one call; in a forked child a fresh one takes the inherited one's place.
#[inline(always)]
pub(super) fn pin(producer: *mut ap_producer_t) -> Result<Pin<'static, Producer>, Error> {
    let handle = Handle::from_pointer(producer);
    let unknown = || Error::new(Status::InvalidArgument, "producer is NULL, freed or not a producer");
    let pin = PRODUCERS.pin(handle).ok_or_else(unknown)?;
    if pin.is_inherited() {
        let fresh = pin.reborn()?;
        drop(pin);
        PRODUCERS.replace(handle, fresh, Producer::is_inherited);
        return PRODUCERS.pin(handle).ok_or_else(unknown);
    }
    Ok(pin)
}
