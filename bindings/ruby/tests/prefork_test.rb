# frozen_string_literal: true

require "tmpdir"

require_relative "helper"

# A preforking server against a real Kafka, whose log shows what arrived twice or not at all.
class PreforkTest < AsyncProducerTest
  KAFKA = File.expand_path("../../../tests/kafka/kafka", __dir__)
  RECORD = /<~null~><~>(\S+)<~end~>$/

  def kafka(*arguments)
    out, error, status = Timeout.timeout(10 * LIMIT) { Open3.capture3(KAFKA, *arguments) }
    assert status.success?, error
    out
  end

  def with_broker
    Dir.mktmpdir do |directory|
      broker = File.join(directory, "broker")
      yield broker, kafka("start", broker)[/bootstrap=(\S+)/, 1]
    ensure
      kafka("kill", broker)
    end
  end

  # What the server printed: an array of the other words of each line, by the first one.
  def serve(brokers)
    command = [RbConfig.ruby, "-W", "-I#{LIB}", File.join(__dir__, "prefork.rb"), brokers, "prefork"]
    out, error, status = Timeout.timeout(10 * LIMIT) { Open3.capture3(*command) }
    assert_equal ["", true], [error, status.success?]
    out.lines.map(&:split).group_by(&:shift).tap { |lines| lines.default = [] }
  end

  def test_r51_eight_workers_of_a_preforking_server
    with_broker do |broker, brokers|
      said = serve(brokers)
      assert_empty said["lost"]
      assert_equal (8 * 4) + 3, said["sent"].size
      expected = said["sent"].flat_map { |who, count| Array.new(count.to_i) { |number| "#{who}:#{number}" } }
      found = kafka("read", broker, "prefork").scan(RECORD).flatten
      assert_empty found.tally.select { |_, times| times > 1 }, "twice"
      assert_empty expected - found, "missing"
      assert_empty found - expected, "from nowhere"
      check_ends(said)
    end
  end

  def check_ends(said)
    began, ended = said.values_at("ends", "ended").map { |lines| lines.to_h { |pid, time| [pid, time.to_i] } }
    assert_equal 8, ended.size
    slowest = began.map { |pid, time| ended.fetch(pid) - time }.max / 1e9
    puts format("r51: the slowest of 8 workers ended in %.3f s", slowest)
    assert_operator slowest, :<, LIMIT
  end
end
