//! The producer: what callers hold. It accepts messages and requests, and keeps a worker running that serves them.

use std::os::fd::IntoRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::bell::Bell;
use crate::clock;
use crate::config::Blueprint;
use crate::error::{Error, Result, Status};
use crate::event::{Event, Kind};
use crate::fork;
use crate::inbox::{Answer, Request};
use crate::limits::Release;
use crate::lounge::Ended;
use crate::message::Draft;
use crate::notifier::Notifier;
use crate::observer;
use crate::outbox::Outbox;
use crate::settings::EventMode;
use crate::shared::{Phase, Shared};
use crate::shelf::Shelf;
use crate::stats::Snapshot;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use crate::sync::thread::JoinHandle;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::sys::{self, BareThread};
use crate::transport::Connector;
use crate::transport::kafka::KafkaConnector;
use crate::worker::{Turn, Worker};

/// How long `end` lets the callback read what is left.
const READING_TIME: Duration = Duration::from_secs(1);

/// How much longer than its deadline a shutdown waits for the worker, before it answers without it.
const GRACE: Duration = Duration::from_millis(900);

/// How much longer than its deadline a shutdown waits for a callback that is behind.
const SLOWNESS: Duration = Duration::from_millis(400);

pub struct Producer {
    blueprint: Blueprint,
    shared: Arc<Shared>,
    notifier: Notifier,
    shelf: Shelf,
    max_message_bytes: u64,
    /// The process this belongs to, counted in forks.
    generation: u32,
    running: AtomicBool,
    /// It is being freed: those who wait in it are sent away.
    interrupted: AtomicBool,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    worker: Option<JoinHandle<()>>,
    notifier: Option<BareThread>,
}

impl Producer {
    /// Checks everything; starts nothing.
    pub fn new(blueprint: Blueprint) -> Result<Producer> {
        blueprint.properties.check()?;
        Producer::assemble(blueprint)
    }

    /// A producer like this one for a forked child: the same configuration, nothing in it. What it inherited is not touched.
    pub fn reborn(&self) -> Result<Producer> {
        Producer::assemble(self.blueprint.clone())
    }

    fn assemble(blueprint: Blueprint) -> Result<Producer> {
        let bell = match blueprint.settings.event_mode {
            EventMode::Callback => None,
            EventMode::Poll => Some(Bell::new().map_err(|error| Error::new(Status::Client, error))?),
        };
        let outbox = Arc::new(Outbox::new(blueprint.mask, bell));
        let shared = Arc::new(Shared::new(blueprint.settings.clone(), outbox.clone()));
        let notifier = Notifier { outbox, observer: blueprint.observer.clone(), queue: shared.queue.clone() };
        Ok(Producer {
            max_message_bytes: blueprint.properties.max_message_bytes(),
            generation: fork::generation(),
            running: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
            threads: Mutex::default(),
            shelf: Shelf::default(),
            blueprint,
            shared,
            notifier,
        })
    }

    /// Whether this was made by a parent process.
    pub fn is_inherited(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Refuses what could never be accepted.
    #[inline(always)]
    pub fn check(&self, draft: &Draft) -> Result<()> {
        draft.check()?;
        let most = self.shared.queue.limits().bounds().max_pending_bytes;
        if draft.wire_len() > self.max_message_bytes || (most > 0 && draft.charge() > most) {
            return Err(Status::MessageTooLarge.into());
        }
        Ok(())
    }

    /// Accepts a message that [`Producer::check`] has passed, or says why not; then nothing is held of it.
    #[inline(always)]
    pub fn accept(&self, draft: &Draft) -> std::result::Result<(), Status> {
        self.shared.phase().admits()?;
        self.ensure_running().map_err(|error| error.status)?;
        self.shared.accept(draft)
    }

    pub fn deliver(&self) -> Result<()> {
        self.shared.phase().admits()?;
        self.ensure_running()?;
        self.shared.inbox.deliver();
        self.shared.parker.unpark();
        Ok(())
    }

    /// `None` = no limit.
    pub fn flush(&self, timeout: Option<Duration>) -> Result<()> {
        refuse_in_callback()?;
        match self.shared.phase() {
            Phase::Open | Phase::Closing => {}
            Phase::Closed => return Err(Status::ShutDown.into()),
            Phase::Broken => return Err(Status::Internal.into()),
        }
        if self.shared.is_settled() {
            return Ok(());
        }
        let answer = Arc::new(Answer::default());
        self.shared.inbox.request(Request::Flush(answer.clone()));
        self.shared.parker.unpark();
        let done = || answer.get().is_some() || self.shared.phase() >= Phase::Closed;
        match self.shared.lounge.wait(deadline_after(timeout), done) {
            Ended::Woken if self.interrupted.load(SeqCst) => Err(Error::invalid("the producer was freed meanwhile")),
            Ended::TimedOut | Ended::Woken => Err(Status::TimedOut.into()),
            Ended::Done => match answer.get() {
                Some(0) => Ok(()),
                Some(_) => Err(Status::Undelivered.into()),
                None if self.shared.phase() == Phase::Broken => Err(Status::Internal.into()),
                // The worker ended with everything settled before it saw the request.
                None => self.verdict(),
            },
        }
    }

    pub fn clear(&self) -> Result<usize> {
        self.shared.phase().admits()?;
        if !self.running.load(SeqCst) {
            return Ok(0);
        }
        let answer = Arc::new(Answer::default());
        self.shared.inbox.request(Request::Clear(answer.clone()));
        self.shared.parker.unpark();
        let done = || answer.get().is_some() || self.shared.phase() >= Phase::Closed;
        self.shared.lounge.wait_through(None, done);
        match answer.get() {
            Some(count) => Ok(count as usize),
            None => Err(self.shared.phase().admits().err().unwrap_or(Status::ShutDown).into()),
        }
    }

    pub fn poll(&self, timeout: Option<Duration>, most: usize) -> Result<usize> {
        refuse_in_callback()?;
        self.bell()?;
        if !self.blueprint.mask.is_empty() && !self.blueprint.observer.listens() {
            return Err(Error::new(Status::Unsupported, "the event callback is NULL"));
        }
        Ok(self.notifier.poll(deadline_after(timeout), most)?)
    }

    /// As [`Producer::poll`], with `entry` in the place of the callback; it is given the number under which the event can
    /// be looked up on the [`Shelf`] until the next call, 0 where there is nothing to look up.
    pub fn poll_entries(
        &self,
        timeout: Option<Duration>,
        most: usize,
        entry: &mut dyn FnMut(&Event, u64),
    ) -> Result<usize> {
        refuse_in_callback()?;
        self.bell()?;
        Ok(self.notifier.poll_entries(&self.shelf, deadline_after(timeout), most, entry)?)
    }

    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// A descriptor for the caller to own.
    pub fn event_fd(&self) -> Result<i32> {
        let descriptor = self.bell()?.descriptor();
        descriptor.map(IntoRawFd::into_raw_fd).map_err(|error| Error::new(Status::Client, error))
    }

    fn bell(&self) -> Result<&Bell> {
        self.shared.outbox.bell().ok_or_else(|| Error::new(Status::Unsupported, "event_mode is callback, not poll"))
    }

    /// Ends the waits of other threads in `poll` and `flush`.
    pub fn wake(&self) {
        self.shared.lounge.wake();
        self.shared.outbox.wake();
    }

    pub fn shutdown(&self, timeout: Option<Duration>) -> Result<()> {
        refuse_in_callback()?;
        let deadline = deadline_after(timeout);
        self.begin_shutdown(deadline);
        let latest = deadline.map(|time| time + GRACE);
        let settled = self.shared.lounge.wait_through(latest, || self.is_ended());
        if self.shared.phase() == Phase::Broken {
            return Err(Status::Internal.into());
        }
        // The callback has told everything when the call returns, unless it is slow.
        if self.shared.settings.event_mode == EventMode::Callback {
            let patience = deadline.map(|time| time + SLOWNESS);
            self.shared.outbox.drained(patience.unwrap_or_else(|| Instant::now() + READING_TIME));
        }
        if settled { self.verdict() } else { Err(Status::Undelivered.into()) }
    }

    fn begin_shutdown(&self, deadline: Option<Instant>) {
        let threads = self.threads();
        let undelivered = self.shared.counters.undelivered();
        self.shared.inbox.close(deadline, undelivered);
        self.shared.advance(Phase::Closing);
        if threads.worker.is_none() {
            self.shared.outbox.close();
            self.shared.advance(Phase::Closed);
        }
        drop(threads);
        self.shared.parker.unpark();
    }

    fn is_ended(&self) -> bool {
        self.shared.phase() >= Phase::Closed
    }

    /// Whether the shutdown lost nothing.
    fn verdict(&self) -> Result<()> {
        let lost = self.shared.counters.undelivered() > self.shared.inbox.undelivered_before();
        if lost { Err(Status::Undelivered.into()) } else { Ok(()) }
    }

    /// Sends away every call of another thread that waits in here: the producer is about to be freed.
    pub fn interrupt(&self) {
        if !self.is_inherited() {
            self.interrupted.store(true, SeqCst);
            self.begin_shutdown(Some(Instant::now()));
            self.wake();
        }
    }

    /// The end of its life: nobody else calls it any more, and after this the callback never runs again.
    pub fn end(self) {
        if self.is_inherited() {
            // Threads, locks and the client are the parent's: nothing of it may be touched, so it is left as it is.
            std::mem::forget(self);
            return;
        }
        self.begin_shutdown(Some(Instant::now()));
        let settled = self.shared.lounge.wait_through(Some(Instant::now() + GRACE), || self.is_ended());
        let threads = std::mem::take(&mut *self.threads());
        if self.shared.settings.event_mode == EventMode::Callback {
            self.shared.outbox.drained(Instant::now() + READING_TIME);
        }
        self.shared.outbox.close();
        self.discard_events();
        if let Some(notifier) = threads.notifier {
            notifier.join();
        }
        if let Some(worker) = threads.worker
            && settled
        {
            drop(worker.join());
        }
    }

    fn discard_events(&self) {
        let mut release = Release::default();
        for event in self.shared.outbox.discard() {
            event.give_back(&mut release);
        }
        self.shared.queue.release(release);
    }

    pub fn stats(&self) -> Snapshot {
        let (limits, counters) = (self.shared.queue.limits(), &self.shared.counters);
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Snapshot {
            accepted: self.shared.accepted.load(SeqCst),
            delivered: read(&counters.delivered),
            failed: read(&counters.failed),
            unknown: read(&counters.unknown),
            dropped: read(&counters.dropped),
            overflowed: read(&counters.overflowed),
            retried: read(&counters.retried),
            queue_size: limits.queue_size(),
            max_queue_size: limits.bounds().max_queue_size,
            buffer_size: limits.buffer_size(),
            max_buffer_size: limits.bounds().max_buffer_size,
            in_flight: read(&counters.in_flight),
            pending_bytes: limits.charged_bytes(),
            max_pending_bytes: limits.bounds().max_pending_bytes,
            deliveries: read(&counters.deliveries),
            last_delivery_us: read(&counters.last_delivery_us),
            unread_events: self.shared.outbox.unread(),
            client_resets: read(&counters.client_resets),
        }
    }

    /// Starts the threads at the first call, and again where that failed.
    #[inline(always)]
    fn ensure_running(&self) -> Result<()> {
        if self.running.load(SeqCst) { Ok(()) } else { self.start() }
    }

    fn start(&self) -> Result<()> {
        let mut threads = self.threads();
        if threads.worker.is_some() {
            return Ok(());
        }
        self.shared.phase().admits()?;
        let failed =
            |error: std::io::Error| Error::new(Status::Client, format_args!("a thread cannot be started: {error}"));
        if self.shared.settings.event_mode == EventMode::Callback
            && !self.blueprint.mask.is_empty()
            && threads.notifier.is_none()
        {
            threads.notifier = Some(self.notifier.start().map_err(failed)?);
        }
        let connector = KafkaConnector::new(self.blueprint.properties.clone(), self.shared.parker.clone());
        let shared = self.shared.clone();
        threads.worker = Some(sys::spawn("ap-worker", move || work(shared, Box::new(connector))).map_err(failed)?);
        self.running.store(true, SeqCst);
        Ok(())
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker's thread. A panic in it is a defect: the producer refuses further work, and those who wait are told.
fn work(shared: Arc<Shared>, connector: Box<dyn Connector>) {
    let body = AssertUnwindSafe(|| {
        let seed = clock::wall_ms() as u64 ^ (Arc::as_ptr(&shared) as u64).rotate_left(32);
        let mut worker = Worker::new(shared.clone(), connector, seed, Instant::now());
        loop {
            match worker.turn(Instant::now()) {
                Turn::Again => {}
                Turn::Sleep { until, level } => worker.park(until, level),
                Turn::Over => break,
            }
        }
    });
    if catch_unwind(body).is_err() {
        if shared.outbox.wants(Kind::Error) {
            let text = c"a defect of the library was contained; the producer refuses further work";
            shared.outbox.post(Event { status: Status::Internal.code(), ..Event::now(Kind::Error, text) });
        }
        shared.outbox.close();
        shared.advance(Phase::Broken);
    }
}

fn refuse_in_callback() -> Result<()> {
    if observer::is_observing() { Err(Status::WouldDeadlock.into()) } else { Ok(()) }
}

fn deadline_after(timeout: Option<Duration>) -> Option<Instant> {
    // A time too far to be represented is no limit.
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Mask;
    use crate::settings::Settings;
    use crate::transport::Transport;

    /// A transport with a defect.
    struct Defective;

    impl Connector for Defective {
        fn connect(&mut self) -> Result<Box<dyn Transport>> {
            panic!("a defect, on purpose")
        }
    }

    #[test]
    fn a_defect_of_the_worker_is_contained_and_told() {
        let outbox = Arc::new(Outbox::new(Mask::from_bits(Kind::Error.bit()).expect("a bit"), None));
        let shared = Arc::new(Shared::new(Settings::default(), outbox.clone()));
        shared.accept(&Draft { topic: c"t", ..Draft::default() }).expect("room");
        shared.inbox.deliver();
        work(shared.clone(), Box::new(Defective));
        assert_eq!(shared.phase(), Phase::Broken);
        assert_eq!(shared.accept(&Draft { topic: c"t", ..Draft::default() }), Err(Status::Internal));
        let mut events = std::collections::VecDeque::new();
        let told = outbox.take(None, 9, &mut events, |_| Ok(()));
        assert_eq!(told, Ok(true), "those who wait for events are told");
        assert_eq!(events[0].status, Status::Internal.code());
    }
}
