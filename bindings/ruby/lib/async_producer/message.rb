# frozen_string_literal: true

module AsyncProducer
  # A message, as it was produced. Comes back in the events of messages that were not delivered:
  #
  #     producer.produce(message.value, **message.options)
  #
  # A key or value of nil is Kafka's null, and stays apart from an empty one. Headers are pairs of a name and a value,
  # since a name may come more than once. create_time is nil where the message has none yet.
  Message = Struct.new(:topic, :value, :key, :headers, :partition, :partition_key, :create_time) do
    # The keyword arguments of {Producer#produce}.
    def options
      to_h.except(:value)
    end
  end
end
