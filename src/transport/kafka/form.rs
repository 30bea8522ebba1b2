//! The form a produce call is filled in on.
//!
//! librdkafka's fields are 72 bytes each, so the messages of a window share one form: what they have in common is written
//! once, and of the rest no more than differs.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use rd::rd_kafka_vtype_t as Type;
use rdkafka::bindings as rd;

use crate::message::Message;

/// How many fields are written once.
const COMMON: usize = 2;

pub struct Form {
    fields: [rd::rd_kafka_vu_t; COMMON + 5],
}

impl Form {
    pub fn new(topic: *mut rd::rd_kafka_topic_t, partition: i32) -> Form {
        let mut form = Form { fields: [EMPTY; COMMON + 5] };
        form.put(0, Type::RD_KAFKA_VTYPE_RKT, |value| value.rkt = topic);
        form.put(1, Type::RD_KAFKA_VTYPE_PARTITION, |value| value.i32_ = partition);
        form
    }

    /// Fills in a message; `headers` may be NULL. The form refers to the message's memory.
    pub fn fill(
        &mut self,
        message: &Message,
        ticket: usize,
        headers: *mut rd::rd_kafka_headers_t,
    ) -> &[rd::rd_kafka_vu_t] {
        let mut end = COMMON;
        let mut add = |kind, fill: &dyn Fn(&mut Value)| {
            self.put(end, kind, fill);
            end += 1;
        };
        add(Type::RD_KAFKA_VTYPE_TIMESTAMP, &|value| value.i64_ = message.timestamp_ms());
        add(Type::RD_KAFKA_VTYPE_OPAQUE, &|value| value.ptr = ticket as *mut c_void);
        if let Some(bytes) = message.value() {
            add(Type::RD_KAFKA_VTYPE_VALUE, &|value| value.mem = memory(bytes));
        }
        if let Some(key) = message.key() {
            add(Type::RD_KAFKA_VTYPE_KEY, &|value| value.mem = memory(key));
        }
        if !headers.is_null() {
            add(Type::RD_KAFKA_VTYPE_HEADERS, &|value| value.headers = headers);
        }
        &self.fields[..end]
    }

    fn put(&mut self, index: usize, kind: Type, fill: impl FnOnce(&mut Value)) {
        let field = &mut self.fields[index];
        field.vtype = kind;
        fill(&mut field.u);
    }
}

type Value = rd::rd_kafka_vu_s__bindgen_ty_1;

/// SAFETY: a union of plain data, for which zeros will do; librdkafka reads only what the type names.
const EMPTY: rd::rd_kafka_vu_t =
    rd::rd_kafka_vu_t { vtype: Type::RD_KAFKA_VTYPE_END, u: unsafe { MaybeUninit::zeroed().assume_init() } };

/// Not NULL, also where it is empty: NULL is null.
fn memory(bytes: &[u8]) -> rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: bytes.as_ptr().cast_mut().cast(), size: bytes.len() }
}
