//! rust-rdkafka's ThreadedProducer, with the options and the output of peer.h.

mod measure;
mod options;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};

use measure::{Pace, Sample, Times, Usage, ticks};
use options::Options;

/// Counts what was acknowledged; the producer's thread calls it.
struct Reports {
    acknowledged: Arc<AtomicU64>,
    times: Times,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize; // The tick of the call, 0 where it is not asked for.

    fn delivery(&self, result: &DeliveryResult<'_>, stamp: usize) {
        if let Err((error, _)) = result {
            options::fail(&error.to_string());
        }
        if stamp != 0 {
            self.times.add(ticks() - stamp as u64);
        }
        self.acknowledged.fetch_add(1, Relaxed);
    }
}

type Client = ThreadedProducer<Reports>;

fn start(options: &Options, acknowledged: Arc<AtomicU64>, times: Times) -> Client {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", "0")
        .set("linger.ms", options.linger.to_string())
        .set("compression.codec", &options.compression)
        .set("queue.buffering.max.messages", options.queue.to_string())
        .set("queue.buffering.max.kbytes", "2097151");
    if !options.wait {
        config.set_log_level(RDKafkaLogLevel::Emerg).set("log_level", "0"); // Nobody listens, as wanted.
    }
    config
        .create_with_context(Reports { acknowledged, times })
        .unwrap_or_else(|error| options::fail(&error.to_string()))
}

/// Hands one message over, waiting for room as the crate's documentation shows it.
fn produce(client: &Client, topic: &str, value: &[u8], stamp: u64) {
    let mut record = BaseRecord::<(), [u8], usize>::with_opaque_to(topic, stamp as usize).payload(value);
    while let Err((error, back)) = client.send(record) {
        if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
            options::fail(&error.to_string());
        }
        thread::sleep(Duration::from_millis(1));
        record = back;
    }
}

fn run(client: &Client, options: &Options, payloads: &[Vec<u8>], count: u64, rate: f64, timed: bool) -> Sample {
    let mut sample = Sample::begin(if timed { count } else { 0 });
    let mut pace = Pace::new(rate);
    for (number, value) in (0..count).zip(payloads.iter().cycle()) {
        pace.wait(number);
        let stamp = if timed || options.latency { ticks() } else { 0 };
        produce(client, &options.topic, value, if options.latency { stamp } else { 0 });
        if timed {
            sample.calls.push(ticks() - stamp);
        }
    }
    sample.end();
    sample
}

fn await_all(acknowledged: &AtomicU64, count: u64) {
    while acknowledged.load(Relaxed) < count {
        thread::sleep(Duration::from_micros(200));
    }
}

fn main() {
    let options = Options::read();
    let payloads = options.payloads();
    let scale = measure::Scale::begin();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let times = Times::new(if options.latency { options.messages + 2000 } else { 0 });
    let client = start(&options, acknowledged.clone(), times.clone());

    let warm = if options.wait { (options.messages / 10).min(1000) } else { options.messages / 10 };
    run(&client, &options, &payloads, warm, 0.0, false);
    if options.wait {
        client.flush(Duration::from_secs(3600)).unwrap_or_else(|error| options::fail(&error.to_string()));
        await_all(&acknowledged, warm);
        times.clear();
    }
    let share = options.messages / options.threads;
    let rate = options.rate as f64 / options.threads as f64;
    let usage = Usage::begin();
    let samples: Vec<Sample> = thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads)
            .map(|_| scope.spawn(|| run(&client, &options, &payloads, share, rate, options.calls)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    if options.wait {
        client.flush(Duration::from_secs(3600)).unwrap_or_else(|error| options::fail(&error.to_string()));
        await_all(&acknowledged, warm + share * options.threads);
    }
    let version = rdkafka::util::get_rdkafka_version().1;
    measure::print("threaded_producer", &version, share * options.threads, &usage, samples, &times, &scale);
    std::process::exit(0); // What is queued is not waited for: no destructor.
}
