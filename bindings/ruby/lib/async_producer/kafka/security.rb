# frozen_string_literal: true

module AsyncProducer
  class Kafka
    # ruby-kafka's arguments for TLS and SASL, as properties of librdkafka.
    class Security
      DEFAULTS = {
        ssl_ca_cert: nil, ssl_ca_cert_file_path: nil, ssl_ca_certs_from_system: nil,
        ssl_client_cert: nil, ssl_client_cert_chain: nil, ssl_client_cert_key: nil, ssl_client_cert_key_password: nil,
        ssl_verify_hostname: true,
        sasl_plain_username: nil, sasl_plain_password: nil,
        sasl_scram_username: nil, sasl_scram_password: nil, sasl_scram_mechanism: nil,
        sasl_over_ssl: true
      }.freeze

      # The library has no such mechanism, or librdkafka no such property.
      REFUSED = %i[
        sasl_plain_authzid sasl_gssapi_principal sasl_gssapi_keytab sasl_oauth_token_provider
        sasl_aws_msk_iam_access_key_id sasl_aws_msk_iam_secret_key_id sasl_aws_msk_iam_aws_region
        sasl_aws_msk_iam_session_token
      ].freeze

      SCRAM = { "sha256" => "SCRAM-SHA-256", "sha512" => "SCRAM-SHA-512" }.freeze

      def initialize(**options)
        options.each_key { |name| raise ArgumentError, "unknown keyword: #{name}" unless known?(name) }
        options.slice(*REFUSED).each do |name, value|
          raise ConfigError, "#{name}: not supported" unless value.nil? || value == ""
        end
        @options = DEFAULTS.merge(options)
        check
      end

      def properties
        { "security.protocol" => protocol, **server, **client, **login }
      end

      private

      def known?(name)
        DEFAULTS.key?(name) || REFUSED.include?(name)
      end

      def [](name)
        @options.fetch(:"ssl_#{name}") { @options.fetch(:"sasl_#{name}") }
      end

      def check
        if self[:client_cert].nil? != self[:client_cert_key].nil?
          raise ConfigError, "ssl_client_cert and ssl_client_cert_key: give both, or none"
        end

        %i[client_cert_chain client_cert_key_password].each do |name|
          raise ConfigError, "ssl_#{name}: needs ssl_client_cert and its key" if self[name] && !self[:client_cert]
        end
        if self[:ca_certs_from_system] && authorities.any?
          raise ConfigError, "ssl_ca_certs_from_system: not together with ssl_ca_cert or ssl_ca_cert_file_path"
        end
        raise ConfigError, "sasl_over_ssl: SASL needs TLS, or sasl_over_ssl: false" if sasl? && !tls? && self[:over_ssl]
      end

      def protocol
        return tls? ? "sasl_ssl" : "sasl_plaintext" if sasl?

        "ssl" if tls?
      end

      def tls?
        self[:ca_certs_from_system] || self[:client_cert] || authorities.any?
      end

      def sasl?
        !login.empty?
      end

      # Certificates in PEM form.
      def authorities
        Array(self[:ca_cert]) + Array(self[:ca_cert_file_path]).map { |path| File.read(path) }
      rescue SystemCallError => e
        raise ConfigError, "ssl_ca_cert_file_path: #{e.message}"
      end

      def server
        { "ssl.ca.pem" => (authorities.join("\n") if authorities.any?),
          "ssl.endpoint.identification.algorithm" => ("none" unless self[:verify_hostname]) }
      end

      def client
        { "ssl.certificate.pem" => [self[:client_cert], self[:client_cert_chain]].compact.join("\n"),
          "ssl.key.pem" => self[:client_cert_key],
          "ssl.key.password" => self[:client_cert_key_password] }.reject { |_, value| value.nil? || value.empty? }
      end

      def login
        if self[:plain_username] && self[:plain_password]
          mechanism("PLAIN", self[:plain_username], self[:plain_password])
        elsif self[:scram_username] && self[:scram_password] && self[:scram_mechanism]
          mechanism(scram, self[:scram_username], self[:scram_password])
        else
          {}
        end
      end

      def mechanism(name, username, password)
        { "sasl.mechanism" => name, "sasl.username" => username, "sasl.password" => password }
      end

      def scram
        SCRAM.fetch(self[:scram_mechanism]) do
          raise ConfigError, "sasl_scram_mechanism: #{self[:scram_mechanism].inspect} is not allowed; " \
                             "\"sha256\" and \"sha512\" are"
        end
      end
    end
  end
end
