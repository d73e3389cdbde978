import Foundation
import Testing

@testable import Administration

@Suite("The pid file tells which process runs, by its lock")
struct PidFileTests {
    @Test("it holds the process id and goes away with the server")
    func lifetime() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/new/stund.pid"
        let file = try PidFile.take(at: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "\(getpid())\n")
        #expect(try mode(of: folder.path + "/new") == 0o700)
        file.remove()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("a second server is refused and the first one named")
    func inUse() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/stund.pid"
        let file = try PidFile.take(at: path)
        #expect(throws: PidFileError.inUse(path: path, pid: getpid())) { try PidFile.take(at: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "\(getpid())\n")
        file.remove()
        try PidFile.take(at: path).remove()
    }

    @Test("the file of a dead server is taken over, however long its text is")
    func stale() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/stund.pid"
        try Data("1234567890123\n".utf8).write(to: URL(fileURLWithPath: path))
        let file = try PidFile.take(at: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "\(getpid())\n")
        file.remove()
    }

    @Test("a folder that cannot be made is told of this file alone")
    func noFolder() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/none/stund.yaml.d/stund.pid"
        let error = try #require(throws: PidFileError.self) { try PidFile.take(at: path) }
        #expect(
            error.description.hasPrefix("the pid file \(path) can't be written: its folder can't be made: "),
            "\(error)"
        )
    }

    @Test("a link is not followed into the file of somebody else")
    func link() throws {
        let folder = try TemporaryFolder()
        let victim = folder.path + "/victim"
        try Data("keep".utf8).write(to: URL(fileURLWithPath: victim))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/stund.pid",
            withDestinationPath: victim
        )
        #expect(throws: PidFileError.self) { try PidFile.take(at: folder.path + "/stund.pid") }
        #expect(FileManager.default.contents(atPath: victim) == Data("keep".utf8))
    }

    @Test("removing leaves the file of a successor alone")
    func successor() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/stund.pid"
        let first = try PidFile.take(at: path)
        try FileManager.default.removeItem(atPath: path)
        let second = try PidFile.take(at: path)
        first.remove()
        #expect(FileManager.default.fileExists(atPath: path))
        second.remove()
    }
}
