# frozen_string_literal: true

require "ffi"

require_relative "library"

module AsyncProducer
  # The functions of the C library under their own names; include/async_producer.h is their reference.
  #
  # A handle is a number that the library checks, so it is passed as one. These calls keep the interpreter's lock: they
  # are short, and a call that gives the lock up has to wait for it again. Those that may take long are in {Blocking}.
  module Native
    extend FFI::Library

    Library.load(self)

    attach_function :ap_version, [], :uint32
    Library.check(ap_version)

    PRODUCE = [:size_t, :string, :buffer_in, :size_t, :buffer_in, :size_t, :uint64].freeze
    PRODUCE_ARRAYS = [:size_t, :string, :buffer_in, :size_t, :buffer_in, :buffer_in, :size_t, :buffer_in, :size_t,
                      :uint64].freeze
    PRODUCE_PACKED = [:size_t, :buffer_in, :size_t].freeze

    attach_function :ap_version_string, [], :string
    attach_function :ap_status_name, [:int32], :string
    attach_function :ap_status_message, [:int32], :string

    attach_function :ap_config_new, [], :size_t
    attach_function :ap_config_set, [:size_t, :string, :string, :buffer_out, :size_t], :int32
    attach_function :ap_config_get, [:size_t, :string, :buffer_out, :buffer_inout], :int32
    attach_function :ap_config_set_event_callback, [:size_t, :uint32, :pointer, :pointer, :pointer], :int32
    attach_function :ap_config_free, [:size_t], :void

    attach_function :ap_new, [:size_t, :buffer_out, :buffer_out, :size_t], :int32
    attach_function :ap_free, [:size_t], :void
    attach_function :ap_produce, PRODUCE, :int32
    attach_function :ap_produce_arrays, PRODUCE_ARRAYS, :int64
    attach_function :ap_produce_packed, PRODUCE_PACKED, :int64
    attach_function :ap_deliver, [:size_t], :int32
    attach_function :ap_stats, [:size_t, :buffer_inout], :int32
    attach_function :ap_event_fd, [:size_t], :int32
    attach_function :ap_poll_events, [:size_t, :int64, :buffer_out, :size_t, :size_t], :int64
    attach_function :ap_event_text, [:size_t, :uint64, :buffer_out, :size_t], :int64
    attach_function :ap_event_message, [:size_t, :uint64, :buffer_out, :size_t], :int64

    # The calls that may take long: other Ruby threads run meanwhile. Those of {Native} with the same name are for a
    # producer that never waits.
    module Blocking
      extend FFI::Library

      ffi_lib Native.ffi_libraries.map(&:name)

      attach_function :ap_produce, PRODUCE, :int32, blocking: true
      attach_function :ap_produce_arrays, PRODUCE_ARRAYS, :int64, blocking: true
      attach_function :ap_produce_packed, PRODUCE_PACKED, :int64, blocking: true
      attach_function :ap_flush, [:size_t, :int64], :int32, blocking: true
      attach_function :ap_clear, [:size_t], :int64, blocking: true
      attach_function :ap_shutdown, [:size_t, :int64], :int32, blocking: true
    end
  end
end
