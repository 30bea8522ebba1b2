# frozen_string_literal: true

require "stringio"

require_relative "helper"

# What is hard to bring about with a broker.
class ReporterTest < Minitest::Test
  # Gives the event that was asked for.
  Source = Struct.new(:next_event) do
    def event(_entry, _topic = nil)
      next_event
    end
  end

  def setup
    @log = StringIO.new
    @told = []
    @subscription = AsyncProducer.instrumenter.subscribe(/\.kafka\z/) { |event| @told << [event.name, event.payload] }
  end

  def teardown
    AsyncProducer.instrumenter.unsubscribe(@subscription)
  end

  def report(event, logger: Logger.new(@log), handler: nil)
    reporter = AsyncProducer::Reporter.new(source: Source.new(event), ledger: nil, logger: logger, handler: handler,
                                           instrumenter: AsyncProducer::Instrumenter.new("shop"),
                                           handled: AsyncProducer::Event::KINDS)
    reporter.report([1, 0, -1, 0, 0, AsyncProducer::Event.mask([event.kind]), 0, 0, -1, 1, 0, 0])
    reporter.conclude
    reporter.summarize
  end

  def event(kind, **fields)
    AsyncProducer::Event.new(kind).tap { |event| fields.each { |name, value| event[name] = value } }
  end

  def test_a_retry
    report(event(:retry, topic: "t", partition: 3, text: "2 messages are sent again", message_count: 2))
    assert_match(/WARN -- : 2 messages are sent again/, @log.string)
    topic_error, error = @told
    assert_equal ["topic_error.producer.kafka", "t", "2 messages are sent again"],
                 [topic_error.first, topic_error.last[:topic], topic_error.last[:exception].last]
    assert_equal ["error.async_producer.kafka", []], [error.first, error.last[:error].failed_messages]
    assert_equal "shop", error.last[:client_id]
  end

  def test_a_log_line_has_its_level
    levels = { 0 => "ERROR", 3 => "ERROR", 4 => "WARN", 5 => "INFO", 6 => "INFO", 7 => "DEBUG", 99 => "DEBUG" }
    levels.each do |level, name|
      report(event(:log, status: level, text: "line"))
      assert_match(/#{name} -- : line/, @log.string.lines.last)
    end
  end

  def test_a_logger_that_raises_stops_nothing
    logger = Object.new
    def logger.warn(*) = raise(IOError, "closed stream")
    def logger.error(*) = raise(IOError, "closed stream")
    handled = []
    _, error = capture_io { report(event(:retry, text: "again"), logger: logger, handler: handled.method(:push)) }
    assert_match(/an event handler raised IOError: closed stream/, error)
    assert_equal [:retry], handled.map(&:kind)
  end

  def test_a_subscriber_that_raises_keeps_nobody_else_from_it
    watch = AsyncProducer.instrumenter.subscribe("topic_error.producer.kafka") { |_event| raise "no" }
    report(event(:retry, topic: "t", text: "again"))
    assert_equal %w[topic_error.producer.kafka error.async_producer.kafka], @told.map(&:first)
    assert_match(/an event handler raised RuntimeError: no/, @log.string)
  ensure
    AsyncProducer.instrumenter.unsubscribe(watch)
  end
end
