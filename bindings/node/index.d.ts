/// <reference types="node" />

import { EventEmitter } from 'node:events';

/** The bytes of a key, a value or a header: a string is sent as UTF-8; null is Kafka's null, which is not empty. */
export type Bytes = string | Uint8Array | null;

/** An object, in which an array stands for several headers of one name, or pairs, which may repeat a name. */
export type Headers =
  | { readonly [name: string]: Bytes | readonly Bytes[] }
  | Iterable<readonly [name: string, value: Bytes | readonly Bytes[]]>;

export interface Message {
  /** 1 to 249 letters, digits, dots, underscores and hyphens. */
  topic: string;
  /** null is a tombstone. */
  value: Bytes;
  key?: Bytes | undefined;
  headers?: Headers | null | undefined;
  /** Left out: chosen by the partitioner. */
  partition?: number | null | undefined;
  /** Chooses the partition instead of the key; not sent. */
  partitionKey?: Bytes | undefined;
  /** Milliseconds since 1970; left out: the time of the call. */
  timestamp?: number | Date | null | undefined;
  /** Any whole number from 0 to 2^53 - 1; it comes back in this message's events. */
  tag?: number | undefined;
}

/** A message as it is handed back. It can be produced again as it is. */
export interface ReturnedMessage {
  topic: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: [name: string, value: Buffer | null][];
  partition: number | undefined;
  partitionKey: Buffer | null;
  timestamp: number;
  tag: number;
}

/** The name of a status in the C header. */
export type StatusCode =
  | 'AP_OK'
  | 'AP_ERR_INVALID_ARGUMENT'
  | 'AP_ERR_BUFFER_OVERFLOW'
  | 'AP_ERR_MESSAGE_TOO_LARGE'
  | 'AP_ERR_SHUT_DOWN'
  | 'AP_ERR_TIMED_OUT'
  | 'AP_ERR_CONFIG'
  | 'AP_ERR_CLIENT'
  | 'AP_ERR_UNDELIVERED'
  | 'AP_ERR_WOULD_DEADLOCK'
  | 'AP_ERR_NO_MEMORY'
  | 'AP_ERR_INTERNAL'
  | 'AP_ERR_UNSUPPORTED'
  | 'AP_ERR_UNKNOWN';

/** Durations are milliseconds, with a fraction. */
interface EventBase<Type extends string> {
  type: Type;
  /** Milliseconds since 1970: of the event, and where it is about one message, of that. */
  timestamp: number;
}

/** Where a message is in Kafka. */
export interface DeliveredEvent extends EventBase<'delivered'> {
  tag: number;
  partition: number;
  /** A whole number below 2^53. */
  offset: number;
  attempts: number;
  /** Since the call of `produce()`. */
  duration: number;
}

/** What `send()` answers. */
export interface Delivery extends DeliveredEvent {
  topic: string;
}

interface LossEvent<Type extends string> extends EventBase<Type> {
  status: number;
  code: StatusCode;
  /** librdkafka's error (negative) or the broker's (positive), 0 = none. */
  kafkaError: number;
  text: string;
  tag: number;
  /** -1 = unknown. */
  partition: number;
  /** Whether the message is in Kafka all the same: after "no" sending it again makes no duplicate. */
  persistence: 'no' | 'possibly' | 'yes';
  attempts: number;
  /** Since the call of `produce()`. */
  duration: number;
  message: ReturnedMessage;
}

/** One message was refused by Kafka, given up, or is of unknown fate. */
export type FailedEvent = LossEvent<'failed'>;

/** One message was withdrawn by `clear()` or at the end of `shutdown()`. */
export type DroppedEvent = LossEvent<'dropped'>;

interface AdmissionEvent<Type extends string> extends EventBase<Type> {
  topic: string;
  tag: number;
  /** How many such occurrences it stands for; topic and tag are the latest one's. */
  count: number;
}

/** A message was accepted. Only told where the option `events` names it. */
export type EnqueuedEvent = AdmissionEvent<'enqueued'>;

/** A message was refused for lack of room. */
export type BufferOverflowEvent = AdmissionEvent<'bufferOverflow'>;

export interface DeliveryStartedEvent extends EventBase<'deliveryStarted'> {
  count: number;
}

export interface DeliveryFinishedEvent extends EventBase<'deliveryFinished'> {
  /** AP_ERR_UNDELIVERED where a message of it was not delivered. */
  status: number;
  code: StatusCode;
  count: number;
  attempts: number;
  duration: number;
}

/** A delivery failed and will be tried again after the pause. */
export interface RetryEvent extends EventBase<'retry'> {
  kafkaError: number;
  text: string;
  topic: string;
  partition: number;
  count: number;
  attempts: number;
  pause: number;
}

/** Nothing could be delivered for stall_report_interval although messages wait. */
export interface StalledEvent extends EventBase<'stalled'> {
  kafkaError: number;
  text: string;
  count: number;
}

/** Brokers are down, a password is wrong, the client was made anew. Delivery goes on. */
export interface ClientErrorEvent extends EventBase<'clientError'> {
  status: number;
  code: StatusCode;
  kafkaError: number;
  text: string;
  count: number;
}

export interface LogEvent extends EventBase<'log'> {
  /** As of syslog, 0 to 7. */
  level: number;
  text: string;
  count: number;
}

/** librdkafka's statistics, where statistics.interval.ms is set. */
export interface StatsEvent extends EventBase<'stats'> {
  statistics: Record<string, unknown>;
}

export interface ProducerEvents {
  enqueued: EnqueuedEvent;
  bufferOverflow: BufferOverflowEvent;
  deliveryStarted: DeliveryStartedEvent;
  deliveryFinished: DeliveryFinishedEvent;
  delivered: DeliveredEvent;
  failed: FailedEvent;
  retry: RetryEvent;
  dropped: DroppedEvent;
  stalled: StalledEvent;
  clientError: ClientErrorEvent;
  log: LogEvent;
  stats: StatsEvent;
}

export type EventName = keyof ProducerEvents;

export type Property = string | number | boolean | readonly string[] | undefined;

/**
 * Properties of the library (`max_queue_size`) and of librdkafka (`client.id`) by their names or in camel case
 * (`maxQueueSize`, `clientId`); `brokers` is `bootstrap.servers`. What is undefined is not set.
 */
export interface Config {
  brokers?: string | readonly string[] | undefined;
  maxQueueSize?: number | undefined;
  maxBufferSize?: number | undefined;
  maxBufferBytesize?: number | undefined;
  deliveryThreshold?: number | undefined;
  /** Seconds. */
  deliveryInterval?: number | undefined;
  maxRetries?: number | undefined;
  /** Seconds. */
  retryBackoff?: number | undefined;
  maxPendingBytes?: number | undefined;
  /** Seconds that `send()` may wait for room; `produce()` never waits. */
  overflowWait?: number | undefined;
  /** Seconds. */
  stallReportInterval?: number | undefined;
  partitioner?: string | undefined;
  readonly [property: string]: Property;
}

export interface Options {
  /** The events that are told; all but "enqueued" where it is left out. Settlements are always read. */
  events?: readonly EventName[] | undefined;
  /** The timeout of `shutdown()` and of `await using`, in milliseconds; Infinity where it is left out. */
  shutdownTimeout?: number | undefined;
}

export interface Timeout {
  /** Milliseconds; Infinity = no limit. */
  timeout?: number | undefined;
}

export interface Stats {
  accepted: number;
  delivered: number;
  failed: number;
  unknown: number;
  dropped: number;
  overflowed: number;
  retried: number;
  queueSize: number;
  maxQueueSize: number;
  bufferSize: number;
  maxBufferSize: number;
  inFlight: number;
  pendingBytes: number;
  maxPendingBytes: number;
  deliveries: number;
  lastDeliveryUs: number;
  unreadEvents: number;
  clientResets: number;
}

/** Hands messages to Kafka in the background. */
export class Producer extends EventEmitter {
  /** @throws ConfigError where a property is unknown or not allowed */
  constructor(config: Config, options?: Options);

  /** Messages that are accepted and not settled. */
  readonly outstanding: number;

  /**
   * Queues a message and returns at once.
   * @throws BufferOverflowError where there is no room
   */
  produce(message: Message): void;

  /** Queues messages in order and answers how many there was room for; where one is wrong, none is queued. */
  produceBatch(messages: readonly Message[]): number;

  /**
   * Queues a message, starts its delivery, and answers where it is in Kafka once it is there. Where there is no room
   * it waits for `overflow_wait` seconds, in the order of the calls. Rejects with a DeliveryError.
   */
  send(message: Message): Promise<Delivery>;

  /** Waits until there may be room again. */
  room(): Promise<void>;

  /** Starts the delivery of what is queued, and returns at once. */
  deliver(): void;

  /** Delivers, and waits until everything accepted before the call is settled. Rejects with an UndeliveredError. */
  flush(options?: Timeout): Promise<void>;

  /** Drops what was not handed to Kafka yet, each message with an event; answers how many. */
  clear(): number;

  /** The counters; after the shutdown the last ones. */
  stats(): Stats;

  /** Keeps the process alive up to the shutdown. */
  ref(): this;

  /** Takes back `ref()`. */
  unref(): this;

  /**
   * Takes no more messages, delivers what there is until the time is over, then drops what is left and frees all.
   * A second call waits for the first; one that ends earlier shortens it. Rejects with an UndeliveredError.
   */
  shutdown(options?: Timeout): Promise<void>;

  /** Drops what is left at once and frees all. */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;

  on<Name extends EventName>(name: Name, listener: (event: ProducerEvents[Name]) => void): this;
  once<Name extends EventName>(name: Name, listener: (event: ProducerEvents[Name]) => void): this;
  off<Name extends EventName>(name: Name, listener: (event: ProducerEvents[Name]) => void): this;
  addListener<Name extends EventName>(name: Name, listener: (event: ProducerEvents[Name]) => void): this;
  removeListener<Name extends EventName>(name: Name, listener: (event: ProducerEvents[Name]) => void): this;
}

/** The base of every error with a status of the library. */
export class AsyncProducerError extends Error {
  constructor(status: number, message: string);
  readonly status: number;
  readonly code: StatusCode;
}

export class InvalidArgumentError extends AsyncProducerError {}
export class BufferOverflowError extends AsyncProducerError {}
export class MessageTooLargeError extends AsyncProducerError {}
export class ShutDownError extends AsyncProducerError {}
export class TimedOutError extends AsyncProducerError {}
export class ConfigError extends AsyncProducerError {}
export class ClientError extends AsyncProducerError {}
export class UndeliveredError extends AsyncProducerError {}
export class NoMemoryError extends AsyncProducerError {}
export class InternalError extends AsyncProducerError {}
export class UnsupportedError extends AsyncProducerError {}

/** One message failed or was dropped. */
export class DeliveryError extends AsyncProducerError {
  constructor(event: FailedEvent | DroppedEvent);
  readonly event: FailedEvent | DroppedEvent;
}

/** The shared library was not found, or is of another version. */
export class LibraryError extends AsyncProducerError {
  constructor(message: string);
}

/** The version of the loaded library and of the librdkafka inside it, such as "0.1.0 (librdkafka 2.12.1)". */
export function libraryVersion(): string;
