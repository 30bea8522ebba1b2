package asyncproducer

// #include <async_producer.h>
import "C"

import "strings"

// Status is an answer of the library that is not "done". Every error of this package is one or wraps one: compare with
// errors.Is(err, ErrBufferOverflow), or take it out with errors.As.
type Status int32

const (
	// ErrInvalidArgument: an argument is not allowed, such as an illegal topic. Nothing was done.
	ErrInvalidArgument Status = C.AP_ERR_INVALID_ARGUMENT
	// ErrBufferOverflow: the limit of messages or of bytes is reached. Nothing was queued.
	ErrBufferOverflow Status = C.AP_ERR_BUFFER_OVERFLOW
	// ErrMessageTooLarge: the message is larger than message.max.bytes or max_pending_bytes. Nothing was queued.
	ErrMessageTooLarge Status = C.AP_ERR_MESSAGE_TOO_LARGE
	// ErrShutDown: Shutdown or Close has begun. Nothing was queued.
	ErrShutDown Status = C.AP_ERR_SHUT_DOWN
	// ErrTimedOut: the context ended first.
	ErrTimedOut Status = C.AP_ERR_TIMED_OUT
	// ErrConfig: an unknown property, a value that is not allowed, or properties that contradict each other.
	ErrConfig Status = C.AP_ERR_CONFIG
	// ErrClient: the Kafka client or a thread of the library could not be started.
	ErrClient Status = C.AP_ERR_CLIENT
	// ErrUndelivered: messages were not delivered; each was reported.
	ErrUndelivered Status = C.AP_ERR_UNDELIVERED
	// ErrWouldDeadlock: a blocking call where it could never return.
	ErrWouldDeadlock Status = C.AP_ERR_WOULD_DEADLOCK
	// ErrNoMemory: memory could not be allocated. Nothing was done.
	ErrNoMemory Status = C.AP_ERR_NO_MEMORY
	// ErrInternal: a defect of the library was contained; the producer refuses further work.
	ErrInternal Status = C.AP_ERR_INTERNAL
	// ErrUnsupported: not available in this library.
	ErrUnsupported Status = C.AP_ERR_UNSUPPORTED
)

// Name is the status as C writes it, such as AP_ERR_BUFFER_OVERFLOW; that of 0 is AP_OK.
func (s Status) Name() string {
	return C.GoString(C.ap_status_name(C.ap_status_t(s)))
}

func (s Status) text() string {
	return strings.TrimSuffix(C.GoString(C.ap_status_message(C.ap_status_t(s))), ".")
}

// Error is the name of the status and what it means.
func (s Status) Error() string {
	return s.Name() + ": " + s.text()
}

// Error is a Status with a sentence that names the key or the value at fault and what is allowed.
type Error struct {
	Status Status
	Text   string
	// Cause is why a context ended, where that is what happened.
	Cause error
}

func (e *Error) Error() string {
	text := e.Status.Name() + ": " + e.Text
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap answers the status, and the cause where there is one.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Status}
	}
	return []error{e.Status, e.Cause}
}
