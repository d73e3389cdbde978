import Foundation
import ServerSettings

/// How much memory this process may use: the machine's, or what its control group allows where that is less.
enum HostMemory {
    /// What allocations may take under a setting, in bytes; `Int.max` for no limit.
    ///
    /// `auto` is half: the rest is for the program itself, for packets in the kernel's buffers, and for other programs.
    static func ceiling(_ limit: MemoryLimit, available: Int? = available()) -> Int {
        switch limit {
        case .auto: available.map { $0 / 2 } ?? .max
        case .unlimited: .max
        case .bytes(let count): count
        }
    }

    /// The bytes that there are; nil on a host that does not tell.
    ///
    /// - `read`: the text of a file, nil when it cannot be read.
    static func available(reading read: (String) -> String? = text) -> Int? {
        let machine = read("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
            .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }
            .map { $0.multipliedReportingOverflow(by: 1024) }.flatMap { $0.overflow ? nil : $0.partialValue }
        let groups = (read("/proc/self/cgroup") ?? "").split(separator: "\n").flatMap { limitFiles(ofGroup: $0) }
        // Without a limit cgroup v2 says "max", and v1 a number near 2^63.
        let limits = groups.compactMap { read($0).flatMap { Int($0.filter { !$0.isWhitespace }) } }
        return (limits + [machine].compactMap(\.self)).filter { $0 > 0 }.min()
    }

    /// The files that may hold a limit for a line of /proc/self/cgroup: those of the group and of all above it
    /// (cgroups(7)).
    private static func limitFiles(ofGroup line: Substring) -> [String] {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return [] }
        let isSecond = parts[0] == "0" && parts[1].isEmpty
        guard isSecond || parts[1].split(separator: ",").contains("memory") else { return [] }
        let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
        let name = isSecond ? "memory.max" : "memory.limit_in_bytes"
        var files = ["\(root)/\(name)"]
        var path = root
        // A name such as `..` stands for a group outside of this process's view, which no file of it shows.
        for part in parts[2].split(separator: "/") where part != ".." {
            path += "/\(part)"
            files.append("\(path)/\(name)")
        }
        return files
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
