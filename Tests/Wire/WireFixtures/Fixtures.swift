public import Foundation

/// The files under `Tests/Fixtures`.
public enum Fixtures {
    /// The folder, found from this file's own place.
    public static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")

    /// The package's folder.
    public static let package = folder.deletingLastPathComponent().deletingLastPathComponent()

    /// The bytes of one file, by its path below the folder.
    public static func bytes(_ path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: folder.appending(path: path)))
    }

    /// Every datagram there is, by its path below the folder, in order of path.
    public static func datagrams() throws -> [(path: String, bytes: [UInt8])] {
        let suffixes = [".bin", ".raw", ".stun"]
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return try paths.sorted().filter { path in suffixes.contains { path.hasSuffix($0) } }.map { path in
            (path, try bytes(path))
        }
    }

    /// One line of `iana-stun-parameters.tsv`.
    public struct Registration: Sendable {
        /// `method`, `attribute` or `error`.
        public let registry: String
        /// Its number.
        public let number: Int
        /// Its name as IANA writes it.
        public let name: String
        /// The numbers of the RFCs that define it.
        public let rfcs: [String]
    }

    /// IANA's table.
    public static func registrations() throws -> [Registration] {
        let text = try String(contentsOf: folder.appending(path: "iana-stun-parameters.tsv"), encoding: .utf8)
        return text.split(separator: "\n").dropFirst().compactMap { line in
            let columns = line.split(separator: "\t").map(String.init)
            let digits = columns[1]
            let number = digits.hasPrefix("0x") ? Int(digits.dropFirst(2), radix: 16) : Int(digits)
            guard columns.count == 5, let number else { return nil }
            let rfcs = columns[3].split(separator: ",").map(String.init)
            return Registration(registry: columns[0], number: number, name: columns[2], rfcs: rfcs)
        }
    }
}
