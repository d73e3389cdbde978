import Addresses
import Foundation

/// Who holds a port on this host, as far as /proc shows it to us.
enum PortHolder {
    /// "coturn (pid 812)", or nil when nobody can be named.
    ///
    /// - `tcp`: whether it is a TCP port that is listened at; else a UDP port.
    static func describe(_ address: SocketAddress, tcp: Bool = false) -> String? {
        switch holder(of: address, tcp: tcp) {
        case nil: nil
        case .some(nil): "another user's program (`ss -l\(tcp ? "t" : "u")np` as root names it)"
        case .some(.some(let program)): "\(program.name) (pid \(program.pid))"
        }
    }

    /// Whether systemd holds the port, for a .socket unit; false as well when we may not see who does.
    static func isSystemd(_ address: SocketAddress, tcp: Bool = false) -> Bool {
        guard case .some(.some(let program)) = holder(of: address, tcp: tcp) else { return false }
        return program.pid == "1" && program.name == "systemd"
    }

    /// nil when nobody holds it, and nil inside when it is not to be seen who does.
    private static func holder(of address: SocketAddress, tcp: Bool) -> (name: String, pid: String)?? {
        let inodes = inodes(holding: address, tcp: tcp)
        guard !inodes.isEmpty else { return .none }
        let wanted = Set(inodes.map { "socket:[\($0)]" })
        let files = FileManager.default
        for pid in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(pid) != nil {
            let folder = "/proc/\(pid)/fd"
            for descriptor in (try? files.contentsOfDirectory(atPath: folder)) ?? [] {
                guard let target = try? files.destinationOfSymbolicLink(atPath: "\(folder)/\(descriptor)"),
                    wanted.contains(target)
                else { continue }
                let name = (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) ?? "a program"
                return (name.trimmingCharacters(in: .whitespacesAndNewlines), pid)
            }
        }
        return .some(nil)
    }

    /// The inodes of sockets that are bound to the port, on this address or on all.
    private static func inodes(holding address: SocketAddress, tcp: Bool) -> [String] {
        // A socket on `::` without IPV6_V6ONLY holds the port of IPv4 too and is listed among those of IPv6.
        let name = tcp ? "tcp" : "udp"
        let tables = address.address.family == .v4 ? [name, name + "6"] : [name + "6"]
        var found: [String] = []
        for table in tables {
            // Read to its end: files in /proc tell no size, and what reads by size stops after the first 4 kB.
            let data = try? FileHandle(forReadingAtPath: "/proc/net/\(table)")?.readToEnd()
            let text = String(decoding: data ?? Data(), as: UTF8.self)
            for line in text.split(separator: "\n").dropFirst() {
                // "  sl  local_address rem_address st ... inode": the tenth field, addresses as hex words of the host.
                let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                guard fields.count > 9, let colon = fields[1].lastIndex(of: ":"),
                    let port = UInt16(fields[1][fields[1].index(after: colon)...], radix: 16), port == address.port
                else { continue }
                // 0A: it listens. Connections are listed too.
                if tcp, fields[3] != "0A" { continue }
                let holder = fields[1][..<colon]
                let isEverywhere = holder.allSatisfy { $0 == "0" } || address.address.isUnspecified
                if isEverywhere || holder == hexWords(address.address) { found.append(String(fields[9])) }
            }
        }
        return found
    }

    /// An address as /proc/net/udp prints it: 32-bit words in the host's byte order.
    private static func hexWords(_ address: IPAddress) -> String {
        let words: [UInt64] =
            address.family == .v4
            ? [address.low]
            : [address.high >> 32, address.high & 0xFFFF_FFFF, address.low >> 32, address.low & 0xFFFF_FFFF]
        return words.map { word in
            let digits = String(UInt32(truncatingIfNeeded: word).bigEndian, radix: 16, uppercase: true)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }
}
