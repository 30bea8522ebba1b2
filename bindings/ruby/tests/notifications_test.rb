# frozen_string_literal: true

require_relative "helper"

class NotificationsTest < Minitest::Test
  def setup
    @notifications = AsyncProducer::Notifications.new
    @seen = []
  end

  def test_a_subscriber_of_one_argument_gets_an_event
    @notifications.subscribe("a.b") { |event| @seen << event }
    @notifications.instrument("a.b", { key: 1 }) { |payload| payload[:more] = 2 }
    event = @seen.first
    assert_equal ["a.b", { key: 1, more: 2 }], [event.name, event.payload]
    assert_operator event.duration, :>=, 0
  end

  def test_a_subscriber_of_five_gets_them_as_activesupport_gives_them
    @notifications.subscribe(/b\z/) { |name, start, ending, _id, payload| @seen << [name, start <= ending, payload] }
    @notifications.instrument("a.b", { key: 1 })
    assert_equal [["a.b", true, { key: 1 }]], @seen
  end

  def test_a_subscriber_may_be_an_object_or_take_all
    @notifications.subscribe(nil, Class.new { define_method(:call) { |event| event } }.new)
    @notifications.subscribe { |*arguments| @seen << arguments.size }
    @notifications.instrument("x")
    assert_equal [5], @seen
  end

  def test_who_listens_is_known
    refute @notifications.listening?("a.b")
    subscription = @notifications.subscribe("a.b") { |event| @seen << event }
    assert @notifications.listening?("a.b")
    refute @notifications.listening?("a.bc")
    @notifications.unsubscribe(subscription)
    refute @notifications.listening?("a.b")
    @notifications.instrument("a.b")
    assert_empty @seen
  end
end
