# frozen_string_literal: true

require_relative "helper"

class LedgerTest < Minitest::Test
  Ledger = AsyncProducer::Ledger

  def setup
    @ledger = Ledger.new
  end

  def test_a_tag_has_the_topic_and_the_delivery
    delivery, tag = @ledger.open("a")
    assert_equal "a", @ledger.topic(tag)
    assert_same delivery, @ledger.close(tag)
    assert_nil @ledger.close(tag)
  end

  def test_a_tag_without_a_delivery
    assert_equal "b", @ledger.topic(@ledger.tag("b"))
    assert_nil @ledger.close(@ledger.tag("b"))
  end

  def test_topics_past_the_limit_are_not_known
    Ledger::TOPICS.times { |number| @ledger.tag("topic #{number}") }
    assert_nil @ledger.topic(@ledger.tag("one more"))
    assert_equal "topic 0", @ledger.topic(@ledger.tag("topic 0"))
    assert_equal "topic #{Ledger::TOPICS - 1}", @ledger.topic(@ledger.tag("topic #{Ledger::TOPICS - 1}"))
  end

  def test_tags_are_what_the_library_takes_and_ruby_keeps_in_a_word
    tag = (Ledger::TOPICS << Ledger::DELIVERY_BITS) | Ledger::DELIVERIES
    assert_operator tag, :<, 2**62
  end

  def test_numbers_begin_again_at_the_end
    @ledger.tags("a", Ledger::DELIVERIES - 1)
    numbers = Array.new(3) { @ledger.open("a").last & Ledger::DELIVERIES }
    assert_equal [Ledger::DELIVERIES, 1, 2], numbers
  end

  def test_what_is_abandoned_is_settled
    delivery, = @ledger.open("a")
    @ledger.abandon
    error = assert_raises(AsyncProducer::DeliveryFailed) { delivery.wait }
    assert_equal "AP_ERR_INTERNAL", error.status_name
  end
end
