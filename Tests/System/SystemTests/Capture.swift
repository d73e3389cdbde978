import Foundation
import Testing

/// What went to and came from a server's port, written by dumpcap meanwhile and read by tshark afterwards.
enum Capture {
    /// One datagram as tshark decodes it.
    struct Frame: Sendable {
        let line: String
        let isFromServer: Bool
        /// For example `eth:ethertype:ip:udp:stun:data`.
        let protocols: [Substring]
        /// The type of the STUN message, for example `0x0103`; nil for ChannelData.
        let type: String?
        let channel: String?
        let isMalformed: Bool
        /// What tshark finds odd about the STUN message, a wrong FINGERPRINT for example.
        let remark: String

        /// True if tshark takes it for STUN or ChannelData and finds nothing wrong with it.
        var isDecoded: Bool { protocols.contains("stun") && !isMalformed && remark.isEmpty }
    }

    static var isPossible: Bool { Partners.canBuildNATs && Partners.has("dumpcap", "tshark", "ethtool") }

    /// Runs `body` and returns what was captured meanwhile in a namespace, `most` frames at most.
    ///
    /// A server may hand over several datagrams at once, which the network device takes apart (UDP_SEGMENT, udp(7)). Here
    /// the kernel shall do that before the capture, which would see them as one that is too long.
    nonisolated(nonsending) static func of(
        _ port: UInt16,
        on interface: String,
        in namespace: String,
        most: Int = 20_000,
        _ body: () async throws -> Void
    ) async throws -> [Frame] {
        try await withTemporaryFolder { folder in
            for link in ["lo", "eth0", "eth1"] {
                let command = ["ethtool", "-K", link, "tx-udp-segmentation", "off"]
                let end = try await Program.run(command, namespace: namespace)
                try #require(end.exitCode == 0 || link == "eth1", "\(end.output)")
            }
            let file = folder + "/frames.pcapng"
            let command = ["dumpcap", "-i", interface, "-f", "udp port \(port)", "-c", "\(most)", "-w", file]
            try await Program.running(command, namespace: namespace) { dumpcap in
                let isCapturing = await dumpcap.wait { $0.output.contains("File: ") }
                try #require(isCapturing, "\(dumpcap.state.output)")
                try await body()
                // It has ended by itself once it has the most that it shall take.
                if dumpcap.state.exitCode == nil { dumpcap.signal(SIGTERM) }
                _ = try await dumpcap.exitCode()
            }
            let fields = ["udp.srcport", "frame.protocols", "stun.type", "stun.channel", "_ws.malformed"]
            let decoding =
                ["tshark", "-n", "-r", file, "-d", "udp.port==\(port),stun", "-T", "fields", "-E", "separator=;"]
                + (fields + ["_ws.expert.message"]).flatMap { ["-e", $0] }
            let decoded = try await Program.run(decoding, limit: .seconds(90))
            try #require(decoded.exitCode == 0, "\(decoded.output)")
            return decoded.lines.compactMap { frame($0, port) }
        }
    }

    private static func frame(_ line: Substring, _ port: UInt16) -> Frame? {
        let columns = line.split(separator: ";", maxSplits: 5, omittingEmptySubsequences: false)
        guard columns.count == 6, let source = UInt16(columns[0]) else { return nil }
        func value(_ column: Int) -> String? { columns[column].isEmpty ? nil : String(columns[column]) }
        return Frame(
            line: String(line),
            isFromServer: source == port,
            protocols: columns[1].split(separator: ":"),
            type: value(2),
            channel: value(3),
            isMalformed: value(4) != nil,
            remark: String(withoutTraceroute(columns[5]))
        )
    }
    /// Without the note that tshark makes of any datagram whose client happens to have one of traceroute's ports
    /// (33434 and on): it says nothing about STUN, and which port the client has is the kernel's choice.
    private static func withoutTraceroute(_ remark: Substring) -> Substring {
        remark.replacing(/,?Possible traceroute: hop #[0-9]+, attempt #[0-9]+,?/, with: "")
    }
}
