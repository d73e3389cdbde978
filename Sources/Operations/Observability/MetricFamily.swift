/// One metric with all its samples, as OpenMetrics 1.0 calls it.
public struct MetricFamily: Codable, Hashable, Sendable {
    /// What kind of figure it is.
    public enum Kind: String, Codable, Sendable {
        /// Only ever grows, until the server starts again.
        case counter
        /// Goes up and down.
        case gauge
        /// How many observations were at most how large.
        case histogram
        /// Facts as labels, with the value 1.
        case info
    }

    /// One value.
    public struct Sample: Codable, Hashable, Sendable {
        /// What follows the name of the family: `_total`, `_bucket`, `_sum`, `_count`, `_info` or nothing.
        public var suffix: String
        /// Names and values of the labels, in order.
        public var labels: [Label]
        /// The value.
        public var value: Double

        /// Makes a sample.
        public init(_ value: Double, suffix: String = "", labels: [Label] = []) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }
    }

    /// A label: never a user or an address, of which there may be millions.
    public struct Label: Codable, Hashable, Sendable {
        /// The name.
        public var name: String
        /// The value.
        public var value: String

        /// Makes a label.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The name, with the base unit at its end where there is one.
    public var name: String
    /// What kind of figure it is.
    public var kind: Kind
    /// What it tells, in one sentence.
    public var help: String
    /// The base unit: `seconds`, `bytes`; nil for plain counts.
    public var unit: String?
    /// The values.
    public var samples: [Sample]

    /// Makes a family.
    public init(_ name: String, _ kind: Kind, unit: String? = nil, help: String, samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
        self.samples = samples
    }
}
