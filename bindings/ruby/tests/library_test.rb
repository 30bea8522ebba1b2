# frozen_string_literal: true

require "fileutils"
require "tmpdir"

require_relative "helper"

class LibraryTest < AsyncProducerTest
  LOAD = 'require "async_producer"; puts AsyncProducer.library_version'

  def library
    AsyncProducer::Native.ffi_libraries.first.name
  end

  def test_s1_the_library_is_loaded_and_has_the_version_of_the_gem
    major, minor, = AsyncProducer::VERSION.split(".").map(&:to_i)
    version = AsyncProducer::Native.ap_version
    assert_equal [major, minor], [version >> 16, (version >> 8) & 0xFF]
    assert_match(/\A#{major}\.#{minor}\.\d+ \(librdkafka \d/, AsyncProducer.library_version)
  end

  def test_the_environment_names_the_file
    Dir.mktmpdir do |directory|
      copy = File.join(directory, "renamed.so")
      FileUtils.cp(ENV.fetch("ASYNC_PRODUCER_LIBRARY"), copy)
      out = ruby!("#{LOAD}; puts File.read('/proc/self/maps')", env: { "ASYNC_PRODUCER_LIBRARY" => copy })
      assert_includes out, copy
    end
  end

  def test_nothing_else_is_tried_where_the_environment_names_a_file
    _, error, status = ruby(LOAD, env: { "ASYNC_PRODUCER_LIBRARY" => "/no/such/library.so" })
    refute_predicate status, :success?
    assert_match(%r{cannot be loaded; tried /no/such/library\.so \(.*\)\. Install it, or set ASYNC_PRODUCER_}, error)
    refute_match(/libasync_producer\.so\.0 \(/, error)
  end

  def test_a_library_in_the_folder_of_the_gem_comes_before_the_systems
    Dir.mktmpdir do |directory|
      FileUtils.cp_r(LIB, directory)
      bundled = File.join(directory, "lib/async_producer/libasync_producer.so.0")
      FileUtils.cp(ENV.fetch("ASYNC_PRODUCER_LIBRARY"), bundled)
      command = [RbConfig.ruby, "-I#{directory}/lib", "-e", "#{LOAD}; puts File.read('/proc/self/maps')"]
      out, error, status = Open3.capture3({ "ASYNC_PRODUCER_LIBRARY" => nil }, *command)
      assert_predicate status, :success?, error
      assert_includes out, bundled
    end
  end

  def test_the_systems_loader_finds_it_by_its_soname
    Dir.mktmpdir do |directory|
      FileUtils.cp(ENV.fetch("ASYNC_PRODUCER_LIBRARY"), File.join(directory, "libasync_producer.so.0"))
      out = ruby!("#{LOAD}; puts File.read('/proc/self/maps')",
                  env: { "ASYNC_PRODUCER_LIBRARY" => nil, "LD_LIBRARY_PATH" => directory })
      assert_includes out, directory
    end
  end

  def test_what_was_tried_is_said_where_there_is_no_library
    _, error, status = ruby(LOAD, env: { "ASYNC_PRODUCER_LIBRARY" => nil, "LD_LIBRARY_PATH" => nil })
    refute_predicate status, :success?
    assert_match(/AsyncProducer::Library::LoadError/, error)
    assert_match(/tried libasync_producer\.so\.0 \(/, error)
  end

  def test_another_version_is_refused
    [[0, 0, 9], [0, 2, 0], [1, 1, 0]].each do |major, minor, patch|
      error = assert_raises(LoadError) { AsyncProducer::Library.check((major << 16) | (minor << 8) | patch) }
      assert_includes error.message, "#{major}.#{minor}.#{patch}"
      assert_includes error.message, AsyncProducer::VERSION
    end
    assert_nil AsyncProducer::Library.check((0 << 16) | (1 << 8) | 7)
  end
end
