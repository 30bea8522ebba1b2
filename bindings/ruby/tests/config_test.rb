# frozen_string_literal: true

require_relative "helper"

class ConfigTest < AsyncProducerTest
  def refused(properties)
    error = assert_raises(AsyncProducer::ConfigError) { make(properties) }
    assert_equal ["AP_ERR_CONFIG", -6], [error.status_name, error.status]
    assert_kind_of ArgumentError, error
    error.message
  end

  def test_what_is_wrong_is_named
    assert_match(/no\.such\.property/, refused("no.such.property" => 1))
    assert_match(/max_queue_size.*"0".*1 to/, refused("max_queue_size" => 0))
    assert_match(/bootstrap\.servers/, refused({}))
    assert_match(/delivery_threshold.*max_buffer_size/, refused(DEAD_BROKER.merge("delivery_threshold" => 5000)))
    assert_match(/event_mode/, refused("event_mode" => "callback"))
    assert_match(/client\.id.*NUL/, refused("client.id" => "a\0b"))
  end

  def test_transactions_are_not_supported
    error = assert_raises(AsyncProducer::Unsupported) { make("transactional.id" => "x") }
    assert_equal "AP_ERR_UNSUPPORTED", error.status_name
  end

  def test_symbols_may_have_underscores_for_dots
    producer = AsyncProducer.new(bootstrap_servers: %w[127.0.0.1:1 127.0.0.1:2], client_id: "shop",
                                 enable_idempotence: false, compression_codec: :gzip, max_queue_size: 7,
                                 delivery_interval: 0.25)
    assert_equal "#<AsyncProducer::Producer shop>", producer.inspect
    assert_equal 7, producer.stats.max_queue_size
    assert_match(/\Ano_such_property: /, refused(no_such_property: 1))
  end

  def test_properties_may_be_a_hash_or_arguments_or_both
    producer = AsyncProducer.new({ "bootstrap.servers" => "127.0.0.1:1" }, "max_queue_size" => 5, max_buffer_size: 6)
    assert_equal [5, 6], producer.stats.to_h.values_at(:max_queue_size, :max_buffer_size)
  end

  def test_nil_leaves_a_default
    assert_equal 1000, make(DEAD_BROKER, max_queue_size: nil).stats.max_queue_size
  end

  def test_a_secret_is_not_shown
    producer = make("bootstrap.servers" => "127.0.0.1:1", "sasl.password" => "secret")
    refute_includes producer.inspect, "secret"
  end

  def test_an_error_has_a_status_and_is_of_one_family
    error = assert_raises(AsyncProducer::Error) { make({}) }
    assert_kind_of StandardError, error
    assert_kind_of AsyncProducer::InternalError, AsyncProducer::Error.of(-4711, "what")
  end
end
