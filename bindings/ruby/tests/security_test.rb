# frozen_string_literal: true

require "tempfile"

require_relative "helper"

# ruby-kafka's arguments for TLS and SASL; in a process of its own, as everything of async_producer/kafka.
class SecurityTest < AsyncProducerTest
  def properties(arguments)
    ruby!(<<~RUBY).chomp
      require "async_producer/kafka"
      begin
        properties = AsyncProducer::Kafka::Security.new(#{arguments}).properties
        p properties.compact.map { |pair| pair.join("=") }.join(" ")
      rescue AsyncProducer::ConfigError => e
        puts e.message
      end
    RUBY
  end

  def test_nothing
    assert_equal '""', properties("")
  end

  def test_authorities
    assert_equal '"security.protocol=ssl ssl.ca.pem=ONE\nTWO"', properties('ssl_ca_cert: ["ONE", "TWO"]')
    Tempfile.create do |file|
      file.write("FILE")
      file.flush
      assert_equal '"security.protocol=ssl ssl.ca.pem=ONE\nFILE"',
                   properties("ssl_ca_cert: 'ONE', ssl_ca_cert_file_path: #{file.path.dump}")
    end
    assert_match(/ssl_ca_cert_file_path: No such file/, properties('ssl_ca_cert_file_path: "/no/such/file"'))
    assert_equal '"security.protocol=ssl"', properties("ssl_ca_certs_from_system: true")
    assert_match(/ssl_ca_certs_from_system: not together/,
                 properties('ssl_ca_certs_from_system: true, ssl_ca_cert: "x"'))
    assert_equal '"security.protocol=ssl ssl.endpoint.identification.algorithm=none"',
                 properties("ssl_ca_certs_from_system: true, ssl_verify_hostname: false")
  end

  def test_a_certificate_of_the_client
    assert_equal '"security.protocol=ssl ssl.certificate.pem=CERT\nCHAIN ssl.key.pem=KEY ssl.key.password=secret"',
                 properties('ssl_client_cert: "CERT", ssl_client_cert_key: "KEY", ssl_client_cert_chain: "CHAIN", ' \
                            'ssl_client_cert_key_password: "secret"')
    assert_match(/give both, or none/, properties('ssl_client_cert: "CERT"'))
    assert_match(/ssl_client_cert_chain: needs/, properties('ssl_client_cert_chain: "CHAIN"'))
  end

  def test_sasl
    assert_equal '"security.protocol=sasl_ssl ssl.ca.pem=CA sasl.mechanism=PLAIN sasl.username=u sasl.password=p"',
                 properties('ssl_ca_cert: "CA", sasl_plain_username: "u", sasl_plain_password: "p"')
    assert_equal '"security.protocol=sasl_plaintext sasl.mechanism=SCRAM-SHA-512 sasl.username=u sasl.password=p"',
                 properties('sasl_scram_username: "u", sasl_scram_password: "p", sasl_scram_mechanism: "sha512", ' \
                            "sasl_over_ssl: false")
    assert_match(/SASL needs TLS/, properties('sasl_plain_username: "u", sasl_plain_password: "p"'))
    assert_match(/sasl_scram_mechanism: "md5"/, properties('sasl_scram_username: "u", sasl_scram_password: "p", ' \
                                                         'sasl_scram_mechanism: "md5"'))
  end

  def test_the_library_takes_them
    out = ruby!(<<~RUBY)
      require "openssl"
      require "async_producer/kafka"
      key = OpenSSL::PKey::RSA.new(2048)
      certificate = OpenSSL::X509::Certificate.new
      certificate.subject = certificate.issuer = OpenSSL::X509::Name.parse("/CN=test")
      certificate.not_before = Time.now - 60
      certificate.not_after = Time.now + 3600
      certificate.public_key = key.public_key
      certificate.serial = 1
      certificate.sign(key, OpenSSL::Digest.new("SHA256"))
      kafka = Kafka.new("127.0.0.1:1", ssl_ca_cert: certificate.to_pem, ssl_client_cert: certificate.to_pem,
                        ssl_client_cert_key: key.to_pem, sasl_plain_username: "u", sasl_plain_password: "secret",
                        logger: Logger.new(nil))
      producer = kafka.async_producer
      print producer.produce("v", topic: "t").inspect, producer.clear_buffer, kafka.inspect.include?("secret")
      producer.shutdown
    RUBY
    assert_equal "nil1false", out
  end
end
