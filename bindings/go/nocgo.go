//go:build !cgo

package asyncproducer

// Not defined, so that the compiler says it.
var _ = asyncproducer_needs_cgo_and_a_C_compiler_CGO_ENABLED_must_be_1
