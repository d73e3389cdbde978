// Unsafe: clocks and files of /proc are read through pointers.

import Glibc
import PacketEngine

/// What processors have done until now, read at both ends of a measured stretch.
///
/// The server's CPU time is that of all its threads, to the nanosecond; it is the sum of what /proc/PID/stat tells in
/// hundredths of a second, of which the parts are shown. On loopback the sender of a datagram pays for its delivery up to
/// the receiver's socket, so a server is charged with the way of what it sends. That is the same for every server.
struct ServerMeter: Sendable {
    /// Nanoseconds of the monotonic clock.
    var time: UInt64 = 0
    /// Seconds of CPU of the server; 0 when no process was named.
    var server = 0.0
    /// Its seconds in user code, in coarse steps.
    var user = 0.0
    /// Its seconds in the kernel, in coarse steps.
    var system = 0.0
    /// Seconds of CPU of this program.
    var own = 0.0
    /// Seconds in which any processor was busy.
    var busy = 0.0
    /// Seconds that a hypervisor took away.
    var stolen = 0.0

    /// Reads all of it; nil when the process does not exist.
    static func read(_ process: Int32?) -> ServerMeter? {
        var meter = ServerMeter()
        let ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
        let machine = words(textOfFile("/proc/stat").prefix { $0 != "\n" })
        if machine.count > 8, machine[0] == "cpu" {
            let numbers = machine[1...8].map { Double($0) ?? 0 }
            // user, nice, system, idle, iowait, irq, softirq, steal (proc(5)).
            meter.busy = (numbers[0] + numbers[1] + numbers[2] + numbers[5] + numbers[6]) / ticks
            meter.stolen = numbers[7] / ticks
        }
        if let process {
            var clock = clockid_t()
            guard unsafe clock_getcpuclockid(process, &clock) == 0 else { return nil }
            meter.server = seconds(of: clock)
            let text = textOfFile("/proc/\(process)/stat")
            let fields = words(text[(text.lastIndex(of: ")").map { text.index(after: $0) } ?? text.startIndex)...])
            if fields.count > 12 {
                meter.user = (Double(fields[11]) ?? 0) / ticks
                meter.system = (Double(fields[12]) ?? 0) / ticks
            }
        }
        meter.own = seconds(of: CLOCK_PROCESS_CPUTIME_ID)
        meter.time = SystemClock.monotonic()
        return meter
    }

    /// The resident memory of a process in kB; 0 when it is not known.
    static func residentKilobytes(_ process: Int32?) -> Int {
        guard let process else { return 0 }
        // Counted page by page, while the figure of `status` is an estimate.
        for (file, key) in [("smaps_rollup", "Rss:"), ("status", "VmRSS:")] {
            for line in textOfFile("/proc/\(process)/\(file)").split(separator: "\n") where line.hasPrefix(key) {
                if let number = words(line[...]).dropFirst().first.flatMap({ Int($0) }) { return number }
            }
        }
        return 0
    }

    private static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        guard unsafe clock_gettime(clock, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func words(_ text: Substring) -> [Substring] {
        text.split { $0 == " " || $0 == "\t" || $0 == "\n" }
    }

    /// The first 8 kB of a small file.
    private static func textOfFile(_ path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    /// Does nothing for so long.
    static func pause(nanoseconds: UInt64) {
        var time = timespec(
            tv_sec: Int(clamping: nanoseconds / 1_000_000_000),
            tv_nsec: Int(clamping: nanoseconds % 1_000_000_000)
        )
        var rest = timespec()
        while unsafe nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
    }

    /// Has the kernel wake this thread as exactly as it can, where it would else be up to 50 us late.
    static func wakeExactly() {
        let descriptor = unsafe open("/proc/self/timerslack_ns", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var one = UInt8(ascii: "1")
        _ = unsafe Glibc.write(descriptor, &one, 1)
    }
}
