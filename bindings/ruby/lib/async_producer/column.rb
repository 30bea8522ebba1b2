# frozen_string_literal: true

module AsyncProducer
  # The values, or the keys, of a batch as ap_produce_arrays() takes them: joined in one, with their sizes.
  class Column
    NULL = -1

    # All the bytes; the sizes as a packed array of int32; how many.
    attr_reader :bytes, :sizes, :count

    def initialize(strings)
      strings = strings.map { |string| string.nil? || string.is_a?(String) ? string : string.to_s }
      @bytes = join(strings)
      @sizes = strings.map { |string| string ? string.bytesize : NULL }.pack("l*")
      @count = strings.size
    end

    def bytesize
      @bytes.bytesize
    end

    # No message has one.
    NONE = Struct.new(:bytes, :bytesize, :sizes).new(nil, 0, nil).freeze

    private

    def join(strings)
      strings.join
    rescue Encoding::CompatibilityError
      strings.map { |string| string&.b }.join
    end
  end
end
