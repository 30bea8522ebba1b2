'use strict';

const { library } = require('./library');
const { Status, errorOf } = require('./errors');

const TOPIC = /^(?!\.\.?$)[\w.-]{1,249}$/;

/** The error of a refused message, or of a refused batch: it names what is wrong, which the status alone does not. */
function refusal(status, messages) {
  return errorOf(status, textOf(status, messages));
}

function textOf(status, messages) {
  switch (status) {
    case Status.BUFFER_OVERFLOW:
      return 'The limit of messages (max_queue_size) or of bytes (max_pending_bytes) is reached; nothing was queued.';
    case Status.SHUT_DOWN:
      return 'The producer is shut down or shutting down; nothing was queued.';
    case Status.MESSAGE_TOO_LARGE:
      return `A message${to(messages)} is larger than message.max.bytes or max_pending_bytes; nothing was queued.`;
    case Status.INVALID_ARGUMENT:
      return wrongArgument(messages);
    default:
      return library().ap_status_message(status);
  }
}

function to(messages) {
  return messages.length === 1 ? ` to the topic ${JSON.stringify(messages[0].topic)}` : '';
}

function wrongArgument(messages) {
  for (const { topic, partition, timestamp } of messages) {
    if (!TOPIC.test(topic)) {
      const allowed = '1 to 249 letters, digits, dots, underscores and hyphens are, but not "." and ".."';
      return `The topic ${JSON.stringify(topic)} is not allowed; ${allowed}. Nothing was queued.`;
    }
    if (partition < -1) return `The partition ${partition} is not allowed; 0 or more is. Nothing was queued.`;
    if (timestamp < 0) return `The timestamp ${Number(timestamp)} is not allowed; 0 or more is. Nothing was queued.`;
  }
  return 'The name of a header has a NUL, which is not allowed. Nothing was queued.';
}

module.exports = { refusal };
