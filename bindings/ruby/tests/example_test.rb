# frozen_string_literal: true

require_relative "helper"

class ExampleTest < AsyncProducerTest
  EXAMPLE = [RbConfig.ruby, "-W", "-I#{LIB}", File.expand_path("../example/produce.rb", __dir__)].freeze

  def test_it_sends_to_the_mock_cluster
    out, error, status = Timeout.timeout(LIMIT) { Open3.capture3({ "BROKERS" => nil }, *EXAMPLE) }
    assert_predicate status, :success?, error
    assert_match(/\A100000 accepted, 100000 delivered, 0 lost, /, out)
    assert_empty error
  end

  def test_ctrl_c_loses_nothing
    reading, writing = IO.pipe
    pid = spawn({ "BROKERS" => nil }, *EXAMPLE, "100000000", out: writing)
    writing.close
    wait_until("it sends") { threads(pid).include?("ap-worker") }
    Process.kill(:INT, pid)
    status = Timeout.timeout(LIMIT) { Process.wait2(pid).last }
    assert_equal 130, status.exitstatus
    accepted, delivered, lost = reading.read.scan(/\d+/).map(&:to_i)
    assert_equal [accepted, 0], [delivered, lost]
  end

  def test_ctrl_c_in_the_shutdown_drops_what_a_broker_that_is_away_does_not_take
    reading, writing = IO.pipe
    pid = spawn({ "BROKERS" => "127.0.0.1:1" }, *EXAMPLE, "1", out: writing, err: File::NULL)
    writing.close
    wait_until("it shuts down") { threads(pid).include?("ap-wait") }
    Process.kill(:INT, pid)
    status = Timeout.timeout(LIMIT) { Process.wait2(pid).last }
    assert_equal 130, status.exitstatus
    assert_match(/\A1 accepted, 0 delivered, 1 lost, /, reading.read)
  end

  private

  def threads(pid)
    Dir.glob("/proc/#{pid}/task/*/comm").map { |file| File.read(file).chomp }
  rescue SystemCallError
    []
  end
end
