public import STUNCodec

/// What the requests of one source show of its client and its NAT, in fixed memory.
///
/// A server sees only what arrives. It tells what follows from that and nothing more: a source that asks one socket only,
/// and never for an answer from elsewhere, shows nothing.
public struct SourceBehaviour: Sendable, Equatable {
    /// What is seen of a NAT, or of there being none (RFC 4787 sections 4.1 and 5).
    public enum NATKind: String, Sendable, CaseIterable {
        /// Both addresses of the server were asked from this one address and port: the mapping does not depend on whom the
        /// client speaks to.
        case endpointIndependentMapping = "mapping-endpoint-independent"
        /// Both ports of one address of the server were asked from this one address and port: the mapping does not depend on
        /// the port; whether it depends on the address does not show.
        case portIndependentMapping = "mapping-port-independent"
        /// An answer from another socket than the one asked arrived: the client did not ask again.
        case openFiltering = "filtering-open"
        /// An answer from another socket than the one asked did not arrive: the client asked twice more, or more often.
        case restrictedFiltering = "filtering-restricted"
    }

    /// The wire dialect of the last request; nil when none could be read.
    public private(set) var dialect: Dialect?
    /// The moving average of the time between two requests, in milliseconds; nil after one request.
    public var interval: UInt32? { average > 0 ? average : nil }

    private var lastRequest = Instant.start
    private var average: UInt32 = 0
    /// A bit for each `SocketRole` that was asked.
    private var asked: UInt8 = 0
    private var otherAddress = Probe()
    private var otherPort = Probe()

    /// The last request for an answer from elsewhere.
    private struct Probe: Sendable, Equatable {
        /// How long after it a repetition would have come: RFC 8489 section 6.2.1 repeats after 0.5, 1.5 and 3.5 seconds.
        static let patience: UInt64 = 4_000_000_000

        /// The transaction id folded to 32 bits, never 0; 0 means that there was no such request.
        var transaction: UInt32 = 0
        /// How often it came again.
        var repetitions: UInt8 = 0
        var last = Instant.start

        mutating func see(_ id: TransactionID, now: Instant) {
            let bits = id.high ^ id.low
            let transaction = UInt32(truncatingIfNeeded: bits ^ bits >> 32) | 1
            if transaction == self.transaction {
                repetitions = min(repetitions, .max - 1) &+ 1
            } else {
                self.transaction = transaction
                repetitions = 0
            }
            last = now
        }

        /// Whether the answers arrive; nil when that does not show: one repetition may be a lost packet's.
        func isOpen(_ now: Instant) -> Bool? {
            guard transaction != 0 else { return nil }
            if repetitions >= 2 { return false }
            return repetitions == 0 && now.nanoseconds(since: last) >= Self.patience ? true : nil
        }

        func newer(_ other: Probe) -> Probe { other.transaction != 0 && other.last > last ? other : self }
    }

    /// Notes a request that was answered or could be.
    mutating func noteRequest(_ dialect: Dialect, on role: SocketRole, now: Instant) {
        self.dialect = dialect
        asked |= 1 << role.rawValue
        defer { lastRequest = now }
        guard lastRequest > .start else { return }
        let gap = max(1, UInt32(clamping: now.nanoseconds(since: lastRequest) / 1_000_000))
        // A quarter of what is new: a keep-alive shows after a few rounds, whatever haste came before it.
        average = average == 0 ? gap : UInt32(truncatingIfNeeded: (3 * UInt64(average) + UInt64(gap) + 2) / 4)
    }

    /// Notes that an answer leaves by another socket than the one asked, as the client wants it.
    mutating func noteChange(_ change: ChangeRequest, _ id: TransactionID, now: Instant) {
        if change.changesIP {
            otherAddress.see(id, now: now)
        } else if change.changesPort {
            otherPort.see(id, now: now)
        }
    }

    /// What is seen of the NAT: of its mapping first, then of its filtering; empty when nothing is.
    public func natKinds(at now: Instant) -> [NATKind] {
        [mapping, filtering(now)].compactMap(\.self)
    }

    private var mapping: NATKind? {
        let addresses = [asked & 0b0011, asked & 0b1100]
        if addresses.allSatisfy({ $0 != 0 }) { return .endpointIndependentMapping }
        return addresses.contains { $0.nonzeroBitCount == 2 } ? .portIndependentMapping : nil
    }

    private func filtering(_ now: Instant) -> NATKind? {
        let answers = [otherAddress.isOpen(now), otherPort.isOpen(now)]
        if answers.contains(false) { return .restrictedFiltering }
        return answers.contains(true) ? .openFiltering : nil
    }

    /// This and what another worker saw of the same source.
    func adding(_ other: SourceBehaviour) -> SourceBehaviour {
        var sum = other.lastRequest > lastRequest ? other : self
        sum.asked = asked | other.asked
        sum.otherAddress = otherAddress.newer(other.otherAddress)
        sum.otherPort = otherPort.newer(other.otherPort)
        if sum.average == 0 { sum.average = max(average, other.average) }
        return sum
    }
}
