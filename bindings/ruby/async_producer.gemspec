# frozen_string_literal: true

require_relative "lib/async_producer/version"

Gem::Specification.new do |spec|
  spec.name = "async_producer"
  spec.version = AsyncProducer::VERSION
  spec.summary = "Hands messages to Kafka in the background."
  spec.description = "The calls of ruby-kafka's asynchronous producer, on top of the C library async_producer " \
                     "(Rust and librdkafka). The library itself is installed apart."
  spec.authors = ["The async_producer authors"]
  spec.licenses = ["MIT", "Apache-2.0"]
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir.chdir(__dir__) { Dir["lib/**/*.rb", "README.md"] }
  spec.add_dependency "ffi", "~> 1.15", ">= 1.15.5"
  spec.metadata["rubygems_mfa_required"] = "true"
end
