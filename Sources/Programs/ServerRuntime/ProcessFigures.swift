import Foundation

/// What the process itself takes of its host, as Linux tells it (proc(5)).
struct ProcessFigures: Sendable, Equatable {
    /// Seconds of CPU that it took, in user and system mode.
    var cpuSeconds: Double
    /// Bytes of its memory that are in RAM.
    var residentBytes: Double
    /// Bytes of its address space.
    var virtualBytes: Double
    /// Files and sockets that it has open.
    var openFiles: Int

    /// Looks now; nil on a host without /proc.
    static func now() -> ProcessFigures? {
        guard let stat = FileManager.default.contents(atPath: "/proc/self/stat"),
            let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        else { return nil }
        return ProcessFigures(
            stat: String(decoding: stat, as: UTF8.self),
            // One of them is the folder itself that was just read.
            openFiles: max(0, files.count - 1),
            ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)),
            pageSize: sysconf(Int32(_SC_PAGESIZE))
        )
    }

    /// Reads a line of /proc/PID/stat; nil when it is none.
    init?(stat: String, openFiles: Int, ticksPerSecond: Int, pageSize: Int) {
        // The second field is the program's name in parentheses, which may hold anything.
        guard let end = stat.lastIndex(of: ")"), ticksPerSecond > 0 else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ").map(String.init)
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let size = Double(fields[20]), let pages = Double(fields[21])
        else { return nil }
        cpuSeconds = (user + system) / Double(ticksPerSecond)
        virtualBytes = size
        residentBytes = pages * Double(pageSize)
        self.openFiles = openFiles
    }
}
