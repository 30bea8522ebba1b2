# frozen_string_literal: true

module AsyncProducer
  VERSION = "0.1.0"
end
