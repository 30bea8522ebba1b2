//! What tests ask of a broker often, without the start of a Java program each time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::support::PATIENCE;
use crate::support::kafka::Broker;

/// A topic of one partition that as many brokers have as they are set to.
pub fn make_topic(broker: &Broker, name: &str, configs: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = client(broker).create().expect("a client");
    let mut topic = NewTopic::new(name, 1, TopicReplication::Fixed(-1));
    for (key, value) in configs {
        topic = topic.set(key, value);
    }
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let made = wait(admin.create_topics([&topic], &options)).expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// Where the next message of the one partition would go. After a fault its leader may change once more.
pub fn end_offset(broker: &Broker, topic: &str) -> i64 {
    let consumer: BaseConsumer = client(broker).create().expect("a client");
    let limit = Instant::now() + PATIENCE;
    loop {
        match consumer.fetch_watermarks(topic, 0, PATIENCE) {
            Ok((_, end)) => return end,
            Err(error) => assert!(Instant::now() < limit, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn client(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap()).set("log_level", "3");
    config
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(1)),
        }
    }
}
