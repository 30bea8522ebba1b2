//! Three brokers, each behind a proxy, with everything on all three of them and two needed for an acknowledgement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::proxy::Proxy;
use crate::support::PATIENCE;
use crate::support::kafka::{Broker, free_ports};

pub const SIZE: usize = 3;

pub struct Cluster {
    pub brokers: Vec<Broker>,
    pub proxies: Vec<Proxy>,
}

/// The ports of one broker.
#[derive(Clone, Copy)]
struct Ports {
    inside: u16,
    controller: u16,
    client: u16,
}

impl Cluster {
    pub fn start() -> Cluster {
        let free: [u16; 3 * SIZE] = free_ports();
        let ports: Arc<[Ports]> = free
            .chunks_exact(3)
            .map(|three| Ports { inside: three[0], controller: three[1], client: three[2] })
            .collect();
        let proxies: Vec<_> = ports.iter().map(|ports| Proxy::start(ports.client)).collect();
        let starting: Vec<_> = (0..SIZE)
            .map(|index| {
                let (ports, proxy) = (ports.clone(), proxies[index].port());
                std::thread::spawn(move || start_broker(index, &ports, proxy))
            })
            .collect();
        let brokers = starting.into_iter().map(|thread| thread.join().expect("a broker")).collect();
        Cluster { brokers, proxies }
    }

    /// Where clients go: through the proxies.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<_> = self.proxies.iter().map(Proxy::address).collect();
        addresses.join(",")
    }

    pub fn kill(&self, victims: &[usize]) {
        victims.iter().for_each(|victim| self.brokers[*victim].kill());
    }

    /// All at once, for none serves before most are there.
    pub fn restart(&self, victims: &[usize]) {
        std::thread::scope(|scope| {
            for victim in victims {
                scope.spawn(|| self.brokers[*victim].restart());
            }
        });
    }

    /// Which broker leads a partition.
    pub fn leader(&self, topic: &str, partition: i32) -> usize {
        let inside: Vec<_> = self.brokers.iter().map(Broker::bootstrap).collect();
        let client: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", inside.join(",")).create().expect("a client");
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Ok(metadata) = client.fetch_metadata(Some(topic), Duration::from_secs(5))
                && let Some(topic) = metadata.topics().first()
                && let Some(found) = topic.partitions().iter().find(|found| found.id() == partition)
                && found.leader() > 0
            {
                return found.leader() as usize - 1;
            }
            assert!(Instant::now() < limit, "{topic}/{partition} has no leader");
        }
    }

    /// Gives the partitions of a topic other leaders, by Kafka's own tools: another order of the replicas, and an election
    /// of the first ones.
    pub fn move_leaders(&self, topic: &str, partitions: usize, by: usize) {
        let moves: Vec<_> = (0..partitions)
            .map(|partition| {
                let order: Vec<_> = (0..SIZE).map(|place| ((partition + by + place) % SIZE + 1).to_string()).collect();
                let order = order.join(",");
                format!(r#"{{"topic":"{topic}","partition":{partition},"replicas":[{order}]}}"#)
            })
            .collect();
        let plan = format!(r#"{{"version":1,"partitions":[{}]}}"#, moves.join(","));
        let file = self.brokers[0].directory().join("moves.json");
        std::fs::write(&file, plan).expect("a file");
        let file = file.to_str().expect("a path in UTF-8");
        let tool = |arguments: &[&str]| self.brokers[0].try_tool(arguments);
        let moved = tool(&["reassign.ReassignPartitionsCommand", "--reassignment-json-file", file, "--execute"]);
        assert!(moved, "the partitions of {topic} do not move");
        // A replica that is still behind after a restart is not elected; the broker does it later by itself.
        tool(&["LeaderElectionCommand", "--election-type", "PREFERRED", "--all-topic-partitions"]);
    }
}

fn start_broker(index: usize, ports: &[Ports], proxy: u16) -> Broker {
    let node = index + 1;
    let voters: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(index, ports)| format!("{}@127.0.0.1:{}", index + 1, ports.controller))
        .collect();
    let Ports { inside, controller, client } = ports[index];
    let properties = [
        format!("node.id={node}"),
        format!("controller.quorum.voters={}", voters.join(",")),
        // The first is the one that the tests' own tools use.
        format!(
            "listeners=PLAINTEXT://127.0.0.1:{inside},CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}"
        ),
        format!("advertised.listeners=PLAINTEXT://127.0.0.1:{inside},CLIENT://127.0.0.1:{proxy}"),
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT".into(),
        "inter.broker.listener.name=PLAINTEXT".into(),
        "default.replication.factor=3".into(),
        "min.insync.replicas=2".into(),
        "offsets.topic.replication.factor=3".into(),
        "unclean.leader.election.enable=false".into(),
        "auto.create.topics.enable=false".into(),
        // Leaders go home soon after a broker has come back, so that they move often.
        "auto.leader.rebalance.enable=true".into(),
        "leader.imbalance.check.interval.seconds=5".into(),
        "leader.imbalance.per.broker.percentage=0".into(),
        "replica.lag.time.max.ms=5000".into(),
    ];
    let properties: Vec<&str> = properties.iter().map(String::as_str).collect();
    Broker::start(&properties)
}
