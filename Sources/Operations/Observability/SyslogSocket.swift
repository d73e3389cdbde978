import Glibc

/// The local syslog daemon, spoken to in the form that glibc's `syslog` uses (RFC 3164 section 4.1, without host name).
///
/// Not glibc's own function: that one never tells when nobody listens.
struct SyslogSocket {
    /// The facility `daemon` (RFC 3164 section 4.1.1).
    private static let facility = 3

    let identifier: String
    let path: String
    private var descriptor: Descriptor?

    init(identifier: String, path: String) {
        self.identifier = identifier
        self.path = path
    }

    /// Sends one entry as one datagram; a daemon that was restarted is connected to anew.
    mutating func send(_ entry: LogEntry, format: LogLineForm) throws(SystemError) {
        let bytes = Array(Self.line(entry, format: format, identifier: identifier).utf8)
        if let open = descriptor {
            do throws(SystemError) {
                try open.send(bytes)
                return
            } catch {
                // A full queue is no reason to connect again: the daemon is there, but slow.
                guard error.number != EAGAIN else { throw error }
                descriptor = nil
            }
        }
        let new = try Descriptor.datagrams(to: path)
        try new.send(bytes)
        descriptor = new
    }

    /// `<29>Aug 13 15:30:48 stund[77]: [5] 1026 Started`; the time is local, as RFC 3164 section 4.1.2 wants it.
    static func line(_ entry: LogEntry, format: LogLineForm, identifier: String) -> String {
        let seconds = Int(entry.time / 1_000_000_000)
        let local = entry.time &+ Int64(localTimeOffset(at: seconds)) &* 1_000_000_000
        let stamp = CivilTime(nanosecondsSince1970: local).syslogTimestamp
        let priority = facility * 8 + entry.level.syslogSeverity
        return "<\(priority)>\(stamp) \(identifier)[\(getpid())]: \(entry.syslogLine(format))"
    }
}
