import Addresses
import Administration
import Observability
import PacketEngine
import ServerCore
import ServerSettings

// From the words of the core and the log to those of the reports that people read.

extension LogReport.Entry {
    init(_ entry: LogEntry) {
        self.init(
            level: Int(entry.level.rawValue),
            code: Int(entry.code.rawValue),
            time: entry.timestamp,
            text: entry.text,
            address: entry.addressText,
            remark: entry.remark,
            pdu: entry.pdu.map { pdu in pdu.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() },
            decoded: entry.pdu.flatMap { MessageDescription($0, length: entry.pduLength)?.lines }
        )
    }
}

extension LogLevel {
    init(_ number: Int) {
        self = LogLevel(rawValue: UInt8(clamping: number)) ?? .notice
    }
}

extension Settings {
    /// The form of log lines, as the log names it.
    var lineFormat: LogLineForm { logFormat == .json ? .json : .text }
}

extension LogDestination {
    /// Where the log goes: the log file if one is set, and the terminal in the foreground; detached and without a log
    /// file, to syslog.
    static func all(for settings: Settings, isDetached: Bool) -> [LogDestination] {
        let file = settings.logFile.map { [LogDestination.file(path: $0)] } ?? []
        if !isDetached { return [.standardError] + file }
        return file.isEmpty ? [.syslog(identifier: "stund")] : file
    }
}

extension Listeners.Listener {
    /// "udp 0.0.0.0:3478", and what is special about it.
    var text: String { ListenPlan.text(socket.local, isRead: isRead, isSecure: isSecure) }
}

extension ListenPlan.Socket {
    /// The same, before it is opened.
    var text: String { ListenPlan.text(local, isRead: isRead, isSecure: isSecure) }
}

extension ListenPlan {
    fileprivate static func text(_ local: SocketAddress, isRead: Bool, isSecure: Bool) -> String {
        "udp \(local)" + (isRead ? "" : " (answers only)") + (isSecure ? " (DTLS)" : "")
    }
}

extension Listeners.Group {
    /// Where requests are answered, a line each.
    var texts: [String] {
        var texts: [String] = []
        // Of sockets that systemd has passed there may be several at one address.
        for text in sockets.filter({ !$0.isShortcut }).map(\.text) + streams.map({ "tcp \($0.local)" })
        where !texts.contains(text) { texts.append(text) }
        return texts
    }
}
