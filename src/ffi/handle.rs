//! Handles: numbers dressed as pointers, checked at every use and never followed.
//!
//! A handle names a slot and a generation of it. The slots are never freed, so looking one up is safe whatever the
//! number; what is in a slot is freed only when no call is inside it. Calls count themselves in on a shard of their
//! thread's, so that threads using the same producer do not fight for a cache line.

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;

use crate::config::Config;
use crate::fork;
use crate::producer::Producer;
use crate::sync;
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use crate::sync::{Condvar, Mutex, Once, PoisonError};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("handles need 64-bit pointers");

pub static CONFIGS: Registry<Config> = Registry::new(0x2B);
pub static PRODUCERS: Registry<Producer> = Registry::new(0x55);

/// A handle as a number: generation (28 bits), slot (28), kind (7), and a 1, which no aligned address ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(usize);

const KIND_BITS: u32 = 7;
const SLOT_BITS: u32 = 28;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;
const GENERATION_MASK: u32 = (1 << 28) - 1;

impl Handle {
    fn new(kind: usize, slot: usize, generation: u32) -> Handle {
        let generation = (generation & GENERATION_MASK) as usize;
        Handle((generation << (SLOT_BITS + KIND_BITS + 1)) | (slot << (KIND_BITS + 1)) | (kind << 1) | 1)
    }

    pub fn from_pointer<T>(pointer: *const T) -> Handle {
        Handle(pointer.addr())
    }

    pub fn to_pointer<T>(self) -> *mut T {
        ptr::without_provenance_mut(self.0)
    }

    fn kind(self) -> usize {
        (self.0 >> 1) & ((1 << KIND_BITS) - 1)
    }

    fn slot(self) -> usize {
        (self.0 >> (KIND_BITS + 1)) & SLOT_MASK
    }

    fn generation(self) -> u32 {
        (self.0 >> (SLOT_BITS + KIND_BITS + 1)) as u32
    }
}

/// Slots come in chunks, each twice as large as the one before: 64, 128, ... so a slot never moves.
const CHUNKS: usize = 20;
const FIRST_CHUNK: usize = 64;

pub struct Registry<T> {
    kind: usize,
    chunks: [AtomicPtr<Slot<T>>; CHUNKS],
    /// Slots ever used.
    used: AtomicUsize,
    free: Mutex<Vec<usize>>,
}

const SHARDS: usize = 8;

#[repr(align(64))]
struct Shard(AtomicUsize);

struct Slot<T> {
    /// Odd while something is in it; one more at each change.
    generation: AtomicU32,
    object: AtomicPtr<T>,
    shards: [Shard; SHARDS],
    /// Woken when a call leaves a slot that is being emptied.
    left: (Mutex<()>, Condvar),
}

impl<T> Slot<T> {
    fn new() -> Slot<T> {
        Slot {
            generation: AtomicU32::new(0),
            object: AtomicPtr::new(ptr::null_mut()),
            shards: [const { Shard(AtomicUsize::new(0)) }; SHARDS],
            left: (Mutex::new(()), Condvar::new()),
        }
    }

    fn is_in_use(&self) -> bool {
        self.shards.iter().any(|shard| shard.0.load(SeqCst) > 0)
    }
}

impl<T: Send + Sync + 'static> Registry<T> {
    pub const fn new(kind: usize) -> Registry<T> {
        Registry {
            kind,
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            used: AtomicUsize::new(0),
            free: Mutex::new(Vec::new()),
        }
    }

    /// Takes an object in. `None`: there is no slot left.
    pub fn insert(&'static self, object: T) -> Option<Handle> {
        watch_forks();
        let number = fork::exclude(|| self.free_slot())?; // A child must not inherit the lock locked.
        let slot = self.slot(number)?;
        slot.object.store(Box::into_raw(Box::new(object)), SeqCst);
        let generation = slot.generation.fetch_add(1, SeqCst) + 1;
        Some(Handle::new(self.kind, number, generation))
    }

    /// The object of a handle, which stays while the pin is held.
    #[inline(always)]
    pub fn pin(&'static self, handle: Handle) -> Option<Pin<'static, T>> {
        let slot = self.checked_slot(handle)?;
        let shard = &slot.shards[shard_of_thread()].0;
        shard.fetch_add(1, SeqCst);
        let mut pin = Pin { slot, shard, object: ptr::null(), generation: fork::generation(), borrow: PhantomData };
        if slot.generation.load(SeqCst) & GENERATION_MASK != handle.generation() {
            return None;
        }
        pin.object = slot.object.load(SeqCst);
        Some(pin)
    }

    /// Takes an object out, once no call is inside it. `None`: the handle is of nothing, or another thread was first.
    pub fn remove(&'static self, handle: Handle) -> Option<T> {
        self.remove_after(handle, |_| ())
    }

    /// As `remove`; `interrupt` sends away the calls that wait inside.
    pub fn remove_after(&'static self, handle: Handle, interrupt: impl FnOnce(&T)) -> Option<T> {
        let slot = self.checked_slot(handle)?;
        let now = slot.generation.load(SeqCst);
        let is_it = now & GENERATION_MASK == handle.generation() && now & 1 == 1;
        if !is_it || slot.generation.compare_exchange(now, now.wrapping_add(1), SeqCst, SeqCst).is_err() {
            return None;
        }
        let object = slot.object.load(SeqCst);
        // SAFETY: put there by `insert`; the change of generation made this thread its only owner but for pins.
        interrupt(unsafe { &*object });
        let mut guard = slot.left.0.lock().unwrap_or_else(PoisonError::into_inner);
        while slot.is_in_use() {
            guard = slot.left.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        slot.object.store(ptr::null_mut(), SeqCst);
        fork::exclude(|| self.free.lock().unwrap_or_else(PoisonError::into_inner).push(handle.slot()));
        // SAFETY: made by Box::into_raw; no pin is left.
        Some(*unsafe { Box::from_raw(object) })
    }

    /// Puts `fresh` in the place of an object for which `stale` holds; the old one is left alone for ever, because it may
    /// not be touched (it belongs to a parent process). Where another thread was first, `fresh` is dropped.
    pub fn replace(&'static self, handle: Handle, fresh: T, stale: fn(&T) -> bool) {
        let Some(pin) = self.pin(handle) else { return };
        let old = pin.object.cast_mut();
        if !stale(&pin) {
            return;
        }
        let fresh = Box::into_raw(Box::new(fresh));
        if pin.slot.object.compare_exchange(old, fresh, SeqCst, SeqCst).is_err() {
            // SAFETY: nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh) });
        }
    }

    /// In a forked child: the calls that other threads had under way do not exist here.
    fn forget_calls(&self) {
        for number in 0..self.used.load(Relaxed) {
            if let Some(slot) = self.slot(number) {
                for shard in &slot.shards {
                    shard.0.store(0, SeqCst);
                }
            }
        }
    }

    #[inline(always)]
    fn checked_slot(&'static self, handle: Handle) -> Option<&'static Slot<T>> {
        let is_ours = handle.0 & 1 == 1 && handle.kind() == self.kind && handle.generation() & 1 == 1;
        if is_ours && handle.slot() < self.used.load(SeqCst) { self.slot(handle.slot()) } else { None }
    }

    fn slot(&self, number: usize) -> Option<&Slot<T>> {
        let (chunk, offset) = locate(number);
        let base = self.chunks.get(chunk)?.load(SeqCst);
        // SAFETY: chunks are published whole, never freed, and hold `chunk_len` slots.
        if base.is_null() { None } else { Some(unsafe { &*base.add(offset) }) }
    }

    fn free_slot(&self) -> Option<usize> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = free.pop() {
            return Some(number);
        }
        let number = self.used.load(SeqCst);
        let (chunk, _) = locate(number);
        let place = self.chunks.get(chunk)?;
        if place.load(SeqCst).is_null() {
            let slots: Box<[Slot<T>]> = (0..chunk_len(chunk)).map(|_| Slot::new()).collect();
            place.store(Box::leak(slots).as_mut_ptr(), SeqCst);
        }
        self.used.store(number + 1, SeqCst);
        Some(number)
    }
}

fn chunk_len(chunk: usize) -> usize {
    FIRST_CHUNK << chunk
}

/// The chunk of a slot and its place in it.
fn locate(number: usize) -> (usize, usize) {
    let chunk = (number / FIRST_CHUNK + 1).ilog2() as usize;
    (chunk, number - FIRST_CHUNK * ((1 << chunk) - 1))
}

fn shard_of_thread() -> usize {
    sync::thread_number() % SHARDS
}

fn watch_forks() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        fork::watch(|| {
            CONFIGS.forget_calls();
            PRODUCERS.forget_calls();
        });
    });
}

/// A call inside an object.
pub struct Pin<'a, T> {
    slot: &'a Slot<T>,
    shard: &'a AtomicUsize,
    object: *const T,
    /// The process that counted it in: a child of fork has forgotten it.
    generation: u32,
    borrow: PhantomData<&'a T>,
}

impl<T> Deref for Pin<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: read from the slot while pinned, and not freed before the pin is dropped.
        unsafe { &*self.object }
    }
}

impl<T> Drop for Pin<'_, T> {
    fn drop(&mut self) {
        if self.generation != fork::generation() {
            return;
        }
        self.shard.fetch_sub(1, SeqCst);
        // Even: the slot is being emptied, and somebody may wait for this call to leave.
        if self.slot.generation.load(SeqCst) & 1 == 0 {
            drop(self.slot.left.0.lock().unwrap_or_else(PoisonError::into_inner));
            self.slot.left.1.notify_all();
        }
    }
}
