# frozen_string_literal: true

require_relative "helper"

class RecordTest < Minitest::Test
  Record = AsyncProducer::Record

  def test_a_record_has_the_form_of_the_header
    record = Record.pack("to", "val", "k", [["h", "x"], ["n", nil]], 3, "pk", 1_700_000_000_123, 42)
    fixed = record.unpack("L<2l<4q<Q<L<2")
    assert_equal [record.bytesize, 2, 3, 1, 3, 2, 1_700_000_000_123, 42, 2, 0], fixed
    assert_equal "to\0kvalpk#{[1, 1].pack("L<l<")}h\0x#{[1, -1].pack("L<l<")}n\0".b, record[48..]
  end

  def test_a_message_survives_the_way_there_and_back
    headers = [["grüße", "\xFF".b], ["", ""], ["null", nil]]
    record = Record.pack("t", nil, "", headers, nil, nil, 0, 0)
    assert_equal AsyncProducer::Message.new("t", nil, "", headers, nil, nil, nil), Record.unpack(record)
  end

  def test_names_are_text_and_the_rest_is_bytes
    message = Record.unpack(Record.pack("t", "v", "k", [["näme", "v"]], nil, nil, 0, 0))
    assert_equal Encoding::UTF_8, message.headers.first.first.encoding
    assert_equal Encoding::UTF_8, message.topic.encoding
    assert_equal [Encoding::BINARY] * 3, [message.value, message.key, message.headers.first.last].map(&:encoding)
  end
end
