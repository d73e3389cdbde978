import Foundation

/// Where the programs are that the tests work with, and why a test cannot run here.
enum Partners {
    /// The root of the clone, found from this file.
    static let root = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/")
        .replacingOccurrences(of: "//", with: "/")

    /// The server under test, which the build laid beside the tests.
    static let stund = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("stund").path

    /// The client under test, beside it.
    static let stun = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("stun").path

    static let namespaces = root + "/Scripts/nat-namespaces"
    static let pystun3 = root + "/.build-python/bin/pystun3"

    /// Programs of the tests in Python, beside this target's folder.
    static let helpers = root + "/Tests/System/Helpers"
    /// The Python that has what Scripts/install-packages fetched from PyPI.
    static let python = root + "/.build-python/bin/python3"
    /// True if aiortc is there, and aioice with it.
    static let hasPythonPeers: Bool = {
        let folder = root + "/.build-python/lib"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return versions.contains {
            FileManager.default.fileExists(atPath: "\(folder)/\($0)/site-packages/aiortc/__init__.py")
        }
    }()

    /// True if Debian's own python3 can use libnice.
    static let hasLibnice: Bool = {
        let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
        let hasTypes = folders.contains {
            FileManager.default.fileExists(atPath: "/usr/lib/\($0)/girepository-1.0/Nice-0.1.typelib")
        }
        return hasTypes && FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/gi")
    }()

    /// The reference servers, named by their full path: ours has the same name as vovida's.
    static let vovidaStund = "/usr/sbin/stund"

    static func path(of program: String) -> String? {
        let candidates =
            program.contains("/")
            ? [program]
            : ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].map { "\($0)/\(program)" }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static func has(_ programs: String...) -> Bool { programs.allSatisfy { path(of: $0) != nil } }

    static let isRoot = geteuid() == 0

    /// Nil if network namespaces and NATs can be built here, else the reason, as the script itself tells it.
    static let reasonAgainstNamespaces: String? = {
        Program.starting.lock()
        defer { Program.starting.unlock() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: namespaces)
        process.arguments = ["check"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        guard (try? process.run()) != nil else { return "Scripts/nat-namespaces cannot be run" }
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        if process.terminationStatus == 0 { return nil }
        return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }()

    static let canBuildNATs = reasonAgainstNamespaces == nil

    /// True if this host has the IPv6 loopback address; containers often have none.
    static let hasIPv6 = textOfProcFile("/proc/net/if_inet6").contains("00000000000000000000000000000001")
}
