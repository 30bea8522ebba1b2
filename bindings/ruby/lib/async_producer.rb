# frozen_string_literal: true

require "logger"

require_relative "async_producer/version"
require_relative "async_producer/native"
require_relative "async_producer/errors"
require_relative "async_producer/clock"
require_relative "async_producer/message"
require_relative "async_producer/column"
require_relative "async_producer/arguments"
require_relative "async_producer/record"
require_relative "async_producer/event"
require_relative "async_producer/event_source"
require_relative "async_producer/stats"
require_relative "async_producer/config"
require_relative "async_producer/ledger"
require_relative "async_producer/instrumenter"
require_relative "async_producer/reporter"
require_relative "async_producer/reader"
require_relative "async_producer/open_producers"
require_relative "async_producer/producer"

# Hands messages to Kafka in the background: the Ruby form of the library async_producer.
module AsyncProducer
  # A {Producer}; the arguments are those of {Producer#initialize}.
  def self.new(...)
    Producer.new(...)
  end

  # Yields a {Producer} and shuts it down afterwards, also where the block raises; answers what the block does.
  def self.open(...)
    producer = Producer.new(...)
    begin
      yield producer
    ensure
      producer.shutdown
    end
  end

  # The version of the library and of the librdkafka in it.
  def self.library_version
    Native.ap_version_string
  end
end
