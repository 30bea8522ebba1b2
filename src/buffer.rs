//! The buffer: every message the worker holds, on the lane of its partition.

use std::collections::{HashMap, VecDeque};
use std::ffi::{CStr, CString};
use std::time::{Duration, Instant};

use crate::delivery;
use crate::dice::Dice;
use crate::lane::Lane;
use crate::message::{Message, PARTITION_ANY};
use crate::transport::{Parcel, Partitions, Transport, Window};

/// How long the number of partitions of a topic is believed before it is asked again; the answer comes from
/// librdkafka's cache and costs no request.
const BELIEF: Duration = Duration::from_secs(1);

/// Messages without a key that go to one partition before the next is drawn: they travel together, and so cheaply.
const STICKY_RUN: u32 = 500;

/// Lanes that are held together, at most, and how many such groups make a window.
const GROUP: usize = 32;
const GROUPS: usize = 4;

/// Partitions below this number are found by an index. A program may name any, so the others are found by a map: an index
/// would take memory for all before it.
const INDEXED: usize = 4096;

pub struct Buffer {
    topics: Vec<Topic>,
    by_name: HashMap<CString, usize>,
    /// The topic of the message before: mostly it is the next one's too.
    last_topic: usize,
    lanes: Vec<Lane>,
    /// Lanes that may have a window to send.
    ready: VecDeque<usize>,
    /// The lanes that a window goes out on together.
    group: Vec<usize>,
    /// Lanes that may have messages that are not due.
    stirred: Vec<usize>,
    /// Lanes that pause between attempts.
    paused: Vec<usize>,
    /// Messages held: on lanes and on their way, with their payload.
    held: usize,
    held_bytes: u64,
    /// Messages that wait and are not due.
    idle: usize,
    next_sequence: u64,
    dice: Dice,
}

struct Topic {
    name: CString,
    /// Where messages wait whose partition is not known yet. While it is not empty, every message of the topic waits
    /// here, so that nothing overtakes.
    unrouted: usize,
    lanes: Vec<Option<usize>>,
    far_lanes: HashMap<i32, usize>,
    /// How many there are, and until when that is believed.
    partitions: Option<(i32, Instant)>,
    sticky: i32,
    sticky_left: u32,
}

impl Buffer {
    pub fn new(seed: u64) -> Buffer {
        Buffer {
            topics: Vec::new(),
            by_name: HashMap::new(),
            last_topic: 0,
            lanes: Vec::new(),
            ready: VecDeque::new(),
            group: Vec::new(),
            stirred: Vec::new(),
            paused: Vec::new(),
            held: 0,
            held_bytes: 0,
            idle: 0,
            next_sequence: 0,
            dice: Dice::new(seed),
        }
    }

    /// Messages held, those on their way included.
    pub fn held(&self) -> usize {
        self.held
    }

    pub fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// Messages that wait for a delivery to begin.
    pub fn idle(&self) -> usize {
        self.idle
    }

    /// The number the next message will have.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub fn lane(&mut self, lane: usize) -> &mut Lane {
        &mut self.lanes[lane]
    }

    pub fn lanes(&mut self) -> &mut [Lane] {
        &mut self.lanes
    }

    pub fn topic_of(&self, lane: usize) -> &CStr {
        &self.topics[self.lanes[lane].topic].name
    }

    /// Takes a message in. `delivery` is the one it belongs to where it is due at once.
    #[inline(always)]
    pub fn insert(
        &mut self,
        message: Message,
        delivery: Option<delivery::Number>,
        transport: Option<&mut dyn Transport>,
        now: Instant,
    ) {
        self.held += 1;
        self.held_bytes += message.payload_len();
        self.idle += usize::from(delivery.is_none());
        let topic = self.topic_of_message(&message);
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let unrouted = self.topics[topic].unrouted;
        let parcel = Parcel { message, sequence, lane: unrouted as u32, delivery, attempts: 0 };
        let target = match self.lanes[unrouted].front() {
            Some(_) => None,
            None => self.target(topic, &parcel.message, transport, now),
        };
        self.place(target.unwrap_or(unrouted), parcel, delivery.is_some());
    }

    /// Makes everything that waits due as part of a delivery. How many messages became due.
    pub fn release(&mut self, delivery: delivery::Number) -> usize {
        let mut count = 0;
        for lane in self.stirred.drain(..) {
            let fresh = self.lanes[lane].release(delivery);
            if fresh > 0 {
                count += fresh;
                list(&mut self.ready, &mut self.lanes, lane);
            }
        }
        self.idle -= count;
        self.unstick();
        count
    }

    /// A delivery begins: messages without a key go to another partition from here on.
    pub fn unstick(&mut self) {
        for topic in &mut self.topics {
            topic.sticky_left = 0;
        }
    }

    /// Hands windows to Kafka on the next lanes that have one to send now, where what is due need not linger for more.
    /// `since`: when what is new may have come. Whether there were any.
    ///
    /// To hold several partitions costs little more than to hold one, but what is handed over first must wait for the last:
    /// so lanes go together that make a good part of a window.
    pub fn send(
        &mut self,
        window: Window,
        linger: Duration,
        since: Instant,
        transport: &mut dyn Transport,
        now: Instant,
    ) -> bool {
        let mut group = std::mem::take(&mut self.group);
        let (mut messages, mut bytes) = (0, 0);
        while messages * GROUPS < window.messages
            && bytes * (GROUPS as u64) < window.bytes
            && group.len() < GROUP
            && let Some(lane) = self.next_ready(window, linger, since, now)
        {
            messages += self.lanes[lane].due();
            bytes += self.lanes[lane].due_bytes();
            group.push(lane);
        }
        let several = group.iter().map(|lane| &self.lanes[*lane]).filter(|lane| lane.due() > 1);
        transport.hold(&mut several.map(|lane| (&*self.topics[lane.topic].name, lane.partition)));
        for lane in &group {
            let lane = &mut self.lanes[*lane];
            let topic = &self.topics[lane.topic].name;
            transport.send(topic, lane.partition, &mut lane.window(window, now));
        }
        transport.release();
        let is_any = !group.is_empty();
        group.clear();
        self.group = group;
        is_any
    }

    fn next_ready(&mut self, window: Window, linger: Duration, since: Instant, now: Instant) -> Option<usize> {
        while let Some(number) = self.ready.pop_front() {
            let lane = &mut self.lanes[number];
            lane.is_listed = false;
            if lane.partition == PARTITION_ANY {
                continue;
            }
            if lane.linger(linger, window, since, now) {
                self.paused.push(number);
            }
            if lane.is_ready(now) {
                return Some(number);
            }
        }
        None
    }

    /// A lane may have become ready: it has something due, its window is back, or its pause is over.
    #[inline]
    pub fn look_at(&mut self, lane: usize) {
        list(&mut self.ready, &mut self.lanes, lane);
    }

    /// A lane pauses before its next window.
    pub fn pause(&mut self, lane: usize) {
        self.paused.push(lane);
    }

    /// Whether a lane waits for nothing but more messages.
    pub fn lingers(&self) -> bool {
        self.paused.iter().any(|lane| self.lanes[*lane].lingers())
    }

    /// What lingers for more to go with it may go.
    pub fn end_lingering(&mut self) {
        for lane in &self.paused {
            self.lanes[*lane].end_lingering();
        }
    }

    /// Looks at the lanes whose pause is over. When the next pause ends.
    pub fn wake_lanes(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let (lanes, ready) = (&mut self.lanes, &mut self.ready);
        self.paused.retain(|lane| match lanes[*lane].ready_at() {
            Some(at) if at > now => {
                next = Some(next.map_or(at, |earliest| earliest.min(at)));
                true
            }
            _ => {
                list(ready, lanes, *lane);
                false
            }
        });
        next
    }

    /// Moves messages whose partition can be known to their lanes. Answers the topics that Kafka refuses, with the code.
    pub fn route(&mut self, transport: &mut dyn Transport, now: Instant) -> Vec<(usize, i32)> {
        let mut refused = Vec::new();
        for topic in 0..self.topics.len() {
            let unrouted = self.topics[topic].unrouted;
            if !self.lanes[unrouted].is_ready(now) {
                continue;
            }
            if let Partitions::Refused(code) = self.ask(topic, transport, now)
                && self.lanes[unrouted].front().is_some_and(|parcel| parcel.message.partition() == PARTITION_ANY)
            {
                refused.push((unrouted, code));
                continue;
            }
            while let Some(parcel) = self.lanes[unrouted].front() {
                let message_partition = parcel.message.partition();
                let known = self.topics[topic].partitions.is_some();
                if message_partition == PARTITION_ANY && !known {
                    break;
                }
                let Some((parcel, due)) = self.lanes[unrouted].pop() else { break };
                let target = self.target(topic, &parcel.message, Some(&mut *transport), now).unwrap_or(unrouted);
                self.place(target, parcel, due);
                if target == unrouted {
                    break;
                }
            }
        }
        refused
    }

    /// A lane's partition does not exist any more: what came back, and what waits on it without having been sent there by
    /// the program, finds another one. Everything that waits must be due.
    pub fn reroute(&mut self, lane: usize, parcels: Vec<Parcel>) {
        let topic = self.lanes[lane].topic;
        let unrouted = self.topics[topic].unrouted;
        self.topics[topic].partitions = None;
        let (mut homeless, bound): (Vec<_>, Vec<_>) =
            self.lanes[lane].clear().into_iter().partition(|parcel| parcel.message.partition() == PARTITION_ANY);
        homeless.extend(parcels);
        homeless.extend(self.lanes[unrouted].clear());
        homeless.sort_unstable_by_key(|parcel| parcel.sequence);
        for parcel in bound {
            self.place(lane, parcel, true);
        }
        for parcel in homeless {
            self.place(unrouted, parcel, true);
        }
    }

    /// A message has left.
    pub fn forget(&mut self, message: &Message) {
        self.held -= 1;
        self.held_bytes -= message.payload_len();
    }

    /// Takes out everything that is not on its way, in no particular order of topics.
    pub fn clear(&mut self) -> Vec<Parcel> {
        let mut cleared: Vec<Parcel> = self.lanes.iter_mut().flat_map(Lane::clear).collect();
        cleared.sort_unstable_by_key(|parcel| parcel.sequence);
        self.idle = 0;
        self.stirred.clear();
        cleared
    }

    #[inline(always)]
    fn place(&mut self, lane: usize, mut parcel: Parcel, due: bool) {
        parcel.lane = lane as u32;
        self.lanes[lane].push(parcel, due);
        if due {
            self.look_at(lane);
        } else if self.lanes[lane].idle() == 1 {
            self.stirred.push(lane);
        }
    }

    /// The lane a message belongs on, where that can be known.
    #[inline(always)]
    fn target(
        &mut self,
        topic: usize,
        message: &Message,
        transport: Option<&mut dyn Transport>,
        now: Instant,
    ) -> Option<usize> {
        if message.partition() != PARTITION_ANY {
            return Some(self.lane_of(topic, message.partition()));
        }
        let transport = transport?;
        let (count, until) = self.topics[topic].partitions?;
        let count = if now < until {
            count
        } else {
            match self.ask(topic, transport, now) {
                Partitions::Known(count) => count,
                Partitions::Unknown | Partitions::Refused(_) => count,
            }
        };
        let partition =
            transport.partition_of(message.routing_key(), count).unwrap_or_else(|| self.any_partition(topic, count));
        Some(self.lane_of(topic, partition))
    }

    fn ask(&mut self, topic: usize, transport: &mut dyn Transport, now: Instant) -> Partitions {
        let answer = transport.partitions(&self.topics[topic].name);
        if let Partitions::Known(count) = answer {
            self.topics[topic].partitions = Some((count, now + BELIEF));
        }
        answer
    }

    /// Messages without a key: one partition for a while, then another, drawn at random.
    #[inline(always)]
    fn any_partition(&mut self, topic: usize, count: i32) -> i32 {
        let dice = &mut self.dice;
        let topic = &mut self.topics[topic];
        if topic.sticky_left == 0 || topic.sticky >= count {
            topic.sticky = dice.below(count as u64) as i32;
            topic.sticky_left = STICKY_RUN;
        }
        topic.sticky_left -= 1;
        topic.sticky
    }

    #[inline(always)]
    fn topic_of_message(&mut self, message: &Message) -> usize {
        let name = message.topic_with_nul();
        if self.topics.get(self.last_topic).is_none_or(|topic| topic.name.as_bytes_with_nul() != name) {
            self.last_topic = self.topic(message.topic());
        }
        self.last_topic
    }

    fn topic(&mut self, name: &CStr) -> usize {
        if let Some(topic) = self.by_name.get(name) {
            return *topic;
        }
        let topic = self.topics.len();
        self.lanes.push(Lane::new(topic, PARTITION_ANY));
        self.topics.push(Topic {
            name: name.to_owned(),
            unrouted: self.lanes.len() - 1,
            lanes: Vec::new(),
            far_lanes: HashMap::new(),
            partitions: None,
            sticky: 0,
            sticky_left: 0,
        });
        self.by_name.insert(name.to_owned(), topic);
        topic
    }

    #[inline(always)]
    fn lane_of(&mut self, topic: usize, partition: i32) -> usize {
        let lanes = &self.topics[topic];
        let known = match partition as usize {
            index if index < INDEXED => lanes.lanes.get(index).copied().flatten(),
            _ => lanes.far_lanes.get(&partition).copied(),
        };
        known.unwrap_or_else(|| self.open_lane(topic, partition))
    }

    fn open_lane(&mut self, topic: usize, partition: i32) -> usize {
        let lane = self.lanes.len();
        self.lanes.push(Lane::new(topic, partition));
        let topic = &mut self.topics[topic];
        let index = partition as usize;
        if index >= INDEXED {
            topic.far_lanes.insert(partition, lane);
            return lane;
        }
        if topic.lanes.len() <= index {
            topic.lanes.resize(index + 1, None);
        }
        topic.lanes[index] = Some(lane);
        lane
    }
}

/// Lists a lane once: each message that is due calls for it.
#[inline]
fn list(ready: &mut VecDeque<usize>, lanes: &mut [Lane], lane: usize) {
    if !std::mem::replace(&mut lanes[lane].is_listed, true) {
        ready.push_back(lane);
    }
}
